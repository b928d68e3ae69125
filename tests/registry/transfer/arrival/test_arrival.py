"""From a real MLflow server, a real mlflow.db and a real mlruns folder: all of it, as it was."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from podium.client.entities import Dataset, DatasetInput, LifecycleStage, ModelOutput, RunStatus
from podium.client.errors import BadRequest, Conflict, PodiumError, Unavailable
from podium.registry import prompts
from podium.registry.models import Alias, ModelTag, ModelVersion, RegisteredModel
from podium.registry.transfer.arrival import Arriving, Choice, import_mlflow
from podium.tracker import experiments, logged_models, run_files, runs
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.db import Database
from podium.tracker.metrics import whole
from podium.tracker.models import Experiment, Run
from sqlalchemy import select

from ....services import free_ports
from ....services.podium import environment
from ..conftest import Installation, Make, tree
from .conftest import QUIET, Stock
from .stock import KEYS, POINTS

FOLDER = "sqlite and folder"


def arrive(into: Installation, stock: Stock, **chosen: object) -> Arriving:
    choice = Choice(**{"artifacts": stock.artifacts, **chosen})  # type: ignore[arg-type]
    return import_mlflow(into.db, into.store, stock.address, choice)


def points(db: Database, run_id: str, key: str) -> str:
    """As text, for NaN is not equal to itself."""
    with db.reading() as session:
        run = session.scalars(select(Run.id).where(Run.run_id == run_id)).one()
        found = dict(whole.series(session, run))
        for each, pieces in found.items():
            columns = list(pieces)
            if each == key:
                rows = [
                    (value, at, step)
                    for piece in columns
                    for value, at, step in zip(
                        piece.values.tolist(),
                        piece.timestamps.tolist(),
                        piece.steps.tolist(),
                        strict=True,
                    )
                ]
                return repr(rows)
    raise AssertionError(key)


def files(here: Installation, run_id: str) -> Iterator[tuple[str, bytes]]:
    folders = [""]
    while folders:
        for each in run_files.list_files(here.db, here.store, run_id, folders.pop()):
            if each.is_dir:
                folders.append(each.path)
                continue
            with here.store.open(run_files.file_of(here.db, run_id, each.path)) as content:
                yield each.path, content.read()


@pytest.fixture
def here(make: Make) -> Installation:
    return make(FOLDER)


class TestEverything:
    def test_is_here_as_it_was_there(self, stock: Stock, here: Installation) -> None:
        arrived = arrive(here, stock)
        assert arrived.notes == []
        assert dict(arrived.counts) == {
            "experiments": 2,
            "runs": 4,
            "params": 6,
            "tags": 10,
            "metrics": 11,
            "points": 3 * len(KEYS) * len(POINTS) + 2,
            "artifacts": 4,
            "logged models": 1,
            "registered models": 3,
            "versions": 4,
        }
        self._experiments(here)
        self._runs(here, stock)
        self._logged_models(here, stock)
        self._models(here, stock)

    def _experiments(self, here: Installation) -> None:
        digits = experiments.get_experiment_by_name(here.db, "digits")
        assert digits.tags == {"team": "vision", "mlflow.note.content": "é"}
        assert digits.creation_time > 1.7e12
        gone = experiments.get_experiment_by_name(here.db, "gone")
        assert gone.lifecycle_stage == LifecycleStage.DELETED
        # No long number of an mlruns folder has come along, after which all others would count.
        assert {digits.experiment_id, gone.experiment_id} == {"1", "2"}

    def _runs(self, here: Installation, stock: Stock) -> None:
        first = runs.get_run(here.db, stock.made["first"])
        assert (first.run_name, first.status) == ("first", RunStatus.FINISHED)
        assert (first.start_time, first.end_time) == (5000, 9000)
        assert first.params == {"lr": "0.1", "text": "Ünïcode\n'\"\\" + "x" * 1000}
        assert first.tags == {
            "note": "y" * 2000,
            "mlflow.user": "ada",
            "mlflow.runName": "first",
        }
        deleted = runs.get_run(here.db, stock.made["deleted"])
        assert deleted.lifecycle_stage == LifecycleStage.DELETED
        expected = repr(sorted(POINTS, key=lambda each: (each[1], each[2])))
        if not Path(stock.address).is_dir():  # SQLite keeps no sign of a zero
            expected = expected.replace("-0.0", "0.0")
        for run in (first, deleted):
            for key in KEYS:
                assert points(here.db, run.run_id, key) == expected
        assert points(here.db, stock.made["in gone"], "loss") == "[(0.5, 1, 1)]"
        assert dict(files(here, stock.made["first"])) == {
            "model/deep folder/weights.bin": bytes(range(256)) * 100,
            "empty": b"",
        }
        assert dict(files(here, stock.made["second"])) == {"notes/é.txt": b"hello"}

    def _logged_models(self, here: Installation, stock: Stock) -> None:
        first = runs.get_run(here.db, stock.made["first"])
        data = Dataset("iris", "abc123", "local", '{"path": "iris.csv"}', '{"columns": 4}')
        assert first.datasets == (DatasetInput(data, {"mlflow.data.context": "training"}),)
        model_id = stock.made["model"]
        assert first.model_outputs == (ModelOutput(model_id, 5),)
        second = runs.get_run(here.db, stock.made["second"])
        assert second.model_inputs == (model_id,)
        model = logged_models.get_model(here.db, model_id)
        assert (model.name, model.model_type, model.status) == ("net", "classifier", "READY")
        assert (model.tags["kind"], model.params) == ("small", {"layers": "2"})
        assert model.source_run_id == first.run_id
        [point] = model.metrics
        assert (point.key, point.value, point.timestamp, point.step) == ("accuracy", 0.75, 1, 2)
        assert (point.run_id, point.dataset_name) == (first.run_id, "iris")
        with here.store.open(
            parse_artifact_uri(model.artifact_uri) / ArtifactPath("MLmodel")
        ) as file:
            assert file.read() == b"flavors: {}"

    def _models(self, here: Installation, stock: Stock) -> None:
        with here.db.reading() as session:
            models = {each.name: each for each in session.scalars(select(RegisteredModel))}
            by_number = select(ModelVersion).order_by(ModelVersion.model, ModelVersion.version)
            versions = list(session.scalars(by_number))
            aliases = session.execute(select(Alias.alias, Alias.version)).all()
            tags = session.execute(select(ModelTag.key, ModelTag.value)).all()
        assert set(models) == {"classifier", "empty", "greeting"}
        *versions, logged, prompt = versions
        assert prompt.source in prompts.SOURCES
        assert prompt.storage_location == ""
        assert models["classifier"].description == "reads"
        # Version 2 was deleted: its number is not given again, nor is that of the last.
        assert models["classifier"].last_version == 3
        assert ("task", "digits") in tags
        assert ("mlflow.prompt.is_prompt", "true") in tags
        assert [(each.version, each.stage) for each in versions] == [(1, "Production"), (3, "None")]
        assert [each.description for each in versions] == ["version 0", "version 2"]
        assert aliases == [("champion", versions[1].id)]
        place = f"{runs.get_run(here.db, stock.made['first']).artifact_uri}/model"
        assert {(each.source, each.storage_location) for each in versions} == {(place, place)}
        assert {each.run_id for each in versions} == {stock.made["first"]}
        assert logged.source == f"models:/{stock.made['model']}"
        assert logged.model_id == stock.made["model"]
        model = logged_models.get_model(here.db, stock.made["model"])
        assert logged.storage_location == model.artifact_uri


def test_it_arrives_in_postgresql_and_s3(stock_database: Stock, make: Make) -> None:
    here = make("postgresql and s3")
    arrived = arrive(here, stock_database)
    assert arrived.counts["points"] == 3 * len(KEYS) * len(POINTS) + 2
    assert dict(files(here, stock_database.made["second"])) == {"notes/é.txt": b"hello"}
    assert experiments.create_experiment(here.db, name="next").experiment_id == "3"


class TestAgain:
    def test_a_second_import_changes_nothing(
        self, stock_folder: Stock, here: Installation, tmp_path: Path
    ) -> None:
        first = arrive(here, stock_folder)
        here.export(tmp_path / "first")
        assert arrive(here, stock_folder).counts == first.counts
        here.export(tmp_path / "second")
        assert tree(tmp_path / "second") == tree(tmp_path / "first")

    @pytest.mark.parametrize(
        ("place", "calls"), [("experiments._insert_run", 2), ("files._put", 1), ("models._tag", 2)]
    )
    def test_an_import_that_was_killed_is_finished_by_the_next(
        self, place: str, calls: int, stock_folder: Stock, here: Installation
    ) -> None:
        url = here.db.engine.url.render_as_string(hide_password=False)
        root = here.store.root  # type: ignore[attr-defined]
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, url, root, stock_folder.address, place, str(calls)],
            env=environment() | QUIET,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        arrived = arrive(here, stock_folder)
        assert arrived.counts["runs"] == 4
        assert arrived.counts["points"] == 3 * len(KEYS) * len(POINTS) + 2
        assert arrived.counts["artifacts"] == 4
        assert len(dict(files(here, stock_folder.made["first"]))) == 2
        with here.db.reading() as session:
            assert len(session.scalars(select(ModelVersion)).all()) == 4

    def test_files_that_were_left_out_come_later(
        self, stock_database: Stock, here: Installation
    ) -> None:
        assert arrive(here, stock_database, files=False).counts["artifacts"] == 0
        assert arrive(here, stock_database).counts["artifacts"] == 4
        assert len(dict(files(here, stock_database.made["first"]))) == 2


# Dies at the call after so many of what is named.
_KILLED = """
import importlib, os, signal, sys
from podium.registry.transfer.arrival import Choice, import_mlflow
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database

url, store, address, place, calls = sys.argv[1:]
module, name = place.split(".")
module = importlib.import_module(f"podium.registry.transfer.arrival.{module}")
real, left = getattr(module, name), int(calls)

def counted(*arguments, **named):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

setattr(module, name, counted)
import_mlflow(Database(url), open_store(store), address, Choice())
"""


class TestConflicts:
    @pytest.fixture
    def taken(self, here: Installation) -> Installation:
        experiments.create_experiment(here.db, name="digits")
        return here

    def test_a_name_that_is_taken_stops_it_before_anything_is_written(
        self, stock_folder: Stock, taken: Installation
    ) -> None:
        with pytest.raises(Conflict, match=r"called 'digits' here.*--into.*--skip"):
            arrive(taken, stock_folder)
        with taken.db.reading() as session:
            assert set(session.scalars(select(Experiment.name))) == {"Default", "digits"}

    def test_it_may_go_by_another_name(self, stock_folder: Stock, taken: Installation) -> None:
        arrived = arrive(taken, stock_folder, prefix="old-")
        assert arrived.counts["runs"] == 4
        with taken.db.reading() as session:
            names = set(session.scalars(select(Experiment.name)))
            models = set(session.scalars(select(RegisteredModel.name)))
        assert names == {"Default", "digits", "old-digits", "old-gone"}
        assert models == {"old-classifier", "old-empty", "old-greeting"}

    def test_it_may_be_left_out(self, stock_folder: Stock, taken: Installation) -> None:
        arrived = arrive(taken, stock_folder, skip=True)
        assert arrived.notes == ["experiments: 'digits' was left out, for its name is taken"]
        assert arrived.counts["runs"] == 1
        with taken.db.reading() as session:
            [run] = session.scalars(select(Run.run_id))
        assert run == stock_folder.made["in gone"]

    def test_a_run_that_is_here_under_another_name_is_not_doubled(
        self, stock_folder: Stock, here: Installation
    ) -> None:
        arrive(here, stock_folder)
        with pytest.raises(Conflict, match="imported before, under another name"):
            arrive(here, stock_folder, prefix="old-")


class TestNoMlflow:
    def test_a_server_that_does_not_answer(self, here: Installation) -> None:
        [port] = free_ports(1)
        with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port} cannot be read"):
            import_mlflow(here.db, here.store, f"http://127.0.0.1:{port}", Choice())

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("/no/such/folder", "is no source to import from"),
            ("sqlite:////no/such/file.db", "There is no file /no/such/file.db"),
            ("mongodb://x/y", "is no source to import from"),
        ],
    )
    def test_what_is_not_there(self, source: str, message: str, here: Installation) -> None:
        with pytest.raises(BadRequest, match=message):
            import_mlflow(here.db, here.store, source, Choice())

    def test_a_folder_of_other_things(self, here: Installation, tmp_path: Path) -> None:
        (tmp_path / "other" / "below").mkdir(parents=True)
        with pytest.raises(BadRequest, match="is no mlruns folder"):
            import_mlflow(here.db, here.store, str(tmp_path / "other"), Choice())
        assert sorted(each.name for each in (tmp_path / "other").iterdir()) == ["below"]

    def test_a_database_of_other_things(self, here: Installation, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        with closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE mine (x)")
        before = other.read_bytes()
        with pytest.raises(BadRequest, match="holds no tables of MLflow"):
            import_mlflow(here.db, here.store, f"sqlite:///{other}", Choice())
        assert other.read_bytes() == before

    def test_a_file_that_is_no_database(self, here: Installation, tmp_path: Path) -> None:
        (tmp_path / "text.db").write_text("no database, but long enough to be read as one" * 99)
        with pytest.raises(Unavailable, match="not a database"):
            import_mlflow(here.db, here.store, f"sqlite:///{tmp_path / 'text.db'}", Choice())

    def test_a_password_is_not_shown(self, here: Installation) -> None:
        [port] = free_ports(1)
        source = f"postgresql+psycopg://ada:hunter2@127.0.0.1:{port}/mlflow"
        with pytest.raises(PodiumError) as refused:
            import_mlflow(here.db, here.store, source, Choice())
        assert "hunter2" not in refused.value.message
        assert "ada:***@" in refused.value.message

    def test_files_that_only_a_server_knows(
        self, stock_database: Stock, here: Installation
    ) -> None:
        with pytest.raises(BadRequest, match=r"its server alone knows.*--artifacts"):
            import_mlflow(here.db, here.store, stock_database.address, Choice())
        with here.db.reading() as session:
            assert set(session.scalars(select(Experiment.name))) == {"Default"}


def test_a_source_is_left_as_it_is(stock_folder: Stock, here: Installation) -> None:
    def state() -> list[tuple[str, int, int]]:
        found = sorted(Path(stock_folder.address).rglob("*"))
        return [(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in found]

    before = state()
    arrive(here, stock_folder)
    assert state() == before
    assert os.path.isdir(stock_folder.address)


# The tables as mlflow 2.2 made them, early in 2023.
_OLD = """
import sys
import mlflow.store.db.utils as utils
import sqlalchemy
from alembic import command
from mlflow.store.tracking.dbmodels.initial_models import Base

engine = sqlalchemy.create_engine(sys.argv[1])
Base.metadata.create_all(engine)
config = utils._get_alembic_config(sys.argv[1])
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, "97727af70f4d")
"""


def test_a_database_of_an_older_mlflow(here: Installation, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'old.db'}"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _OLD, address],
        env=environment() | QUIET,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    run_id = "0123456789abcdef" * 2
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, old:
        old.execute(
            "INSERT INTO experiments (experiment_id, name, lifecycle_stage, creation_time, "
            "last_update_time) VALUES (7, 'of old', 'active', 70, 71)"
        )
        old.execute(
            "INSERT INTO runs (run_uuid, name, user_id, status, start_time, lifecycle_stage, "
            "artifact_uri, experiment_id) VALUES (?, 'r', 'ada', 'FINISHED', 5, 'active', ?, 7)",
            (run_id, f"{tmp_path}/nothing"),
        )
        for table, column in (("metrics", "timestamp"), ("latest_metrics", "timestamp")):
            old.execute(
                f"INSERT INTO {table} (key, value, {column}, run_uuid, step, is_nan) "
                "VALUES ('loss', 0.5, 9, ?, 3, 0)",
                (run_id,),
            )
    before = (tmp_path / "old.db").read_bytes()
    arrived = import_mlflow(here.db, here.store, address, Choice())
    assert (tmp_path / "old.db").read_bytes() == before
    assert (arrived.counts["runs"], arrived.counts["points"]) == (1, 1)
    assert experiments.get_experiment(here.db, "7").name == "of old"
    assert points(here.db, run_id, "loss") == "[(0.5, 9, 3)]"
