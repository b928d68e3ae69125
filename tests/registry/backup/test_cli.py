"""The commands, as an administrator types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from podium.registry.cli import main
from podium.tracker import experiments
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database

from ..transfer.conftest import Installation, Make, fill


@pytest.fixture
def data(make: Make, tmp_path: Path) -> Path:
    """The folder of a `podium up` with a little in it."""
    found = make("sqlite and folder")
    folder = Path(found.db.engine.url.database or "").parent
    fill(Installation(found.db, open_store(str(folder / "artifacts"))))
    return folder


def test_back_up_verify_restore(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, copy = str(tmp_path / "backups"), tmp_path / "copy"
    assert main(["backup", where, "--data", str(data)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Backup 20")
    assert "4 runs" in told
    assert main(["verify", where]) == 0
    assert "is whole: 4 runs" in capsys.readouterr().out
    assert main(["restore", where, "--data", str(copy)]) == 0
    assert "Restored 20" in capsys.readouterr().out
    db = Database(f"sqlite:///{copy / 'podium.db'}", pool_size=1)
    assert [each.name for each in experiments.search_experiments(db).items] == ["digits", "Default"]
    db.close()
    assert main(["restore", where, "--data", str(copy)]) == 1
    assert "The database is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "/no/such/folder"], "it is no export of Podium"),
        (["restore", "/no/such/folder"], "is no folder. Name the place"),
        (["backup", "{data}/artifacts/backups", "--data", "{data}"], "within the artifacts"),
        (["restore", "{data}/artifacts", "--data", "{data}/new"], "no whole backup"),
        (["verify", "{data}"], "it is no export of Podium"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], says: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([each.format(data=data) for each in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert captured.out == ""
