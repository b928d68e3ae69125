"""What leaves arrives: export, import elsewhere, export again, and every byte is the same."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from podium.client.errors import Conflict
from podium.registry.transfer import points as transfer_points
from podium.tracker import experiments, runs
from podium.tracker.artifacts.paths import ROOT, ArtifactPath
from podium.tracker.metrics import compact_run
from podium.tracker.models import Experiment, Run
from sqlalchemy import select

from .conftest import STEPS, VALUES, Installation, Make, _batch, fill, tree

FOLDER, BUCKET = "sqlite and folder", "postgresql and s3"


@pytest.mark.parametrize(("source", "target"), [(FOLDER, BUCKET), (BUCKET, FOLDER)])
def test_a_move_keeps_every_byte(source: str, target: str, make: Make, tmp_path: Path) -> None:
    here, there = make(source), make(target)
    fill(here)
    first = here.export(tmp_path / "first")
    assert there.load(tmp_path / "first") == first
    assert there.export(tmp_path / "second") == first
    assert tree(tmp_path / "second") == tree(tmp_path / "first")


def test_both_databases_write_the_same(make: Make, tmp_path: Path) -> None:
    """Sorted alike: PostgreSQL's own order of texts depends on the machine's language."""
    exports = []
    for kind in (FOLDER, "postgresql and folder"):
        installation = make(kind)
        fill(installation)
        installation.export(tmp_path / kind)
        exports.append(tmp_path / kind)
    names = ("params", "tags", "experiment_tags", "metric_writers")
    for name in names:
        first, second = (pq.read_table(each / f"{name}.parquet").to_pylist() for each in exports)
        own_names = ("mlflow.runName",)  # random where none was given
        assert [each for each in first if each.get("key") not in own_names] == [
            each for each in second if each.get("key") not in own_names
        ]
    for path in ("points/experiment=1/part-00000.parquet", "artifacts"):
        first, second = ({k: v for k, v in tree(each).items() if path in k} for each in exports)
        assert first == second
        assert first


def test_compaction_changes_nothing(small: Installation, tmp_path: Path) -> None:
    small.export(tmp_path / "before")
    with small.db.reading() as session:
        found = list(session.scalars(select(Run.id)))
    for run in found:
        compact_run(small.db, run)
    small.export(tmp_path / "after")
    assert tree(tmp_path / "after") == tree(tmp_path / "before")


def test_small_row_groups_and_files_hold_the_same(
    small: Installation, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.export(tmp_path / "whole")
    monkeypatch.setattr(transfer_points, "ROWS_A_GROUP", 4)
    monkeypatch.setattr(transfer_points, "GROUPS_A_FILE", 3)
    small.export(tmp_path / "cut")
    parts = sorted((tmp_path / "cut" / "points" / "experiment=1").iterdir())
    assert len(parts) > 5
    assert [pq.read_metadata(each).num_rows for each in parts[:-1]] == [12] * (len(parts) - 1)
    there = make(FOLDER)
    there.load(tmp_path / "cut")
    monkeypatch.undo()
    there.export(tmp_path / "again")
    assert tree(tmp_path / "again") == tree(tmp_path / "whole")


def test_a_resend_is_known_after_the_move(small: Installation, make: Make, tmp_path: Path) -> None:
    small.export(tmp_path / "export")
    there = make(FOLDER)
    there.load(tmp_path / "export")
    known = _batch(("é", "a/b", "Loss"), sequence=0)
    assert runs.log_points(there.db, f"{9:032x}", known) == (3 * len(STEPS), False)
    assert runs.log_points(there.db, f"{9:032x}", _batch(("Loss",), sequence=7))[1] is False
    assert runs.log_points(there.db, f"{9:032x}", _batch(("Loss",), sequence=8))[1] is True


def test_what_is_told_of_a_run_is_the_same(small: Installation, make: Make, tmp_path: Path) -> None:
    small.export(tmp_path / "export")
    there = make("postgresql and folder")
    there.load(tmp_path / "export")
    for number in (7, 8, 9):
        before, after = (runs.get_run(each.db, f"{number:032x}") for each in (small, there))
        assert repr(after) == repr(before)  # NaN is not equal to itself
    assert experiments.get_experiment(there.db, "2") == experiments.get_experiment(small.db, "2")


def test_numbers_go_on_behind_those_that_arrived(make: Make, tmp_path: Path) -> None:
    for kind in (FOLDER, "postgresql and folder"):
        here, there = make(kind), make(kind)
        fill(here)
        here.export(tmp_path / kind)
        there.load(tmp_path / kind)
        assert experiments.create_experiment(there.db, name="next").experiment_id == "3"


def test_points_are_as_they_were_logged(small: Installation, tmp_path: Path) -> None:
    small.export(tmp_path / "export")
    table = pq.read_table(tmp_path / "export" / "points" / "experiment=1" / "part-00000.parquet")
    rows = [each for each in table.to_pylist() if each["key"] == "a/b"]
    assert [each["step"] for each in rows[: len(STEPS)]] == list(STEPS)
    assert repr([each["value"] for each in rows[: len(VALUES)]]) == repr(list(VALUES))
    assert math.copysign(1, rows[VALUES.index(-0.0)]["value"]) == -1
    # By the start of their runs, and by id where that is the same.
    order = list(dict.fromkeys(each["run_id"] for each in rows))
    assert order == [f"{7:032x}", f"{8:032x}", f"{9:032x}"]


class TestAgain:
    def test_a_second_import_changes_nothing(
        self, small: Installation, make: Make, tmp_path: Path
    ) -> None:
        first = small.export(tmp_path / "export")
        there = make(FOLDER)
        assert there.load(tmp_path / "export") == first
        assert there.load(tmp_path / "export") == first
        there.export(tmp_path / "again")
        assert tree(tmp_path / "again") == tree(tmp_path / "export")

    @pytest.mark.parametrize(
        ("place", "calls"), [("rows.add", 3), ("whole.store", 2), ("files._copy_one_in", 1)]
    )
    def test_an_import_that_was_killed_is_finished_by_the_next(
        self, place: str, calls: int, small: Installation, make: Make, tmp_path: Path
    ) -> None:
        small.export(tmp_path / "export")
        there = make(FOLDER)
        url = there.db.engine.url.render_as_string(hide_password=False)
        folder = there.store.root  # type: ignore[attr-defined]
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, url, folder, tmp_path / "export", place, str(calls)],
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        there.load(tmp_path / "export")
        there.export(tmp_path / "again")
        assert tree(tmp_path / "again") == tree(tmp_path / "export")


# Dies at the call after so many of what is named: os.kill is as good as a power cut here.
_KILLED = """
import importlib, os, signal, sys
from pathlib import Path
from podium.registry.app import HISTORIES
from podium.registry.transfer import load
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database

url, store, export, place, calls = sys.argv[1:]
package = "podium.tracker.metrics" if place.startswith("whole") else "podium.registry.transfer"
module, name = place.split(".")
module = importlib.import_module(f"{package}.{module}")
real, left = getattr(module, name), int(calls)

def counted(*arguments, **named):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

setattr(module, name, counted)
load.load(Database(url), open_store(store), Path(export), HISTORIES)
"""


class TestConflicts:
    def test_another_row_of_the_same_name_is_refused_before_anything_is_written(
        self, small: Installation, make: Make, tmp_path: Path
    ) -> None:
        small.export(tmp_path / "export")
        there = make(FOLDER)
        experiments.create_experiment(there.db, name="mnist")
        with pytest.raises(Conflict, match=r"experiments id=1 has name 'mnist' here and 'digits'"):
            there.load(tmp_path / "export")
        with there.db.reading() as session:
            assert set(session.scalars(select(Experiment.name))) == {"Default", "mnist"}
            assert session.scalars(select(Run)).all() == []
        assert there.store.list(ROOT) == []

    def test_a_name_that_another_row_has_is_refused(
        self, small: Installation, make: Make, tmp_path: Path
    ) -> None:
        small.export(tmp_path / "export")
        there = make(FOLDER)
        with there.db.writing() as session:
            session.add(
                Experiment(
                    id=9,
                    name="digits",
                    artifact_location="mlflow-artifacts:/9",
                    creation_time=0,
                    last_update_time=0,
                )
            )
        with pytest.raises(Conflict, match="Another row of experiments has the name 'digits'"):
            there.load(tmp_path / "export")

    def test_a_run_that_was_logged_to_since_is_refused(
        self, small: Installation, tmp_path: Path
    ) -> None:
        small.export(tmp_path / "export")
        runs.log_points(small.db, f"{9:032x}", _batch(("Loss",), sequence=100))
        with pytest.raises(Conflict, match=r"Run 0+9 has 54 points here and 45 in the export"):
            small.load(tmp_path / "export")

    def test_an_artifact_that_differs_is_refused(
        self, small: Installation, make: Make, tmp_path: Path
    ) -> None:
        small.export(tmp_path / "export")
        there = make(FOLDER)
        path = ArtifactPath(f"1/{9:032x}/artifacts/model/weights.bin")
        there.store.put(path, [b"other"])
        with pytest.raises(Conflict, match=r"model/weights\.bin' is another file here"):
            there.load(tmp_path / "export")
        with there.store.open(path) as content:
            assert content.read() == b"other"
