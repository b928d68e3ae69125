"""Installations: a database and an artifact store each, of every kind, empty or full."""

from __future__ import annotations

import itertools
import math
import shutil
import struct
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from podium.client import wire
from podium.client.entities import (
    Dataset,
    DatasetInput,
    Metric,
    ModelMetric,
    ModelOutput,
    RunStatus,
)
from podium.registry import aliases, registered, versions
from podium.registry.app import HISTORIES
from podium.registry.transfer.export import export
from podium.registry.transfer.load import load
from podium.registry.transfer.manifest import Header
from podium.tracker import experiments, logged_models, run_files, runs
from podium.tracker.artifacts import open_store
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.db import Database
from podium.tracker.metrics import compact_run
from podium.tracker.models import Run
from sqlalchemy import select

from ...services.s3 import S3Server

WRITER = b"the writer's id."
ODD_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8_DEAD_0000_0001))[0]
VALUES = (0.5, math.nan, ODD_NAN, math.inf, -math.inf, -0.0, 5e-324, 0.5, 0.5)
STEPS = (2**63 - 1, -(2**63), 0, 0, -1, 7, 7, 3, 3)
_numbers = itertools.count()


@dataclass(frozen=True)
class Installation:
    db: Database
    store: ArtifactStore

    def export(self, folder: Path) -> Header:
        return export(self.db, self.store, folder, HISTORIES)

    def load(self, folder: Path) -> Header:
        return load(self.db, self.store, folder, HISTORIES)


Make = Callable[[str], Installation]


@pytest.fixture
def make(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], tmp_path: Path
) -> Iterator[Make]:
    """Makes an empty installation: of "sqlite and folder" or "postgresql and s3"."""
    opened: list[Database] = []

    def new(kind: str) -> Installation:
        database, _, files = kind.partition(" and ")
        opened.append(Database(new_database(database), pool_size=4))
        number = next(_numbers)
        if files == "folder":
            return Installation(opened[-1], open_store(str(tmp_path / f"artifacts-{number}")))
        s3: S3Server = request.getfixturevalue("s3_environment")
        s3.administrator().make_bucket(f"transfer-{number}")
        store = open_store(f"s3://transfer-{number}/some/prefix", s3.endpoint)
        return Installation(opened[-1], store)

    yield new
    for each in opened:
        each.close()


@pytest.fixture
def small(make: Make) -> Installation:
    """SQLite and a folder, with a little in them."""
    found = make("sqlite and folder")
    fill(found)
    return found


@pytest.fixture(scope="session")
def small_export(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a little, for tests that read it."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copyfile(sqlite_template, folder / "podium.db")
    db = Database(f"sqlite:///{folder / 'podium.db'}", pool_size=4)
    small = Installation(db, open_store(str(folder / "artifacts")))
    fill(small)
    small.export(folder / "export")
    db.close()
    return folder / "export"


def fill(into: Installation) -> None:
    """Two experiments; runs with the points nobody expects; one deleted; files."""
    db = into.db
    experiments.set_experiment_tag(db, "0", "owner", "é — ∞")
    digits = experiments.create_experiment(db, name="digits").experiment_id
    gone = experiments.create_experiment(db, name="Zebra", tags={"b": "2", "B": "1"})
    # Started in another order than named, so that neither order is the other by chance.
    for number, start in enumerate((5, 3, 3)):
        run_id = f"{9 - number:032x}"
        runs.create_run(
            db, experiment_id=digits, run_id=run_id, run_name=f"run {number}", start_time=start
        )
        runs.log_batch(
            db,
            run_id,
            params=[("b", "2"), ("Z", "Ünïcode\n'\"\\"), ("_a", "")],
            tags=[("note", "x" * 3000)],
            metrics=[Metric("loss", value, 0, 0) for value in VALUES],
        )
        runs.log_points(db, run_id, _batch(("é", "a/b", "Loss"), sequence=number))
        into.store.put(
            run_files.root_of(db, run_id) / ArtifactPath("model/weights.bin"),
            [bytes([number]) * 1000],
        )
    runs.update_run(db, f"{9:032x}", status=RunStatus.FINISHED, end_time=77)
    runs.delete_run(db, f"{8:032x}")
    with db.reading() as session:
        compacted = session.scalars(select(Run.id).where(Run.run_id == f"{9:032x}")).one()
    compact_run(db, compacted)
    runs.log_points(db, f"{9:032x}", _batch(("Loss",), sequence=7))
    runs.create_run(db, experiment_id=gone.experiment_id, run_id="a" * 32, start_time=0)
    into.store.put(run_files.root_of(db, "a" * 32) / ArtifactPath("leer.txt"), [])
    experiments.delete_experiment(db, gone.experiment_id)
    _fill_models(into, digits)


def _fill_models(into: Installation, experiment: str) -> None:
    """Data sets, logged models with points of the runs, registered models, one version deleted."""
    db, run_id = into.db, f"{9:032x}"
    for number, name in enumerate(("net", "Forest")):
        model = logged_models.create_model(
            db, experiment_id=experiment, name=name, params=[("b", "1"), ("A", "2")], tags={"é": ""}
        )
        points = [
            ModelMetric("acc", value, at, 0, model.model_id, dataset_name="iris"[number:])
            for at, value in enumerate((0.5, math.nan, -0.0, math.inf))
        ]
        runs.log_batch(db, run_id, model_metrics=points)
        runs.log_outputs(db, run_id, [ModelOutput(model.model_id, number)])
        data = Dataset("iris", str(number), "local", "{}", profile="{}" if number else None)
        runs.log_inputs(
            db, run_id, inputs=[DatasetInput(data, {"b": "1", "A": "2"})], models=[model.model_id]
        )
    registered.create_model(db, name="classifier", tags=[("task", "digits")])
    for _ in range(3):
        versions.create_version(
            db, name="classifier", source=f"runs:/{run_id}/model", tags=[("b", "1"), ("A", "2")]
        )
    versions.delete_version(db, "classifier", 3)
    versions.transition_version(db, "classifier", 1, stage="Production")
    aliases.set_alias(db, "classifier", "champion", 2)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of an export and its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _batch(keys: tuple[str, ...], *, sequence: int) -> bytes:
    steps, times = array("q", STEPS).tobytes(), array("q", range(len(STEPS))).tobytes()
    values = array("d", VALUES).tobytes()
    series = tuple(wire.Series(key, steps, times, values) for key in keys)
    return wire.encode(wire.Batch(WRITER, sequence, series))
