"""Runs: begun, nested, resumed, ended; and mistakes, raised at the call that made them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from podium import client
from podium.client.errors import BadRequest, ConfigError, NotFound, Unreachable

from .scripted import ScriptedServer, refuses


def test_an_exception_ends_a_run_failed(server: ScriptedServer) -> None:
    with pytest.raises(ZeroDivisionError), client.start_run() as run:
        _ = 1 / 0
    assert run.status is client.RunStatus.FAILED
    assert server.state.runs[run.run_id]["status"] == "FAILED"


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "KILLED"), (SystemExit(0), "FINISHED"), (SystemExit(3), "FAILED")],
)
def test_how_a_run_ends_that_is_left(
    server: ScriptedServer, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), client.start_run() as run:
        raise error
    assert server.state.runs[run.run_id]["status"] == status


def test_nested_runs(server: ScriptedServer) -> None:
    with client.start_run("search") as outer:
        with client.start_run("trial", nested=True) as inner:
            client.log_metric("loss", 0.5)
            assert client.active_run() is inner
        assert client.active_run() is outer
        client.set_tag("best", "trial")
    assert client.active_run() is None
    tags = server.state.runs[inner.run_id]["tags"]
    assert tags["mlflow.parentRunId"] == outer.run_id
    assert "mlflow.parentRunId" not in server.state.runs[outer.run_id]["tags"]
    assert server.state.steps(inner.run_id, "loss") == [0]
    assert server.state.runs[outer.run_id]["tags"]["best"] == "trial"


def test_a_second_run_must_say_that_it_is_nested(server: ScriptedServer) -> None:
    with client.start_run(), pytest.raises(BadRequest, match="nested=True"):
        client.start_run()


def test_ending_the_outer_run_ends_the_inner_one(server: ScriptedServer) -> None:
    outer = client.start_run()
    inner = client.start_run(nested=True)
    outer.end("FAILED")
    assert server.state.runs[inner.run_id]["status"] == "FAILED"
    assert client.active_run() is None


def test_logging_without_a_run_begins_one(server: ScriptedServer) -> None:
    client.log_metric("loss", 0.5)
    client.log_metric("loss", 0.4)
    run = client.active_run()
    assert run is not None
    client.end_run()
    assert server.state.steps(run.run_id, "loss") == [0, 1]


def test_a_run_is_resumed_by_id(server: ScriptedServer) -> None:
    with client.start_run() as first:
        first.log_param("lr", 0.1)
    with client.start_run(run_id=first.run_id) as again:
        assert again.run_id == first.run_id
        again.log_metric("loss", 0.5)  # the server says that 41 was the last step
        again.flush()
        assert server.state.runs[first.run_id]["status"] == "RUNNING"
    assert server.state.steps(first.run_id, "loss") == [42]
    assert server.state.runs[first.run_id]["status"] == "FINISHED"


def test_resuming_a_run_that_is_not_there_is_a_mistake(server: ScriptedServer) -> None:
    gone = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}'
    server.script = lambda *_request: (404, {"Content-Type": "application/json"}, gone)
    with pytest.raises(NotFound, match="no such run"):
        client.start_run(run_id="0" * 32)


def test_resuming_during_an_outage_goes_on(server: ScriptedServer) -> None:
    with client.start_run() as first:
        pass
    server.fail_first(2, refuses(503))
    with client.start_run(run_id=first.run_id) as again:
        again.log_metric("loss", 0.5, 1)
    assert server.state.steps(first.run_id, "loss") == [1]


def test_podium_run_id_is_joined_by_the_first_run_only(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.client import session

    session.end()
    monkeypatch.setenv("PODIUM_RUN_ID", "c" * 32)
    monkeypatch.setenv("PODIUM_TRACKING_URI", server.url)
    with client.start_run() as first:
        pass
    with client.start_run() as second:
        pass
    assert first.run_id == "c" * 32
    assert second.run_id != first.run_id
    assert set(server.state.runs) == {first.run_id, second.run_id}


def test_threads_have_runs_of_their_own(server: ScriptedServer) -> None:
    found: dict[str, str] = {}

    def trial(name: str) -> None:
        with client.start_run(name, nested=True) as run:
            for step in range(200):
                client.log_metric(name, 1.0, step)
            found[name] = run.run_id

    with client.start_run() as outer:
        threads = [threading.Thread(target=trial, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name, run_id in found.items():
        assert server.state.steps(run_id, name) == list(range(200))
        assert server.state.runs[run_id]["tags"]["mlflow.parentRunId"] == outer.run_id


def test_many_threads_log_to_one_run(server: ScriptedServer) -> None:
    def log(name: str) -> None:
        for step in range(2000):
            client.log_metric(name, step, step)

    with client.start_run() as run:
        threads = [threading.Thread(target=log, args=(f"t{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for n in range(8):
        assert server.state.steps(run.run_id, f"t{n}") == list(range(2000))


class _Tensor:
    """As a tensor of one element looks from outside."""

    shape = (1, 1)

    def item(self) -> float:
        return 0.25


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (1, 1.0),
        (Decimal("0.5"), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.array(0.75), 0.75),
        (np.array([0.125]), 0.125),
        (_Tensor(), 0.25),
        (float("inf"), float("inf")),
        (-0.0, -0.0),
    ],
)
def test_numbers_of_any_library(server: ScriptedServer, value: Any, stored: float) -> None:
    with client.start_run() as run:
        run.log_metric("loss", value, np.int64(2))
    assert repr(server.state.values(run.run_id, "loss")) == repr([stored])
    assert server.state.steps(run.run_id, "loss") == [2]


_MISTAKES: dict[str, tuple[Callable[[client.Run], object], str]] = {
    "key of another type": (lambda run: run.log_metric(3, 0.5), "'key'"),  # type: ignore[arg-type]
    "empty key": (lambda run: run.log_metric("", 0.5), "'key'"),
    "key with a forbidden character": (lambda run: run.log_metric("a?", 0.5), "may only hold"),
    "key that is no plain path": (lambda run: run.log_metric("a//b", 0.5), "Did you mean 'a/b'"),
    "key that is too long": (lambda run: run.log_metric("k" * 251, 0.5), "has 251"),
    "text for a number": (lambda run: run.log_metric("a", "0.5"), "'value'"),  # type: ignore[arg-type]
    "bool for a number": (lambda run: run.log_metric("a", True), "not bool"),
    "array": (lambda run: run.log_metric("a", np.zeros(3)), r"shape \(3,\)"),
    "complex number": (lambda run: run.log_metric("a", 1j), "not complex"),  # type: ignore[arg-type]
    "step that is no whole number": (lambda run: run.log_metric("a", 1, 0.5), "'step'"),  # type: ignore[arg-type]
    "step over 64 bits": (lambda run: run.log_metric("a", 1, 2**63), "64 bits"),
    "negative time": (lambda run: run.log_metric("a", 1, timestamp=-1), "since 1970"),
    "one bad of many": (lambda run: run.log_metrics({"a": 1, "b": "x"}), r"metrics\['b'\]"),  # type: ignore[dict-item]
    "no dict": (lambda run: run.log_params([("a", 1)]), "'params' must be a dict"),  # type: ignore[arg-type]
    "value with NUL": (lambda run: run.log_param("a", "x\0y"), r"U\+0000 at position 1"),
    "tag with a lone surrogate": (lambda run: run.set_tag("a", "\ud800"), r"U\+D800"),
    "status": (lambda run: run.end("DONE"), "'status'"),
    "path that leads out": (lambda run: run.log_text("x", "../x"), "'..'"),
    "absolute path": (lambda run: run.log_text("x", "/x"), "is absolute"),
    "encoded path": (lambda run: run.log_text("x", "a%2f..%2fb"), "percent-encoded"),
    "no file there": (lambda run: run.log_artifact("no/such.file"), "there is no file"),
    "folder for a file": (lambda run: run.log_artifact("."), "log_artifacts"),
    "no text": (lambda run: run.log_text(b"x", "x.txt"), "'text'"),  # type: ignore[arg-type]
    "no figure": (lambda run: run.log_figure(3, "x.png"), "'figure'"),
    "figure without a suffix": (lambda run: run.log_figure(3, "x"), "suffix"),
    "dict with what JSON has not": (lambda run: run.log_dict({"a": object()}, "x.json"), "object"),
}


@pytest.mark.parametrize(("call", "says"), _MISTAKES.values(), ids=_MISTAKES)
def test_a_mistake_is_raised_at_once_and_stores_nothing(
    server: ScriptedServer, call: Callable[[client.Run], object], says: str
) -> None:
    with client.start_run() as run, pytest.raises(BadRequest, match=says):
        call(run)
    assert server.state.of_run == {}
    assert server.state.files == {}
    assert server.state.runs[run.run_id]["params"] == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "x" * 8001}, "'name' exceeds"),
        ({"experiment": " "}, "'experiment' supplied: it is blank"),
        ({"run_id": "12"}, "32 lower-case hexadecimal"),
        ({"run_id": "0" * 32, "experiment": "x"}, "stays in its experiment"),
        ({"tags": {"a?": 1}}, "'tags'"),
    ],
)
def test_mistakes_at_the_start(arguments: Any, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        client.start_run(**arguments)
    assert client.active_run() is None


def test_a_param_never_changes(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    with client.start_run() as run:
        run.log_param("lr", 0.1)
        run.log_param("lr", 0.1)
        run.log_param("lr", 0.2)
    assert server.state.runs[run.run_id]["params"] == {"lr": "0.1"}
    assert "'lr' stays '0.1'" in caplog.text


def test_a_long_value_is_cut_and_that_is_said(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with client.start_run() as run:
        run.log_param("config", "x" * 7000)
    assert server.state.runs[run.run_id]["params"] == {"config": "x" * 6000}
    assert "has 7000 characters" in caplog.text


def test_what_is_logged_after_the_end_still_arrives(server: ScriptedServer) -> None:
    run = client.start_run()
    run.end()
    run.log_metric("loss", 0.5, 9)
    run.log_text("late", "late.txt")
    assert run.flush()
    assert server.state.steps(run.run_id, "loss") == [9]
    assert len(server.state.files) == 1


def test_reads_raise_when_the_server_is_gone(server: ScriptedServer) -> None:
    server.script = lambda *_request: refuses(503)
    with pytest.raises(client.errors.Unavailable):
        client.get_run("0" * 32)
    client.configure("http://127.0.0.1:9")
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 cannot be reached"):
        client.search_runs()


def test_a_read_without_a_server_says_how_to_name_one() -> None:
    with pytest.raises(ConfigError, match="PODIUM_TRACKING_URI"):
        client.get_run("0" * 32)


def test_the_server_stays_while_a_run_goes_on(server: ScriptedServer) -> None:
    with client.start_run(), pytest.raises(BadRequest, match="End them first"):
        client.configure("http://127.0.0.1:9")
    client.configure("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("said", "place"),
    [({}, "outer's"), ({"experiment": "own"}, "own")],
    ids=["where its parent is", "where it says"],
)
def test_where_a_nested_run_goes(server: ScriptedServer, said: dict[str, str], place: str) -> None:
    client.set_experiment("of the session")
    with (
        client.start_run(experiment="outer's") as outer,
        client.start_run(nested=True, experiment=said.get("experiment")) as inner,
    ):
        pass
    assert server.state.runs[outer.run_id]["experiment_name"] == "outer's"
    assert server.state.runs[inner.run_id]["experiment_name"] == place


def test_a_run_nested_in_a_resumed_one_goes_where_that_is(server: ScriptedServer) -> None:
    with client.start_run() as first:
        pass
    with client.start_run(run_id=first.run_id), client.start_run(nested=True) as inner:
        pass
    assert server.state.runs[inner.run_id]["experiment_id"] == "7"
