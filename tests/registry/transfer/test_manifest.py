"""An export that is not as it was written is refused, with the file's name, before anything."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from podium.client.errors import BadRequest
from podium.registry.transfer.load import verify
from podium.tracker.models import Experiment
from sqlalchemy import select

from .conftest import Make

WEIGHTS = f"artifacts/1/{7:032x}/artifacts/model/weights.bin"
POINTS = "points/experiment=1/part-00000.parquet"


@pytest.fixture
def exported(small_export: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(small_export, tmp_path / "export"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the manifest's objects."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    change(lines)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def replaced(name: str, value: object, *, line: int = 0) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        edit(folder, lambda lines: lines[line].__setitem__(name, value))

    return change


def without_last(lines: list[dict[str, Any]]) -> None:
    lines.pop()


def linked(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("/etc/passwd")


def linked_folder(folder: Path) -> None:
    shutil.move(folder / "artifacts", folder.parent / "elsewhere")
    (folder / "artifacts").symlink_to(folder.parent / "elsewhere")


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped bit in a table": (lambda at: flip(at / "runs.parquet"), r"runs\.parquet is damaged"),
    "a flipped bit in points": (lambda at: flip(at / POINTS), r"part-00000\.parquet is damaged"),
    "a flipped bit in an artifact": (lambda at: flip(at / WEIGHTS), r"weights\.bin is damaged"),
    "a truncated artifact": (lambda at: os.truncate(at / WEIGHTS, 10), r"weights\.bin is damaged"),
    "a missing table": (lambda at: (at / "tags.parquet").unlink(), r"tags\.parquet is missing"),
    "an extra file": (lambda at: (at / "artifacts" / "new").touch(), "new is not in the manifest"),
    "no manifest": (lambda at: (at / "manifest.jsonl").unlink(), "did not finish"),
    "a manifest of something else": (
        replaced("format", "other"),
        "no manifest of a Podium export",
    ),
    "an empty manifest": (
        lambda at: os.truncate(at / "manifest.jsonl", 0),
        "no manifest of a Podium export",
    ),
    "a manifest without its last line": (
        lambda at: edit(at, without_last),
        "is not in the manifest",
    ),
    "a manifest cut inside a line": (
        lambda at: os.truncate(at / "manifest.jsonl", (at / "manifest.jsonl").stat().st_size - 9),
        "damaged at line",
    ),
    "a manifest with a count that is wrong": (replaced("files", 3), "cut short"),
    "a newer format": (replaced("version", 2), "format 2, this Podium reads 1"),
    "a newer schema": (
        replaced("schema", {"tracker_version": "9999"}),
        "schema tracker_version 9999, newer",
    ),
    "the schema of a package that is not here": (
        replaced("schema", {"other_version": "0001"}),
        "schema other_version 0001, newer",
    ),
    "a path that leads out": (replaced("path", "../../etc/passwd", line=1), "has the segment '..'"),
    "an absolute path": (replaced("path", "/etc/passwd", line=1), "is absolute"),
    "a path in backslashes": (replaced("path", "..\\..\\x", line=1), "holds a backslash"),
    "a digest that is none": (replaced("sha256", "abc", line=1), "damaged at line 2"),
    "a size that is none": (replaced("size", -1, line=1), "damaged at line 2"),
    "the same file twice": (lambda at: edit(at, lambda lines: lines.append(lines[-1])), "twice"),
    "a link in place of a file": (linked, "is a link"),
    "a link in place of a folder": (linked_folder, "artifacts is a link"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_nothing_is_loaded(fault: str, exported: Path, make: Make) -> None:
    cause, message = FAULTS[fault]
    cause(exported)
    there = make("sqlite and folder")
    with pytest.raises(BadRequest, match=message) as refused:
        there.load(exported)
    assert str(exported) in refused.value.message or "schema" in fault
    with there.db.reading() as session:
        assert list(session.scalars(select(Experiment.name))) == ["Default"]


def test_a_whole_export_is_said_to_be(exported: Path) -> None:
    header = verify(exported)
    assert header.rows["artifacts"] == 4
    assert header.files == len([path for path in exported.rglob("*") if path.is_file()]) - 1


@pytest.mark.parametrize("name", ["renamed.parquet", "points/other.parquet"])
def test_a_file_that_no_podium_writes_is_not_passed_over(
    name: str, exported: Path, make: Make
) -> None:
    """As of a newer Podium with one more table: to leave it out would lose it."""
    (exported / "params.parquet").rename(exported / name)

    def rename(lines: list[dict[str, Any]]) -> None:
        [line] = [each for each in lines if each.get("path") == "params.parquet"]
        line["path"] = name

    edit(exported, rename)
    with pytest.raises(BadRequest, match=f"{name} is no file that this Podium knows"):
        make("sqlite and folder").load(exported)


def test_what_is_not_there_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"holds no manifest\.jsonl"):
        verify(tmp_path / "nothing")
