"""What is stored, how much of it there may be, and what goes: on both kinds of database."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from podium.client import wire
from podium.client.entities import Metric, RunStatus
from podium.client.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    NotFound,
    PodiumError,
    QuotaExceeded,
)
from podium.registry import registered, versions
from podium.registry.app import create_app
from podium.registry.inspection.service import inspect_new
from podium.tracker import audit, experiments, logged_models, overview, run_files, runs, series
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.files import FolderStore
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.clock import now_ms
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.logged_models.tables import LoggedModel
from podium.tracker.metrics import compact_run
from podium.tracker.metrics.tables import MetricBatch, MetricBlock, MetricWriter
from podium.tracker.models import Experiment, Run
from podium.tracker.storage import count, gc, holds, quotas, retention, trash
from podium.tracker.storage.missing import missing
from podium.tracker.storage.tables import Chore, Doomed
from sqlalchemy import delete, func, select, update

from ..api import Api
from ..crashing import crashes
from .conftest import Elements

# For what the kind of database makes no difference to.
one_kind = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

DAY = 24 * 3_600_000
LONG_AGO = 1_000_000_000_000


class World:
    """An installation, with shortcuts for what the tests do again and again."""

    def __init__(self, db: Database, store: ArtifactStore) -> None:
        self.db = db
        self.store = store

    def run(self, size: int = 0, experiment: str = "0", user: str = "ada") -> str:
        """A run that ended long ago, with a file of this size, if any."""
        run_id = runs.create_run(
            self.db, experiment_id=experiment, user_id=user, start_time=LONG_AGO
        ).run_id
        runs.update_run(self.db, run_id, status=RunStatus.FINISHED, end_time=LONG_AGO)
        if size:
            self.put(run_id, "model/weights.bin", size)
        return run_id

    def root(self, run_id: str) -> ArtifactPath:
        return run_files.root_of(self.db, run_id)

    def put(self, run_id: str, name: str, size: int) -> None:
        self.store.put(self.root(run_id) / ArtifactPath(name), [bytes(size)])

    def files(self) -> set[str]:
        return {file.key for file in self.store.walk()}

    def age(self, days: int = 90) -> None:
        """Let all deletions and files be so many days older."""
        past = int(time.time() * 1000) - days * DAY
        with self.db.writing() as session:
            for table in (Run, LoggedModel):
                session.execute(
                    update(table).where(table.deleted.is_not(None)).values(deleted=past)
                )
            gone = Experiment.lifecycle_stage == "deleted"
            session.execute(update(Experiment).where(gone).values(last_update_time=past))
            session.execute(update(Doomed).values(since=past))
        assert isinstance(self.store, FolderStore)
        for key in self.files():
            os.utime(self.store.root / key, (past / 1000, past / 1000))

    def delete(self, *run_ids: str) -> None:
        for run_id in run_ids:
            runs.delete_run(self.db, run_id)

    def sweep_all(self) -> gc.Freed:
        """Both phases, with a night between."""
        gc.mark(self.db, gc.orphans(self.db, self.store))
        self.age()
        return gc.sweep(self.db, self.store)

    def register(self, run_id: str, name: str = "digits") -> int:
        with contextlib.suppress(AlreadyExists):
            registered.create_model(self.db, name=name)
        source = f"runs:/{run_id}/model"
        return versions.create_version(self.db, name=name, source=source).version


@pytest.fixture
def world(db: Database, store: ArtifactStore) -> World:
    return World(db, store)


class TestCounting:
    def test_by_experiment_user_and_model(self, world: World) -> None:
        digits = experiments.create_experiment(world.db, name="digits").experiment_id
        first = world.run(1000, digits)
        world.put(first, "log.txt", 24)
        world.run(500, digits, user="bob")
        world.run(7)
        model = logged_models.create_model(
            world.db, experiment_id=digits, name="m", source_run_id=first
        )
        place = parse_artifact_uri(logged_models.get_model(world.db, model.model_id).artifact_uri)
        world.store.put(place / ArtifactPath("MLmodel"), [bytes(300)])
        world.store.put(ArtifactPath("elsewhere/x"), [bytes(11)])
        runs.log_batch(world.db, first, metrics=[Metric("loss", 1.0, 0, 0)])
        world.register(first)
        inspect_new(world.db, world.store)
        assert count.count(world.db, world.store) == 4
        total = count.total(world.db, count.ALL, "")
        assert (total.files, total.file_bytes) == (6, 1842)
        assert total.point_bytes > 0
        by_id = {each.name: each for each in count.totals(world.db, count.EXPERIMENT)}
        assert (by_id[digits].files, by_id[digits].file_bytes) == (4, 1824)
        assert (by_id["0"].files, by_id["0"].file_bytes, by_id["0"].point_bytes) == (1, 7, 0)
        users = {each.name: each.file_bytes for each in count.totals(world.db, count.USER)}
        assert users == {"ada": 1331, "bob": 500}
        assert count.total(world.db, count.OTHER, "").file_bytes == 11
        world.store.delete(world.root(first) / ArtifactPath("model"))
        count.count(world.db, world.store)
        assert count.total(world.db, count.EXPERIMENT, digits).file_bytes == 824

    def test_blocks_that_were_counted_are_not_read_again(self, world: World) -> None:
        def stored() -> int:
            with world.db.reading() as session:
                sizes = [
                    session.scalar(select(func.coalesce(func.sum(func.length(table.data)), 0)))
                    for table in (MetricBlock, MetricBatch)
                ]
            return sum(int(size or 0) for size in sizes)

        def counted() -> int:
            count.count(world.db, world.store)
            return count.total(world.db, count.ALL, "").point_bytes

        run_id = world.run()
        with world.db.reading() as session:
            run = session.scalars(select(Run.id)).one()
        for step in range(3):  # in a batch, in a block, in a block that swallowed another
            runs.log_batch(world.db, run_id, metrics=[Metric("loss", 1.0, 0, step)])
            assert counted() == stored() > 0
            compact_run(world.db, run)
            assert counted() == stored() > 0
        before = stored()
        with world.db.writing() as session:
            session.execute(update(MetricBlock).values(data=bytes(1000)))
        assert counted() == before

    def test_one_worker_at_a_time_and_once_an_hour(self, world: World) -> None:
        world.run(10)
        assert count.count_when_due(world.db, world.store) == 1
        assert count.count_when_due(world.db, world.store) == 0
        with world.db.writing() as session:
            session.execute(update(Chore).values(done=0, leased_until=now_ms() + 60_000))
        assert count.count_when_due(world.db, world.store) == 0
        with world.db.writing() as session:  # by a clock that has been put back since
            session.execute(update(Chore).values(leased_until=2**53))
        assert count.count_when_due(world.db, world.store) == 1
        with world.db.writing() as session:  # the worker that had it has died
            session.execute(update(Chore).values(done=0, leased_until=1))
        assert count.count_when_due(world.db, world.store) == 1


class TestMissing:
    def test_a_version_whose_files_somebody_removed_is_named(self, world: World) -> None:
        first, second = world.run(100), world.run(50)
        world.put(first, "model/MLmodel", 7)
        world.register(first, "digits")
        world.register(second, "letters")
        world.put(second, "alone.pt", 3)
        registered.create_model(world.db, name="file")
        versions.create_version(world.db, name="file", source=f"runs:/{second}/alone.pt")
        inspect_new(world.db, world.store)
        assert list(missing(world.db, world.store)) == []
        gone = world.root(first) / ArtifactPath("model/weights.bin")
        world.store.delete(gone)
        world.put(second, "model/weights.bin", 49)
        world.store.delete(world.root(second) / ArtifactPath("alone.pt"))
        found = {each.whose: each.files for each in missing(world.db, world.store)}
        root = world.root(second).key
        assert found == {
            "version 1 of digits": (gone.key,),
            "version 1 of letters": (f"{root}/model/weights.bin",),
            "version 1 of file": (f"{root}/alone.pt/alone.pt",),
        }


class TestQuotas:
    def test_the_refusal_says_what_is_used_of_how_much_and_what_to_do(self, world: World) -> None:
        run = world.run(900)
        count.count(world.db, world.store)
        place = world.root(run) / ArtifactPath("more.bin")
        quotas.admit(world.db, place, 10**15)  # no quota, no limit
        quotas.set_quota(world.db, "experiment", "0", size=2048)
        quotas.admit(world.db, place, 1000)
        with pytest.raises(QuotaExceeded) as refused:  # what was let in counts before it is seen
            quotas.admit(world.db, place, 1000)
        assert refused.value.message == (
            "Experiment 0 has used 1.9 KiB of its quota of 2.0 KiB, and this file has 1000 bytes. "
            "Delete runs or files that are not needed any more, or ask an admin for a larger quota."
            " What was logged is kept."
        )
        quotas.admit(world.db, place, None)  # of unknown size: until it is used up
        quotas.set_quota(world.db, "experiment", "0", size=1900)
        with pytest.raises(QuotaExceeded, match=r"has used 1\.9 KiB of its quota of 1\.9 KiB\."):
            quotas.admit(world.db, place, None)
        quotas.delete_quota(world.db, "experiment", "0")
        quotas.admit(world.db, place, 10**15)

    def test_of_uploads_that_come_at_once_no_more_get_in_than_fit(self, world: World) -> None:
        quotas.set_quota(world.db, "experiment", "0", size=1000)
        quotas.set_quota(world.db, "user", "*", size=10_000)
        places = [world.root(world.run(user=f"user-{n}")) for n in range(8)]
        together = threading.Barrier(len(places))

        def upload(place: ArtifactPath) -> bool:
            together.wait()
            try:
                quotas.admit(world.db, place, 300)
            except QuotaExceeded:
                return False
            return True

        with ThreadPoolExecutor(len(places)) as pool:
            assert sum(pool.map(upload, places)) == 3
        assert quotas.used(world.db, "experiment", "0") == 900

    @one_kind
    def test_of_a_user_and_of_all_without_their_own(self, world: World) -> None:
        ada, bob = world.run(user="ada"), world.run(user="bob")
        quotas.set_quota(world.db, "user", "*", size=10)
        quotas.set_quota(world.db, "user", "bob", size=100)
        with pytest.raises(QuotaExceeded, match="The user 'ada' has used 0 bytes"):
            quotas.admit(world.db, world.root(ada), 50)
        quotas.admit(world.db, world.root(bob), 50)
        quotas.admit(world.db, ArtifactPath("elsewhere/x"), 10**9)
        rows = audit.search(world.db, action="quota.").items
        assert [row["subject"] for row in rows] == ["user:bob", "user:*"]

    @one_kind
    @pytest.mark.parametrize(
        ("kind", "name", "size", "says"),
        [
            ("model", "x", 1, "'kind' must be one of experiment, user"),
            ("experiment", "999", 1, "No Experiment with id=999"),
            ("user", "", 1, "'name' is empty"),
            ("user", "x", -1, "'bytes' must be"),
        ],
    )
    def test_what_is_no_quota(
        self, world: World, kind: str, name: str, size: int, says: str
    ) -> None:
        with pytest.raises(PodiumError, match=says):
            quotas.set_quota(world.db, kind, name, size=size)

    @one_kind
    def test_every_way_in_asks(self, world: World, api: Api) -> None:
        run = world.run()
        quotas.set_quota(world.db, "experiment", "0", size=5)
        place = world.root(run)
        answers = [
            api.http.put(f"/api/2.0/mlflow-artifacts/artifacts/{place}/f", data=b"x" * 6),
            api.http.post(f"/api/2.0/mlflow/upload-artifact?run_uuid={run}&path=f", data=b"x" * 6),
        ]
        for answer in answers:
            assert answer.status_code == 403
            assert answer.get_json()["error_code"] == "QUOTA_EXCEEDED"
        assert world.files() == set()
        small = api.http.put(f"/api/2.0/mlflow-artifacts/artifacts/{place}/f", data=b"x" * 5)
        assert small.status_code == 200


class TestGarbage:
    def test_found_then_removed_when_still_lost_a_night_later(self, world: World) -> None:
        stays, gone = world.run(10), "f" * 32
        world.store.put(ArtifactPath(f"0/{gone}/artifacts/a/b"), [bytes(100)])
        world.store.put(ArtifactPath("0/by-hand/artifacts/x"), [b"?"])
        lost = gc.orphans(world.db, world.store)
        assert [(each.owner.id, each.files, each.bytes) for each in lost] == [(gone, 1, 100)]
        before = world.files()
        assert gc.mark(world.db, lost) == 1
        assert gc.mark(world.db, lost) == 0
        assert gc.sweep(world.db, world.store) == gc.Freed()
        assert world.files() == before
        world.age(2)
        assert gc.sweep(world.db, world.store) == gc.Freed(1, 1, 100)
        assert before - world.files() == {f"0/{gone}/artifacts/a/b"}
        assert gc.waiting(world.db) == []
        assert world.root(stays)

    @one_kind
    def test_what_is_written_meanwhile_stays(self, world: World) -> None:
        """A file put where no run is, an hour before the night is over."""
        gone = "e" * 32
        world.store.put(ArtifactPath(f"0/{gone}/artifacts/old"), [b"1"])
        gc.mark(world.db, gc.orphans(world.db, world.store))
        world.age()
        world.store.put(ArtifactPath(f"0/{gone}/artifacts/new"), [b"22"])
        assert gc.sweep(world.db, world.store) == gc.Freed(1, 1, 1)
        assert world.files() == {f"0/{gone}/artifacts/new"}
        assert [each.place for each in gc.waiting(world.db)] == [f"0/{gone}"]

    @one_kind
    def test_a_run_that_comes_back_keeps_its_files(self, world: World) -> None:
        back = "d" * 32
        world.store.put(ArtifactPath(f"0/{back}/artifacts/f"), [b"1"])
        gc.mark(world.db, gc.orphans(world.db, world.store))
        world.age()
        runs.create_run(world.db, run_id=back)
        assert gc.sweep(world.db, world.store) == gc.Freed()
        assert len(world.files()) == 1

    @one_kind
    def test_an_experiment_inside_the_folder_of_what_looks_like_a_run(self, world: World) -> None:
        odd = f"0/{'c' * 32}/artifacts/shared"
        made = experiments.create_experiment(
            world.db, name="odd", artifact_location=f"mlflow-artifacts:/{odd}"
        )
        run = world.run(10, made.experiment_id)
        assert gc.orphans(world.db, world.store) == []
        assert world.sweep_all() == gc.Freed()
        assert str(world.root(run)) in next(iter(world.files()))

    def test_files_of_a_version_stay_though_its_run_is_gone(self, world: World) -> None:
        run = world.run(10)
        number = world.register(run)
        with world.db.writing() as session:  # as a former Podium, or by hand
            session.execute(delete(Run).where(Run.run_id == run))
        assert world.sweep_all() == gc.Freed()
        versions.delete_version(world.db, "digits", number)
        assert world.sweep_all().files == 1


class TestTrash:
    def test_what_was_deleted_long_ago_goes_with_all_it_has(self, world: World) -> None:
        old, new, kept = world.run(100), world.run(50), world.run(20)
        runs.log_batch(world.db, kept, metrics=[Metric("loss", 1.0, 0, 0)])
        model = logged_models.create_model(world.db, experiment_id="0", name="m")
        place = parse_artifact_uri(model.artifact_uri)
        world.store.put(place / ArtifactPath("f"), [bytes(3)])
        count.count(world.db, world.store)
        world.delete(old)
        logged_models.delete_model(world.db, model.model_id)
        world.age()
        world.delete(new)
        assert trash.look(world.db) == trash.Emptied(runs=1, models=1, bytes=103)
        assert runs.get_run(world.db, old)
        assert trash.empty(world.db) == trash.Emptied(runs=1, models=1, bytes=103)
        assert trash.empty(world.db) == trash.Emptied()
        with pytest.raises(NotFound):
            runs.get_run(world.db, old)
        assert runs.get_run(world.db, new)
        # At once: nobody finds the run any more.
        assert gc.sweep(world.db, world.store) == gc.Freed(2, 2, 103)
        assert len(world.files()) == 2
        rows = [row for row in audit.search(world.db).items if row["action"].endswith(".purge")]
        assert {row["action"]: row["before"] for row in rows} == {
            "run.purge": {"runs": [old]},
            "logged_model.purge": {"logged_models": [model.model_id]},
        }

    @one_kind
    def test_a_restored_run_is_out_of_it(self, world: World) -> None:
        run = world.run()
        world.delete(run)
        world.age()
        runs.restore_run(world.db, run)
        assert trash.empty(world.db) == trash.Emptied()

    def test_an_experiment_goes_when_nothing_is_left_in_it(self, world: World) -> None:
        made = experiments.create_experiment(world.db, name="old", tags={"a": "b"}).experiment_id
        world.run(10, made)
        quotas.set_quota(world.db, "experiment", made, size=5)
        experiments.delete_experiment(world.db, made)
        world.age()
        assert trash.empty(world.db) == trash.Emptied(runs=1, experiments=1)
        with pytest.raises(NotFound):
            experiments.get_experiment(world.db, made)
        assert quotas.list_quotas(world.db) == []
        assert experiments.create_experiment(world.db, name="old")

    def test_what_a_version_comes_from_stays(self, world: World) -> None:
        """Its run, the model that run has read, the run that made that, and its parent."""
        parent, teacher, student = world.run(1), world.run(2), world.run(4)
        other = world.run(8)
        runs.log_batch(world.db, teacher, tags=[("mlflow.parentRunId", parent)])
        model = logged_models.create_model(
            world.db, experiment_id="0", name="t", source_run_id=teacher
        )
        runs.log_inputs(world.db, student, inputs=[], models=[model.model_id])
        number = world.register(student)
        world.delete(parent, teacher, student, other)
        logged_models.delete_model(world.db, model.model_id)
        world.age()
        assert trash.look(world.db) == trash.Emptied(runs=1, kept=4)
        assert trash.empty(world.db) == trash.Emptied(runs=1, kept=4)
        assert world.sweep_all().files == 1
        versions.delete_version(world.db, "digits", number)
        assert trash.empty(world.db) == trash.Emptied(runs=3, models=1)

    def test_a_hold_keeps_it_and_its_files(self, world: World, api: Api) -> None:
        made = experiments.create_experiment(world.db, name="case").experiment_id
        one, two, free = world.run(1), world.run(2, made), world.run(4)
        holds.hold(world.db, f"run:{one}", reason="case 7")
        holds.hold(world.db, f"experiment:{made}", reason="case 7")
        world.delete(one, two, free)
        experiments.delete_experiment(world.db, made)
        world.age()
        assert trash.empty(world.db) == trash.Emptied(runs=1, kept=2)
        for place in (
            world.root(one) / ArtifactPath("model/weights.bin"),
            world.root(one),
            world.root(two),
            ArtifactPath(made),
            ArtifactPath("0"),
        ):
            answer = api.http.delete(f"/api/2.0/mlflow-artifacts/artifacts/{place}")
            assert answer.status_code == 409, place
            assert "legal hold on" in answer.get_json()["message"]
        holds.refuse_deletion(world.db, ArtifactPath(f"0/{free}"))
        with pytest.raises(Conflict):
            holds.refuse_deletion(world.db, ArtifactPath(""))
        holds.lift(world.db, f"run:{one}", reason="settled")
        holds.lift(world.db, f"experiment:{made}")
        assert trash.empty(world.db) == trash.Emptied(runs=2, experiments=1)
        assert [row["reason"] for row in audit.search(world.db, action="hold.lift").items] == [
            None,
            "settled",
        ]

    @one_kind
    @pytest.mark.parametrize(
        ("subject", "reason", "says"),
        [
            ("run:" + "0" * 32, "x", "not found"),
            ("experiment:77", "x", "No Experiment"),
            ("model:x", "x", "give run:"),
            ("experiment:0", " ", "'reason' is empty"),
        ],
    )
    def test_what_is_no_hold(self, world: World, subject: str, reason: str, says: str) -> None:
        with pytest.raises(PodiumError, match=says):
            holds.hold(world.db, subject, reason=reason)


class TestRetention:
    def test_runs_in_some_states_go_to_the_trash(self, world: World) -> None:
        made = experiments.create_experiment(world.db, name="ci-1").experiment_id
        failed, finished, going = world.run(7, made), world.run(0, made), world.run(0, made)
        elsewhere = world.run()
        runs.update_run(world.db, failed, status=RunStatus.FAILED)
        runs.update_run(world.db, going, status=RunStatus.RUNNING)
        count.count(world.db, world.store)
        policy = retention.add_policy(
            world.db, glob="ci-*", what="runs", days=30, states=["FAILED", "KILLED"]
        )
        [effect] = retention.look(world.db)
        assert (effect.policy, effect.things, effect.bytes, effect.kept) == (policy, 1, 7, 0)
        assert runs.get_run(world.db, failed).lifecycle_stage == "active"
        assert retention.apply(world.db) == [effect]
        assert [each.things for each in retention.apply(world.db)] == [0]
        deleted = {
            run: runs.get_run(world.db, run).lifecycle_stage == "deleted"
            for run in (failed, finished, going, elsewhere)
        }
        assert deleted == {failed: True, finished: False, going: False, elsewhere: False}
        [row] = audit.search(world.db, action="retention.apply").items
        assert row["before"] == {"runs": [failed]}
        retention.delete_policy(world.db, policy.id)
        assert retention.list_policies(world.db) == []

    def test_points_go_and_their_summaries_stay(self, world: World) -> None:
        run = world.run()
        steps = range(100)
        runs.log_batch(
            world.db, run, metrics=[Metric("loss", 1 / (1 + step), 0, step) for step in steps]
        )
        packed = wire.Series("acc", *(bytes(8) for _ in range(3)))
        batch = wire.encode(wire.Batch(b"w" * 16, 3, (packed,)))
        runs.log_points(world.db, run, batch)
        with world.db.reading() as session:
            number = session.scalars(select(Run.id).where(Run.run_id == run)).one()
        compact_run(world.db, number)
        runs.log_points(world.db, run, wire.encode(wire.Batch(b"w" * 16, 4, (packed,))))
        count.count(world.db, world.store)
        before = overview.metrics_of(world.db, run)
        retention.add_policy(world.db, glob="*", what="points", days=30)
        [effect] = retention.apply(world.db)
        assert effect.things == 1
        assert effect.bytes > 100
        assert overview.metrics_of(world.db, run) == before
        [chart] = series.charts(world.db, [series.Wanted(run, "loss")], width=9)
        assert (chart.received, chart.points) == (100, 0)
        assert "podium.points_removed" in runs.get_run(world.db, run).tags
        with world.db.reading() as session:
            assert session.scalar(select(func.count()).select_from(MetricBlock)) == 0
            assert session.scalar(select(func.count()).select_from(MetricWriter)) == 1
        # A resend of either batch is still known.
        runs.log_points(world.db, run, batch)
        assert overview.metrics_of(world.db, run) == before
        assert [each.things for each in retention.apply(world.db)] == [0]

    def test_files_go_and_the_run_stays(self, world: World) -> None:
        run, used, new = world.run(100), world.run(10), world.run(1)
        runs.update_run(world.db, new, end_time=int(time.time() * 1000))
        world.register(used)
        count.count(world.db, world.store)
        retention.add_policy(world.db, glob="*", what="files", days=30)
        [effect] = retention.apply(world.db)
        assert (effect.things, effect.bytes, effect.kept) == (1, 100, 1)
        with pytest.raises(BadRequest, match="were removed by a retention policy"):
            world.register(run)
        assert gc.sweep(world.db, world.store) == gc.Freed(1, 1, 100)
        assert len(world.files()) == 2
        assert "podium.files_removed" in runs.get_run(world.db, run).tags

    def test_logged_models_that_nobody_registered(self, world: World) -> None:
        ids = []
        for name in ("used", "unused"):
            model = logged_models.create_model(world.db, experiment_id="0", name=name)
            ids.append(model.model_id)
        registered.create_model(world.db, name="digits")
        versions.create_version(world.db, name="digits", source=f"models:/{ids[0]}")
        with world.db.writing() as session:
            session.execute(update(LoggedModel).values(last_update_time=LONG_AGO))
        retention.add_policy(world.db, glob="Def*", what="models", days=30)
        [effect] = retention.apply(world.db)
        assert (effect.things, effect.kept) == (1, 1)
        with pytest.raises(NotFound):
            logged_models.get_model(world.db, ids[1])

    @one_kind
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"glob": " "}, "'experiments' is empty"),
            ({"what": "everything"}, "'what' must be one of runs, points, files, models"),
            ({"days": 0}, "'days' must be"),
            ({"states": ["RUNNING"]}, "'states' has 'RUNNING'"),
        ],
    )
    def test_what_is_no_policy(self, world: World, wrong: dict[str, Any], says: str) -> None:
        asked: dict[str, Any] = {"glob": "*", "what": "runs", "days": 9, **wrong}
        with pytest.raises(BadRequest, match=says):
            retention.add_policy(world.db, **asked)


_CRASHING = """
import podium.registry.needed
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database
from podium.tracker.storage import gc, trash
db, store = Database(sys.argv[1], pool_size=2), open_store(sys.argv[2])
trash.empty(db, step=step)
gc.mark(db, gc.orphans(db, store), step=step)
gc.sweep(db, store, step=step)
"""


@one_kind
def test_killed_at_every_step_the_next_one_finishes(
    world: World, database_url: str, tmp_path: Path
) -> None:
    stays, gone = world.run(1), world.run(2)
    world.put(gone, "more", 3)
    world.delete(gone)
    world.store.put(ArtifactPath(f"0/{'f' * 32}/artifacts/x"), [b"lost"])
    gc.mark(world.db, gc.orphans(world.db, world.store))
    world.age()
    kept = f"{world.root(stays)}/model/weights.bin"
    points = []
    for point in crashes(_CRASHING, database_url, str(tmp_path / "artifacts")):
        points.append(point)
        assert kept in world.files()
        rows = [each.place for each in gc.waiting(world.db)]
        there = {run.run_id for run in _all(world.db)}
        for file in world.files() - {kept}:  # nothing is forgotten on the way
            assert any(file.startswith(place) for place in rows) or file.split("/")[1] in there
    assert world.files() == {kept}
    assert gc.waiting(world.db) == []
    assert {"runs are going", "runs are gone", "a file goes"} <= set(points)


def _all(db: Database) -> tuple[Any, ...]:
    from podium.client.entities import ViewType

    return runs.search_runs(db, experiment_ids=["0"], view=ViewType.ALL).items


def test_registering_and_collecting_at_once_loses_nothing(world: World) -> None:
    """Runs are deleted, purged, swept and registered by several threads; what is registered has
    its files, always.
    """
    names = [world.run(64) for _ in range(30)]
    world.delete(*names)
    world.age()
    registered.create_model(world.db, name="digits")
    wrong: list[BaseException] = []
    done = threading.Event()

    def collect() -> None:
        try:
            while not done.is_set():
                trash.empty(world.db)
                gc.sweep(world.db, world.store)
        except BaseException as error:  # noqa: BLE001
            wrong.append(error)

    def register(mine: list[str]) -> None:
        for run_id in mine:
            try:
                world.register(run_id)
            except PodiumError:
                continue  # it is gone already

    ordered = random.Random(7).sample(names, len(names))
    people = [threading.Thread(target=register, args=(ordered[at::2],)) for at in range(2)]
    workers = [threading.Thread(target=collect) for _ in range(2)]
    for thread in (*people, *workers):
        thread.start()
    for thread in people:
        thread.join()
    done.set()
    for thread in workers:
        thread.join()
    assert not wrong
    trash.empty(world.db)
    gc.sweep(world.db, world.store)
    found = versions.search_versions(world.db, filter="name = 'digits'", max_results=100).items
    for version in found:
        assert f"{world.root(str(version.run_id))}/model/weights.bin" in world.files()
    assert len(world.files()) == len({version.run_id for version in found})


@pytest.fixture
def pages(world: World) -> Flask:
    return create_app(Config("unused", "unused"), db=world.db, store=world.store)


@one_kind
def test_the_page_and_the_api(world: World, pages: Flask) -> None:
    http = pages.test_client()
    empty = http.get("/operations/storage", headers={"Accept": "text/html"})
    assert "Nothing has been counted yet" in empty.text
    run = world.run(3000)
    world.delete(world.run(5000))
    count.count(world.db, world.store)
    world.age()
    assert http.put("/api/v1/quotas/experiment/0", json={"bytes": 1 << 20}).status_code == 200
    held = http.put("/api/v1/holds", json={"subject": f"run:{run}", "reason": "<b>case</b>"})
    assert held.status_code == 200
    policy = {"experiments": "ci-*", "what": "points", "days": 90}
    made = http.post("/api/v1/retention", json=policy)
    assert made.status_code == 201
    assert made.get_json()["states"] == ["FINISHED", "FAILED", "KILLED"]
    page = http.get("/operations/storage", headers={"Accept": "text/html"})
    cells = [text for tag, text in Elements(page.text).texts if tag == "td"]
    assert cells[:4] == ["2", "7.8 KiB", "0 B", "1.0 MiB"]
    assert "1 runs and 0 logged models were deleted" in page.text
    assert "&lt;b&gt;case&lt;/b&gt;" in page.text
    use = http.get("/api/v1/storage").get_json()
    assert use["total"]["file_bytes"] == 8000
    assert http.get("/api/v1/experiments/0/storage").get_json()["files"] == 2
    preview = http.get("/api/v1/retention/preview").get_json()
    assert preview["trash"] == {"runs": 1, "models": 0, "bytes": 5000, "kept": 0}
    assert [each["things"] for each in preview["policies"]] == [0]
    for path in (
        f"/api/v1/retention/{made.get_json()['id']}",
        "/api/v1/quotas/experiment/0",
        f"/api/v1/holds/run/{run}",
    ):
        assert http.delete(path).status_code == 204
        assert http.delete(path).status_code == 404
