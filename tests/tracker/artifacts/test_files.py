"""What only a folder has: links, full disks, folders in the way, killed servers."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from podium.client.errors import BadRequest, ConfigError, NotFound, Unavailable
from podium.tracker.artifacts import open_store
from podium.tracker.artifacts.files import FolderStore
from podium.tracker.artifacts.paths import ROOT, ArtifactPath

PATH = ArtifactPath("1/run/model.bin")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder outside the store with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


def staged(store: FolderStore) -> list[str]:
    return os.listdir(store.root / ".staging")


def test_files_lie_where_their_paths_say(folder_store: FolderStore) -> None:
    folder_store.put(PATH, io.BytesIO(b"x"))
    assert (folder_store.root / PATH.key).read_bytes() == b"x"
    assert staged(folder_store) == []


@pytest.mark.parametrize("key", ["link/secret", "a/link/secret"])
def test_a_linked_folder_leads_nowhere(folder_store: FolderStore, secret: Path, key: str) -> None:
    path = ArtifactPath(key)
    link = (folder_store.root / key).parent
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(secret)
    with pytest.raises(NotFound):
        folder_store.open(path)
    with pytest.raises(NotFound):
        folder_store.stat(path)
    with pytest.raises(BadRequest, match="Invalid path"):
        folder_store.put(path, io.BytesIO(b"overwritten"))
    folder_store.delete(path)
    assert folder_store.list(ArtifactPath(str(link.relative_to(folder_store.root)))) == []
    assert [info.path for info in folder_store.list(ROOT) if info.path == "link"] == []
    assert (secret / "secret").read_text() == "secret"
    assert staged(folder_store) == []


def test_a_linked_file_is_neither_read_nor_written_through(
    folder_store: FolderStore, secret: Path
) -> None:
    (folder_store.root / "link").symlink_to(secret / "secret")
    path = ArtifactPath("link")
    with pytest.raises(NotFound):
        folder_store.open(path)
    with pytest.raises(NotFound):
        folder_store.stat(path)
    assert folder_store.list(ROOT) == []
    folder_store.put(path, io.BytesIO(b"own"))
    assert (secret / "secret").read_text() == "secret"
    folder_store.delete(path)
    assert (secret / "secret").exists()


def test_deleting_a_link_keeps_what_it_points_to(folder_store: FolderStore, secret: Path) -> None:
    folder_store.put(PATH, io.BytesIO(b"x"))
    (folder_store.root / "1/link").symlink_to(secret)
    folder_store.delete(ArtifactPath("1"))
    assert (secret / "secret").exists()
    assert folder_store.list(ROOT) == []


def test_the_root_itself_may_be_a_link(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "root").symlink_to(secret)
    store = FolderStore(tmp_path / "root")
    assert [info.path for info in store.list(ROOT)] == ["secret"]


def test_a_pipe_is_no_file(folder_store: FolderStore) -> None:
    os.mkfifo(folder_store.root / "pipe")
    with pytest.raises(NotFound):
        folder_store.open(ArtifactPath("pipe"))
    assert folder_store.list(ROOT) == []


@pytest.mark.parametrize("taken", ["1/run/model.bin/below", "1/run", "1"])
def test_a_file_and_a_folder_cannot_share_a_path(folder_store: FolderStore, taken: str) -> None:
    folder_store.put(PATH, io.BytesIO(b"x"))
    with pytest.raises(BadRequest, match="Choose another path"):
        folder_store.put(ArtifactPath(taken), io.BytesIO(b"y"))
    assert (folder_store.root / PATH.key).read_bytes() == b"x"
    assert staged(folder_store) == []


def test_staging_cannot_be_reached(folder_store: FolderStore) -> None:
    for key in (".staging", ".staging/x"):
        with pytest.raises(BadRequest, match="where uploads wait"):
            folder_store.put(ArtifactPath(key), io.BytesIO(b""))
        with pytest.raises(BadRequest, match="where uploads wait"):
            folder_store.list(ArtifactPath(key))
        with pytest.raises(BadRequest, match="where uploads wait"):
            folder_store.delete(ArtifactPath(key))


def test_a_full_disk(folder_store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="disk is full"):
        folder_store.put(PATH, io.BytesIO(b"x"))
    assert staged(folder_store) == []
    assert folder_store.list(ROOT) == []


def test_a_write_that_the_system_refuses(folder_store: FolderStore) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(Unavailable, match="File too large"):
            folder_store.put(PATH, io.BytesIO(b"x" * 1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert staged(folder_store) == []
    assert folder_store.list(ROOT) == []


def test_a_killed_server_leaves_nothing_visible(folder_store: FolderStore) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from podium.tracker.artifacts.files import FolderStore
        from podium.tracker.artifacts.paths import ArtifactPath

        def body():
            yield b"x" * 1_000_000
            os.kill(os.getpid(), signal.SIGKILL)

        FolderStore(Path(sys.argv[1])).put(ArtifactPath("1/run/model.bin"), body())
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder_store.root)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert folder_store.list(ROOT) == []
    (left,) = staged(folder_store)

    FolderStore(folder_store.root)
    assert staged(folder_store) == [left]  # it might be another server's, still growing
    os.utime(folder_store.root / ".staging" / left, (0, 0))
    FolderStore(folder_store.root)
    assert staged(folder_store) == []


def test_puts_and_deletes_of_one_folder_at_once(folder_store: FolderStore) -> None:
    def work(number: int) -> None:
        path = ArtifactPath(f"deep/er/folder/{number}")
        for _ in range(100):
            folder_store.put(path, io.BytesIO(b"x"))
            folder_store.delete(path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert folder_store.list(ROOT) == []


def test_a_folder_that_went_away(folder_store: FolderStore) -> None:
    folder_store.ready()
    (folder_store.root / ".staging").rmdir()
    with pytest.raises(Unavailable, match="Check that it is mounted"):
        folder_store.ready()
    with pytest.raises(Unavailable, match="mounted"):
        folder_store.put(PATH, io.BytesIO(b"x"))


def test_open_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("some/folder")
    assert isinstance(store, FolderStore)
    assert store.root == tmp_path / "some/folder"


@pytest.mark.parametrize("uri", ["", " ", "gs://bucket", "file:///x", "hdfs:/x", "s3:/bucket"])
def test_open_store_refuses(uri: str) -> None:
    with pytest.raises(ConfigError, match="PODIUM_ARTIFACTS"):
        open_store(uri)


def test_open_store_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="PODIUM_ARTIFACTS"):
        open_store(str(tmp_path / "file"))
