"""What every store promises, on each of them: the text is ArtifactStore's docstring."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.entities import FileInfo
from podium.client.errors import BadRequest, NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ROOT, ArtifactPath

# More than one part of a multipart upload, and not a whole number of them.
LARGE = bytes(range(256)) * (17 * 1024 * 1024 // 256) + b"the end"
PATH = ArtifactPath("1/run/artifacts/model.bin")


def sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def read(store: ArtifactStore, path: ArtifactPath = PATH) -> bytes:
    with store.open(path) as content:
        return content.read()


def names(store: ArtifactStore, folder: ArtifactPath = ROOT) -> list[str]:
    """What is in a folder; folders with no file in them do not count.

    S3 has no folders, but some servers of it keep showing one whose last file is gone.
    """
    found = []
    for info in store.list(folder):
        if not info.is_dir or names(store, folder / ArtifactPath(info.path)):
            found.append(info.path)
    return found


def test_it_works(store: ArtifactStore) -> None:
    store.ready()
    body = b"weights"
    stored = store.put(PATH, io.BytesIO(body), length=7, sha256=sha256(body))
    assert (stored.size, stored.sha256) == (7, sha256(body))
    with store.open(PATH) as content:
        assert (content.size, content.start, content.stop) == (7, 0, 7)
        assert content.read() == body
    assert store.stat(PATH) == FileInfo("model.bin", is_dir=False, file_size=7)


@pytest.mark.parametrize("body", [b"", b"\0", LARGE], ids=["empty", "one byte", "large"])
def test_sizes(store: ArtifactStore, body: bytes) -> None:
    def in_chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 1_000_000):
            yield body[start : start + 1_000_000]

    stored = store.put(PATH, in_chunks())
    assert (stored.size, stored.sha256) == (len(body), sha256(body))
    assert sha256(read(store)) == sha256(body)


def test_a_put_replaces(store: ArtifactStore) -> None:
    store.put(PATH, io.BytesIO(b"a longer first"))
    store.put(PATH, io.BytesIO(b"second"))
    assert read(store) == b"second"


@pytest.mark.parametrize("body", [b"weights", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("wrong", ["sha256", "too long", "too short"])
def test_a_body_that_differs_stores_nothing(store: ArtifactStore, body: bytes, wrong: str) -> None:
    announced = {
        "sha256": {"sha256": sha256(b"other")},
        "too long": {"length": len(body) - 1},
        "too short": {"length": len(body) + 1},
    }[wrong]
    with pytest.raises(BadRequest, match="says"):
        store.put(PATH, io.BytesIO(body), **announced)  # type: ignore[arg-type]
    assert names(store) == []
    store.put(PATH, io.BytesIO(b"before"))
    with pytest.raises(BadRequest):
        store.put(PATH, io.BytesIO(body), **announced)  # type: ignore[arg-type]
    assert read(store) == b"before"


@pytest.mark.parametrize("sent", [b"", b"some", LARGE], ids=["nothing", "some", "two parts"])
def test_a_sender_that_fails_stores_nothing(store: ArtifactStore, sent: bytes) -> None:
    def broken() -> Iterator[bytes]:
        yield sent
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(PATH, broken())
    assert names(store) == []
    with pytest.raises(NotFound):
        store.stat(PATH)


def test_nothing_is_visible_before_the_end(store: ArtifactStore) -> None:
    seen: list[list[str]] = []

    def watching() -> Iterator[bytes]:
        for _ in range(3):
            seen.append(names(store))
            yield LARGE[: 6 * 1024 * 1024]

    store.put(PATH, watching())
    assert seen == [[], [], []]
    assert names(store) == ["1"]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 1, b"0"),
        (3, 6, b"345"),
        (4, None, b"456789"),
        (None, 4, b"0123"),
        (9, 100, b"9"),
        (0, None, b"0123456789"),
    ],
)
def test_ranges(store: ArtifactStore, start: int | None, stop: int | None, expected: bytes) -> None:
    store.put(PATH, io.BytesIO(b"0123456789"))
    with store.open(PATH, start=start, stop=stop) as content:
        assert content.size == 10
        assert content.stop - content.start == len(expected)
        assert content.read() == expected


@pytest.mark.parametrize(("start", "stop"), [(10, None), (5, 5), (6, 3), (-1, None), (0, 0)])
def test_ranges_outside_the_file(store: ArtifactStore, start: int | None, stop: int | None) -> None:
    store.put(PATH, io.BytesIO(b"0123456789"))
    with pytest.raises(BadRequest, match="10 bytes"):
        store.open(PATH, start=start, stop=stop)


def test_lists_are_sorted_and_one_level_deep(store: ArtifactStore) -> None:
    for key in ("b.txt", "a/x/y", "a/z", "Z", "é", "a.txt", "a-b"):
        store.put(ArtifactPath(f"run/{key}"), io.BytesIO(key.encode()))
    folder = ArtifactPath("run")
    assert store.list(folder) == [
        FileInfo("Z", is_dir=False, file_size=1),
        FileInfo("a", is_dir=True),
        FileInfo("a-b", is_dir=False, file_size=3),
        FileInfo("a.txt", is_dir=False, file_size=5),
        FileInfo("b.txt", is_dir=False, file_size=5),
        FileInfo("é", is_dir=False, file_size=2),
    ]
    assert names(store, folder / ArtifactPath("a")) == ["x", "z"]
    assert names(store) == ["run"]


def test_more_than_one_page_of_files(store: ArtifactStore) -> None:
    folder = ArtifactPath("many")
    for number in range(1005):
        store.put(folder / ArtifactPath(f"{number:04}"), io.BytesIO(b""))
    assert names(store, folder) == [f"{number:04}" for number in range(1005)]
    store.delete(folder)
    assert names(store) == []


def test_a_walk_finds_every_file_by_its_whole_path(store: ArtifactStore) -> None:
    before = time.time() * 1000 - 2000
    keys = ["1/a/deep/er/f", "1/a-b", "1/a.txt", "1/é", "10/x", "2/y"]
    for number, key in enumerate(keys):
        store.put(ArtifactPath(key), [b"x" * number])
    found = list(store.walk())
    assert [(each.key, each.size) for each in sorted(found, key=lambda each: each.key)] == sorted(
        (key, number) for number, key in enumerate(keys)
    )
    assert all(before <= each.modified <= time.time() * 1000 + 2000 for each in found)
    assert [each.key for each in store.walk(ArtifactPath("1/a"))] == ["1/a/deep/er/f"]
    assert list(store.walk(ArtifactPath("nothing"))) == []
    time.sleep(0.01)
    store.put(ArtifactPath("2/y"), [b"y" * 5])
    assert [each.tag for each in store.walk(ArtifactPath("2"))] != [found[-1].tag]


def test_what_is_missing(store: ArtifactStore) -> None:
    store.put(ArtifactPath("a/b"), io.BytesIO(b"x"))
    for key in ("none", "a/none", "a", "a/b/c"):
        with pytest.raises(NotFound, match=f"No such artifact: '{key}'"):
            store.open(ArtifactPath(key))
        with pytest.raises(NotFound, match=f"No such artifact: '{key}'"):
            store.stat(ArtifactPath(key))
    for key in ("none", "a/none", "a/b", "a/b/c"):
        assert store.list(ArtifactPath(key)) == []
    store.delete(ArtifactPath("none"))
    store.delete(ArtifactPath("a/b/c"))
    assert names(store, ArtifactPath("a")) == ["b"]


def test_deletes(store: ArtifactStore) -> None:
    for key in ("1/a/x", "1/a/y/z", "1/ab", "1/a.txt", "2/a"):
        store.put(ArtifactPath(key), io.BytesIO(b"x"))
    store.delete(ArtifactPath("1/a"))
    assert names(store, ArtifactPath("1")) == ["a.txt", "ab"]
    store.delete(ArtifactPath("1/a.txt"))
    store.delete(ArtifactPath("1/ab"))
    assert names(store) == ["2"]


def test_the_root_is_no_file(store: ArtifactStore) -> None:
    store.put(PATH, io.BytesIO(b"x"))
    for call in (store.open, store.stat, store.delete):
        with pytest.raises(BadRequest, match="path is empty"):
            call(ROOT)
    with pytest.raises(BadRequest, match="path is empty"):
        store.put(ROOT, io.BytesIO(b""))
    assert names(store) == ["1"]


def test_names_survive(store: ArtifactStore) -> None:
    odd = ["a b", "100%", "+&=;@~!$'()*,", "訓練", "e\u0301", "\N{HIGH VOLTAGE SIGN}", "..a"]
    folder = ArtifactPath("odd")
    for name in odd:
        store.put(folder / ArtifactPath(name), io.BytesIO(name.encode()))
    assert names(store, folder) == sorted(odd)
    for name in odd:
        assert read(store, folder / ArtifactPath(name)) == name.encode()


# moto closes a body that is being read when its key is written.
@pytest.mark.parametrize("store", ["folder", "seaweedfs"], indirect=True)
def test_threads(store: ArtifactStore) -> None:
    bodies = [bytes([number]) * 100_000 for number in range(8)]

    def work(body: bytes) -> None:
        for _ in range(5):
            store.put(PATH, io.BytesIO(body), sha256=sha256(body))
            assert read(store) in bodies

    with ThreadPoolExecutor(len(bodies)) as pool:
        list(pool.map(work, bodies))
    assert read(store) in bodies
