"""An export that fails leaves nothing; one that succeeds is one moment of the database."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from podium.client.errors import BadRequest, NotFound, PodiumError, Unavailable
from podium.registry.transfer import files, parquet, rows
from podium.tracker import runs
from podium.tracker.artifacts.paths import ArtifactPath

from .conftest import Installation, Make, fill, tree


def test_a_folder_that_is_not_empty_is_left_alone(small: Installation, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(BadRequest, match="full is not empty"):
        small.export(tmp_path / "full")
    assert tree(tmp_path / "full") == {"mine": b"mine"}


def test_a_folder_that_is_a_file_is_refused(small: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadRequest, match="file cannot be made"):
        small.export(tmp_path / "file")
    assert (tmp_path / "file").is_file()


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("written", [0, 20, 2000])
def test_a_full_disk_is_said_and_leaves_nothing(
    there: bool, written: int, small: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "export"
    if there:
        folder.mkdir()
    real: Callable[[parquet.HashedFile, bytes], int] = parquet.HashedFile.write
    left = written

    def limited(self: parquet.HashedFile, data: bytes) -> int:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(parquet.HashedFile, "write", limited)
    with pytest.raises(Unavailable, match=r"The disk of .*export is full"):
        small.export(folder)
    assert folder.exists() is there
    assert not there or tree(folder) == {}


def test_an_export_is_one_moment(make: Make, tmp_path: Path) -> None:
    """A run logs, another is created, while the tables are being written."""
    for kind in ("sqlite and folder", "postgresql and folder"):
        here = make(kind)
        fill(here)
        here.export(tmp_path / kind / "before")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rows, "read", meanwhile(here, rows.read))
            here.export(tmp_path / kind / "during")
        assert tree(tmp_path / kind / "during") == tree(tmp_path / kind / "before")
        here.export(tmp_path / kind / "after")
        assert tree(tmp_path / kind / "after") != tree(tmp_path / kind / "before")


def meanwhile(here: Installation, real: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    """Of the first table everything has been read when something happens."""
    happened = False

    def read(session: Any, table: Any) -> Iterator[Any]:
        nonlocal happened
        yield from real(session, table)
        if not happened:
            happened = True
            runs.create_run(here.db, experiment_id="0", run_id="b" * 32)
            runs.log_batch(here.db, f"{9:032x}", params=[("new", "1")], tags=[("new", "1")])

    return read


def test_an_artifact_that_goes_away_meanwhile_is_left_out(
    small: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = small.store.open
    gone = f"1/{9:032x}/artifacts/model/weights.bin"

    def opened(path: ArtifactPath, **options: Any) -> Any:
        if path.key == gone:
            raise NotFound("gone")
        return real(path, **options)

    monkeypatch.setattr(small.store, "open", opened)
    header = small.export(tmp_path / "export")
    assert header.rows["artifacts"] == 3
    assert f"artifacts/{gone}" not in tree(tmp_path / "export")


def test_paths_that_a_disk_cannot_hold_beside_each_other_are_named(
    make: Make, tmp_path: Path
) -> None:
    bucket = make("sqlite and s3")
    for key in ("model", "model/weights.bin"):
        bucket.store.put(ArtifactPath(key), [b"x"])
    with pytest.raises(BadRequest, match=r"The artifact 'model(/weights\.bin)?' cannot lie beside"):
        bucket.export(tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_a_key_that_no_client_can_name_is_named(
    small: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.client.entities import FileInfo

    monkeypatch.setattr(
        small.store, "list", lambda _folder: [FileInfo("a\\b", is_dir=False, file_size=1)]
    )
    with pytest.raises(PodiumError, match="which no client of Podium can name"):
        list(files.all_files(small.store))


def test_an_empty_installation_moves_too(make: Make, tmp_path: Path) -> None:
    here, there = make("sqlite and folder"), make("sqlite and folder")
    header = here.export(tmp_path / "first")
    assert header.rows["runs"] == 0
    assert header.rows["experiments"] == 1
    there.load(tmp_path / "first")
    there.export(tmp_path / "second")
    assert tree(tmp_path / "second") == tree(tmp_path / "first")
