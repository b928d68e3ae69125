"""Deliveries: in order, again after a failure, never by two workers, and each with one id."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from podium.registry import outbox
from podium.registry.events import EventType, registered_model_deleted
from podium.registry.webhooks import hooks, queue
from podium.registry.webhooks.history import State, replay
from podium.registry.webhooks.hooks import Changes, Hook, Status
from podium.registry.webhooks.queue import LeaseLost, Result
from podium.registry.webhooks.schedule import GIVE_UP_MS
from podium.registry.webhooks.sender import Answer
from podium.registry.webhooks.spread import spread
from podium.registry.webhooks.tables import Delivery
from podium.registry.webhooks.upkeep import give_up_waiting
from podium.tracker import audit
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from sqlalchemy import event, func, select, text

from .conftest import GUARD, Bench, url

HOUR = 3_600_000


def test_every_webhook_hears_of_every_event_in_order(bench: Bench) -> None:
    bench.hook("a")
    bench.hook("b")
    told = bench.tell(*["one", "two"] * 60)
    bench.work()
    assert bench.sender.ids(url("a")) == told
    assert bench.sender.ids(url("b")) == told


def test_an_event_of_a_change_that_was_undone_is_none(bench: Bench) -> None:
    bench.hook()
    with bench.db.writing() as session, contextlib.suppress(RuntimeError), session.begin_nested():
        outbox.emit(session, registered_model_deleted(name="m"))
        raise RuntimeError
    bench.work()
    assert bench.sender.sent == []


def test_a_webhook_hears_of_nothing_that_was_before_it(bench: Bench) -> None:
    bench.tell("early")
    with bench.db.writing() as session:
        session.execute(text("UPDATE outbox_events SET created = created - 1000"))
    bench.hook()
    bench.work()
    assert bench.sender.sent == []


def test_a_failure_is_tried_again_with_the_same_id_and_body(bench: Bench) -> None:
    hook = bench.hook()
    bench.sender.answers[url("a")] = 500
    [event_id] = bench.tell("m")
    bench.work()
    assert len(bench.sender.sent) == 1
    bench.work(later=3_000)
    assert len(bench.sender.sent) == 1, "not so soon"
    bench.work(later=4_000)
    bench.sender.answers[url("a")] = 200
    bench.work(later=HOUR)
    assert bench.sender.ids() == [event_id] * 3
    assert len({each.body for each in bench.sender.sent}) == 1
    assert len({each.headers["webhook-timestamp"] for each in bench.sender.sent}) == 3
    assert [each.headers["X-Podium-Attempt"] for each in bench.sender.sent] == ["1", "2", "3"]
    [delivery] = bench.log(hook)
    assert delivery.state is State.DELIVERED
    assert [each.status for each in delivery.attempts] == [500, 500, 200]
    assert hooks.get_webhook(bench.db, hook.webhook_id).failing_since is None


def test_what_comes_behind_a_failure_waits_for_it_other_models_do_not(bench: Bench) -> None:
    bench.hook()
    first, second, other, third = bench.tell("m", "m", "n", "m")
    bench.sender.answers[url("a")] = lambda message: Answer(
        500 if message.headers["webhook-id"] == first else 200, 1
    )
    bench.work()
    assert bench.sender.ids() == [first, other]
    [late] = bench.tell("m")
    bench.work(later=1000)
    assert bench.sender.ids() == [first, other]
    bench.sender.answers.clear()
    bench.work(later=7_000)
    assert bench.sender.ids() == [first, other, first, second, third, late]


def test_retry_after_is_honoured(bench: Bench) -> None:
    bench.hook()
    bench.sender.answers[url("a")] = Answer(429, 1, retry_after=600)
    bench.tell("m")
    bench.work()
    bench.work(later=599_000)
    assert len(bench.sender.sent) == 1
    bench.work(later=1_000)
    assert len(bench.sender.sent) == 2


def exhaust(bench: Bench) -> None:
    """Three days, an hour at a time."""
    for _ in range(GIVE_UP_MS // HOUR + 1):
        bench.work(later=HOUR)


def test_after_three_days_it_is_given_up_and_the_webhook_is_switched_off(bench: Bench) -> None:
    hook = bench.hook()
    witness = bench.hook("b", events=[EventType.WEBHOOK_DISABLED])
    bench.sender.answers[url("a")] = 500
    bench.tell("m", "m")
    exhaust(bench)
    given_up, waiting = bench.log(hook)
    assert given_up.state is State.GIVEN_UP
    assert 12 <= len(given_up.attempts) <= 24
    assert waiting.state is State.PENDING
    now = hooks.get_webhook(bench.db, hook.webhook_id)
    assert (now.status, now.disabled_reason) == (
        Status.DISABLED,
        "no delivery has succeeded for days",
    )
    [notice] = bench.log(witness)
    assert notice.event == EventType.WEBHOOK_DISABLED
    sent = len(bench.sender.sent)
    bench.tell("m")
    bench.work(later=HOUR)
    assert len(bench.sender.sent) == sent, "switched off is silent"


def test_one_bad_event_does_not_switch_a_webhook_off(bench: Bench) -> None:
    hook = bench.hook()
    [bad, *_] = bench.tell("m")
    bench.sender.answers[url("a")] = lambda message: Answer(
        500 if message.headers["webhook-id"] == bad else 200, 1
    )
    for _ in range(GIVE_UP_MS // (6 * HOUR) + 1):
        bench.tell("n")
        bench.work(later=6 * HOUR)
    assert bench.log(hook)[0].state is State.GIVEN_UP
    assert hooks.get_webhook(bench.db, hook.webhook_id).status is Status.ACTIVE


def test_gone_means_gone(bench: Bench) -> None:
    hook = bench.hook()
    bench.sender.answers[url("a")] = 410
    bench.tell("m", "n")
    bench.work()
    assert len(bench.sender.sent) == 1
    now = hooks.get_webhook(bench.db, hook.webhook_id)
    assert (now.status, now.disabled_reason) == (
        Status.DISABLED,
        "its receiver answered 410 Gone",
    )


def test_what_waited_is_sent_when_the_webhook_is_switched_on_again(bench: Bench) -> None:
    hook = bench.hook()
    bench.sender.answers[url("a")] = 410
    _, second = bench.tell("m", "m")
    bench.work()
    bench.sender.answers.clear()
    bench.now += 10 * 24 * HOUR
    switch(bench, hook, Status.ACTIVE)
    bench.work()
    assert bench.sender.ids()[1:] == [second]
    now = hooks.get_webhook(bench.db, hook.webhook_id)
    assert (now.status, now.disabled_reason, now.failing_since) == (Status.ACTIVE, "", None)


def switch(bench: Bench, hook: Hook, status: Status) -> None:
    wanted = Changes(status=status)
    hooks.update_webhook(bench.db, bench.keyring, GUARD, hook.webhook_id, wanted=wanted)


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by its receiver"])
def test_what_happens_while_a_webhook_is_switched_off_waits_for_it(
    bench: Bench, by_hand: bool
) -> None:
    hook = bench.hook()
    if by_hand:
        switch(bench, hook, Status.DISABLED)
    else:
        bench.sender.answers[url("a")] = 410
        bench.tell("m")
        bench.work()
        bench.sender.answers.clear()
    before = len(bench.sender.sent)
    told = bench.tell("m", "n", "m")
    bench.work(later=HOUR)
    assert len(bench.sender.sent) == before, "switched off is silent"
    assert [each.state for each in bench.log(hook)][-3:] == [State.PENDING] * 3
    switch(bench, hook, Status.ACTIVE)
    bench.work()
    assert bench.sender.ids()[before:] == told


def test_what_waits_for_a_webhook_that_stays_switched_off_is_given_up_after_three_days(
    bench: Bench,
) -> None:
    hook, failing = bench.hook(), bench.hook("b")
    switch(bench, hook, Status.DISABLED)
    bench.sender.answers[url("b")] = 500
    bench.tell("old")
    bench.work()
    days_ago = text("UPDATE webhook_deliveries SET begun = begun - :ms")
    with bench.db.writing() as session:
        session.execute(days_ago, {"ms": GIVE_UP_MS + 60_000})
    [new] = bench.tell("new")
    bench.work()
    assert give_up_waiting(bench.db) == 1
    assert give_up_waiting(bench.db) == 0
    old, waiting = bench.log(hook)
    assert (old.state, old.attempts) == (State.GIVEN_UP, ())
    assert waiting.state is State.PENDING
    assert {each.state for each in bench.log(failing)} == {State.PENDING}, "it has its own time"
    switch(bench, hook, Status.ACTIVE)
    bench.work(later=HOUR)
    assert bench.sender.ids(url("a")) == [new]
    replay(bench.db, hook.webhook_id, old.delivery_id)
    bench.work(later=HOUR)
    assert bench.sender.ids(url("a")) == [new, old.event_id]


def test_a_deleted_webhook_gets_nothing_more(bench: Bench) -> None:
    hook = bench.hook()
    bench.tell("m")
    spread(bench.db, bench.now)
    hooks.delete_webhook(bench.db, hook.webhook_id)
    bench.tell("m")
    bench.work(later=HOUR)
    assert bench.sender.sent == []
    with bench.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 1


def test_a_webhook_is_taken_by_one_worker(bench: Bench) -> None:
    bench.hook()
    bench.tell("m")
    spread(bench.db, bench.now)
    [shift] = take(bench)
    assert take(bench) == []
    bench.now += 29_999
    assert take(bench) == []
    bench.now += 2
    [other] = take(bench)
    assert other.fence > shift.fence
    assert [task.told.event_id for task in other.tasks] == [
        task.told.event_id for task in shift.tasks
    ]


def test_who_slept_through_his_lease_writes_nothing(bench: Bench) -> None:
    hook = bench.hook()
    bench.tell("m")
    spread(bench.db, bench.now)
    [sleeper] = take(bench)
    bench.now += 30_001
    [other] = take(bench)
    with pytest.raises(LeaseLost):
        finish(bench, sleeper, 500)
    assert bench.log(hook)[0].attempts == ()
    assert finish(bench, other, 200) == ()
    with pytest.raises(LeaseLost):
        finish(bench, sleeper, 410)
    [delivery] = bench.log(hook)
    assert (delivery.state, [each.status for each in delivery.attempts]) == (
        State.DELIVERED,
        [200],
    )
    assert hooks.get_webhook(bench.db, hook.webhook_id).status is Status.ACTIVE


def test_an_event_that_comes_while_a_worker_ends_is_not_forgotten(bench: Bench) -> None:
    bench.hook()
    bench.tell("m")
    spread(bench.db, bench.now)
    [shift] = take(bench)
    bench.tell("n")
    spread(bench.db, bench.now)
    [task] = finish(bench, shift, 200)
    assert task.told.data["name"] == "n"
    [left] = [Result(task, Answer(200, 1), bench.now)]
    assert queue.record(bench.db, shift, [left], bench.now, lease_ms=1, go_on=False) == ()
    assert not queue.is_waiting(bench.db, bench.now)


def take(bench: Bench) -> list[queue.Shift]:
    return queue.claim(bench.db, bench.now, lease_ms=30_000, limit=10, suspects=False, slow=())


def finish(bench: Bench, shift: queue.Shift, status: int) -> tuple[queue.Task, ...]:
    results = [Result(task, Answer(status, 1), bench.now) for task in shift.tasks]
    return queue.record(bench.db, shift, results, bench.now, lease_ms=30_000, go_on=True)


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url, pool_size=4)
    yield database
    database.close()


@settings(max_examples=25)
@given(
    script=st.lists(
        st.one_of(
            st.tuples(st.just("tell"), st.sampled_from("mno")),
            st.tuples(st.just("work"), st.integers(0, 30_000)),
        ),
        max_size=25,
    ),
    fails=st.lists(st.booleans(), max_size=15),
)
def test_whatever_fails_each_event_arrives_and_in_the_order_of_its_model(
    sqlite: Database, keyring: Keyring, script: list[tuple[str, int | str]], fails: list[bool]
) -> None:
    """The failures are finite, and after them everything has arrived exactly once."""
    with sqlite.writing() as session:
        session.execute(text("DELETE FROM webhooks"))
        session.execute(text("DELETE FROM outbox_events"))
    bench = Bench(sqlite, keyring)
    bench.hook()
    failures, arrived = iter(fails), list[tuple[str, str]]()

    def receive(message: object) -> Answer:
        if next(failures, False):
            return Answer(500, 1)
        told = bench.sender.sent[-1]
        name = json.loads(told.body)["data"]["name"]
        arrived.append((name, told.headers["webhook-id"]))
        return Answer(200, 1)

    bench.sender.answers[url("a")] = receive
    told: list[tuple[str, str]] = []
    for verb, what in script:
        if verb == "tell":
            told += [(str(what), each) for each in bench.tell(str(what))]
        else:
            bench.work(later=int(what))
    for _ in range(30):
        bench.work(later=2 * HOUR)
    assert sorted(arrived) == sorted(told)
    for model in "mno":
        of_model = [each for each in arrived if each[0] == model]
        assert of_model == [each for each in told if each[0] == model]


def test_the_questions_asked_many_times_a_second_are_answered_by_an_index(bench: Bench) -> None:
    statements: list[str] = []
    event.listen(
        bench.db.engine,
        "before_cursor_execute",
        lambda _c, _u, statement, *_: statements.append(statement),
    )
    queue.is_waiting(bench.db, 1)
    asked = [each for each in statements if each.lstrip().startswith("SELECT")]
    assert len(asked) == 2
    if bench.db.dialect != "sqlite":
        return  # its planner rightly reads a table of one page whole
    for statement in asked:
        with bench.db.engine.connect() as connection:
            values = tuple([1] * statement.count("?"))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        assert "INDEX outbox_events_to_spread" in str(plan) or "INDEX webhooks_by_due" in str(plan)


def test_an_event_is_spread_once_by_workers_that_race(bench: Bench) -> None:
    hook = bench.hook()
    told = bench.tell(*["m"] * 40)
    threads = [threading.Thread(target=spread, args=(bench.db, bench.now)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.event_id for each in bench.log(hook)] == told
    with bench.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(outbox.OutboxEvent)) == 40


def test_events_are_spread_beside_changes_of_webhooks_and_whatever_is_audited(
    bench: Bench,
) -> None:
    """Who changes a webhook holds its row and records that as the last act; a spread waits for the
    row. Neither waits for what the other has.
    """
    if bench.db.dialect == "sqlite":
        return  # one writer at a time
    hook = bench.hook()
    told = bench.tell("m")
    spreading = threading.Thread(target=spread, args=(bench.db, bench.now))
    with bench.db.writing() as session:
        hooks.find_webhook(session, hook.webhook_id, change=True)
        spreading.start()
        wait_for_a_lock(bench.db)
        audit.record(session, "webhook.update", f"webhook:{hook.webhook_id}")
    spreading.join()
    assert [each.event_id for each in bench.log(hook)] == told

    def meanwhile(step: str) -> None:
        if step == "spread, not committed":
            with bench.db.writing() as session:
                audit.record(session, "user.create", "user:ada")

    bench.tell("m")
    spread(bench.db, bench.now, step=meanwhile)
    assert audit.verify(bench.db).broken is None


def wait_for_a_lock(db: Database) -> None:
    """Until somebody waits for what another transaction holds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 60
    while True:
        with db.reading() as session:
            if session.scalar(waiting):
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)
