"""What is backed up comes back: every row, number and byte, or nothing at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from podium.client.entities import Metric
from podium.client.errors import BadRequest
from podium.registry.app import HISTORIES
from podium.registry.backup import layout
from podium.registry.backup.check import verify
from podium.registry.backup.restore import restore
from podium.registry.backup.rows import last_numbers, tables
from podium.registry.backup.take import backup
from podium.registry.webhooks.tables import Webhook
from podium.tracker import audit, experiments, run_files, runs
from podium.tracker.artifacts import open_store
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.auth import accounts, tokens
from podium.tracker.db import Database
from sqlalchemy import select, text

from ..transfer.conftest import Installation, Make, fill

FOLDER, BUCKET = "sqlite and folder", "postgresql and s3"
Place = Callable[[str], ArtifactStore]
Everything = tuple[dict[str, list[Any]], dict[str, bytes]]


def everything(of: Installation) -> Everything:
    """Every row of every table, and every file."""
    with of.db.reading() as session:
        rows = {
            table.name: [
                tuple(row)
                for row in session.execute(select(*table.columns).order_by(*table.primary_key))
            ]
            for table in tables()
        }
    files = {}
    for file in of.store.walk():
        with of.store.open(ArtifactPath(file.key)) as content:
            files[file.key] = content.read()
    return rows, files


def fill_all(into: Installation) -> None:
    """Also what an export leaves behind, and numbers that were given out and are gone."""
    fill(into)
    accounts.create(into.db, name="ada")
    tokens.create(into.db, "ada", name="ci", days=None)
    gone = experiments.create_experiment(into.db, name="gone")
    with into.db.writing() as session:
        session.execute(text(f"DELETE FROM experiments WHERE id = {gone.experiment_id}"))
        session.add(
            Webhook(
                webhook_id="w",
                name="hook",
                url="https://x.example",
                events="[]",
                payload="podium",
                status="ACTIVE",
                secret="encrypted",
                created=1,
                updated=1,
            )
        )


@pytest.mark.parametrize(
    ("source", "target", "at"),
    [(FOLDER, FOLDER, "folder"), (BUCKET, BUCKET, "s3"), (FOLDER, BUCKET, "folder")],
)
def test_everything_comes_back(source: str, target: str, at: str, make: Make, place: Place) -> None:
    here, there, backups = make(source), make(target), place(at)
    fill_all(here)
    taken = backup(here.db, here.store, backups, HISTORIES)
    assert verify(backups) == taken.manifest
    done = restore(there.db, there.store, backups, HISTORIES)
    assert done.manifest == taken.manifest
    before, after = everything(here), everything(there)
    assert before == after
    assert before[0]["tokens"]
    assert before[0]["audit"]
    assert taken.copied == len(set(before[1].values()))
    assert audit.verify(there.db).broken is None
    with here.db.reading() as session:
        numbers = last_numbers(session)
    with there.db.reading() as session:
        assert numbers.items() <= last_numbers(session).items() or source != target
    again = experiments.create_experiment(there.db, name="next")
    if source == target == BUCKET:  # SQLite itself gives a number that is gone again
        assert int(again.experiment_id) > numbers["experiments"]


def test_a_second_backup_reads_and_stores_only_what_is_new(make: Make, place: Place) -> None:
    here, backups = make(FOLDER), place("folder")
    fill_all(here)
    first = backup(here.db, here.store, backups, HISTORIES)
    root = run_files.root_of(here.db, f"{9:032x}")
    here.store.put(root / ArtifactPath("new.bin"), [b"new"])
    here.store.put(root / ArtifactPath("copy.bin"), [bytes(1000)])
    opened: list[str] = []
    real = here.store.open
    here.store.open = lambda path, **kw: opened.append(path.name) or real(path, **kw)  # type: ignore[method-assign, func-returns-value]
    second = backup(here.db, here.store, backups, HISTORIES)
    assert (second.copied, second.copied_bytes) == (1, 3)
    assert sorted(opened) == ["copy.bin", "new.bin"]
    assert second.manifest.files.rows == first.manifest.files.rows + 2
    assert layout.backups(backups) == [first.manifest.backup_id, second.manifest.backup_id]
    verify(backups, first.manifest.backup_id)


def test_old_backups_go_and_what_the_rest_needs_stays(
    make: Make, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, backups = make(FOLDER), place("folder")
    fill_all(here)
    old = backup(here.db, here.store, backups, HISTORIES).manifest.backup_id
    path = run_files.root_of(here.db, f"{9:032x}") / ArtifactPath("model/weights.bin")
    here.store.put(path, [b"other"])
    contents = len(list(backups.walk(layout.BLOBS)))
    kept = backup(here.db, here.store, backups, HISTORIES, keep=1)
    assert kept.removed == (old,)
    assert layout.backups(backups) == [kept.manifest.backup_id]
    assert len(list(backups.walk(layout.BLOBS))) == contents + 1  # younger than a day
    monkeypatch.setattr("podium.registry.backup.prune.now_ms", lambda: 2**53)
    last = backup(here.db, here.store, backups, HISTORIES, keep=1)
    assert len(list(backups.walk(layout.BLOBS))) == contents
    assert verify(backups) == last.manifest
    with pytest.raises(BadRequest, match="keep 1"):
        backup(here.db, here.store, backups, HISTORIES, keep=0)


@pytest.mark.parametrize("kind", [FOLDER, BUCKET])
def test_a_backup_under_writes_is_one_moment(kind: str, make: Make, place: Place) -> None:
    """A writer stores a file, then logs a point and counts it in a tag, again and again."""
    here, there, backups = make(kind), make(kind), place("folder")
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.is_set():
            number = len(written)
            run = runs.create_run(here.db, run_name=f"r{number}").run_id
            root = run_files.root_of(here.db, run)
            here.store.put(root / ArtifactPath("f.txt"), [str(number).encode()])
            runs.log_batch(
                here.db,
                run,
                metrics=[Metric("n", float(number), 0, 0)],
                tags=[("done", str(number))],
            )
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 20:
            assert writer.is_alive()
        before = len(written)
        backup(here.db, here.store, backups, HISTORIES)
    finally:
        stop.set()
        writer.join()
    assert len(written) > before
    restore(there.db, there.store, backups, HISTORIES)
    found = runs.search_runs(there.db, experiment_ids=["0"], max_results=10_000).items
    done = [run for run in found if "done" in run.tags]
    assert before <= len(done) <= len(found) <= len(done) + 1
    for run in done:
        assert [point.value for point in run.latest] == [float(run.tags["done"])]
        root = run_files.root_of(there.db, run.run_id)
        with there.store.open(root / ArtifactPath("f.txt")) as content:
            assert content.read().decode() == run.tags["done"]


def test_only_an_empty_installation_is_restored_into(make: Make, place: Place) -> None:
    here, used, backups = make(FOLDER), make(FOLDER), place("folder")
    fill_all(here)
    backup(here.db, here.store, backups, HISTORIES)
    experiments.create_experiment(used.db, name="mine")
    before = everything(used)
    with pytest.raises(BadRequest, match="not empty: it has rows in experiments"):
        restore(used.db, used.store, backups, HISTORIES)
    assert everything(used) == before


def test_a_database_without_tables_gets_them(make: Make, place: Place, tmp_path: Path) -> None:
    here, backups = make(FOLDER), place("folder")
    fill_all(here)
    backup(here.db, here.store, backups, HISTORIES)
    there = Installation(
        Database(f"sqlite:///{tmp_path / 'new.db'}", pool_size=2), make(FOLDER).store
    )
    restore(there.db, there.store, backups, HISTORIES)
    assert everything(there) == everything(here)
    there.db.close()


@pytest.mark.parametrize("what", ["tables", "files", "manifest", "content"])
def test_a_damaged_backup_is_refused_by_name(what: str, make: Make, place: Place) -> None:
    here, there, backups = make(FOLDER), make(FOLDER), place("folder")
    fill_all(here)
    manifest = backup(here.db, here.store, backups, HISTORIES).manifest
    if what == "tables":
        path = layout.table_file(manifest.backup_id, "runs")
    elif what == "files":
        path = layout.files_file(manifest.backup_id)
    elif what == "manifest":
        path = layout.of(manifest.backup_id) / ArtifactPath("manifest.json")
    else:
        path = ArtifactPath(next(iter(backups.walk(layout.BLOBS))).key)
    with backups.open(path) as content:
        data = bytearray(content.read())
    data[len(data) // 2] ^= 1
    backups.put(path, [bytes(data)])
    empty = everything(there)
    with pytest.raises(BadRequest, match="damaged"):
        verify(backups)
    with pytest.raises(BadRequest, match=r"damaged|sha256 says"):
        restore(there.db, there.store, backups, HISTORIES)
    assert everything(there)[0] == empty[0]


_SCRIPT = """
import os, signal, sys
from podium.registry.app import HISTORIES
from podium.registry.backup.restore import restore
from podium.registry.backup.take import backup
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database
do, at, url, artifacts, place = sys.argv[1:]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
{"backup": backup, "restore": restore}[do](
    Database(url, pool_size=2), open_store(artifacts), open_store(place), HISTORIES, step=step)
"""


def _run(do: str, at: str, url: str, *folders: Path) -> int:
    command = [sys.executable, "-c", _SCRIPT, do, at, url, *map(str, folders)]
    return subprocess.run(command, env=os.environ, check=False, timeout=120).returncode


def test_killed_at_each_step_it_is_none_and_the_next_one_is_whole(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    url, artifacts, where = new_database("sqlite"), tmp_path / "a", tmp_path / "backups"
    here = Installation(Database(url, pool_size=2), open_store(str(artifacts)))
    fill_all(here)
    backups = open_store(str(where))
    for at in ("a table", "a file", "the manifest"):
        assert _run("backup", at, url, artifacts, where) == -signal.SIGKILL
        assert layout.backups(backups) == []
        with pytest.raises(BadRequest, match="no whole backup"):
            verify(backups)
    assert _run("backup", "the end", url, artifacts, where) == -signal.SIGKILL
    verify(backups)
    target, copies = new_database("sqlite"), tmp_path / "b"
    there = Installation(Database(target, pool_size=2), open_store(str(copies)))
    empty = everything(there)[0]
    for at in ("the files", "a file", "a table", "the commit"):
        assert _run("restore", at, target, copies, where) == -signal.SIGKILL
        assert everything(there)[0] == empty
    assert _run("restore", "the end", target, copies, where) == -signal.SIGKILL
    assert everything(there) == everything(here)
    for each in (here, there):
        each.db.close()
