"""What is shown of a file, and what is not."""

from __future__ import annotations

import io

import pytest
from podium.registry.web.previews import Preview, preview
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath


def shown(store: ArtifactStore, name: str, body: bytes) -> Preview:
    path = ArtifactPath(name)
    store.put(path, io.BytesIO(body))
    found = preview(store, path)
    assert found
    return found


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("a.txt", b"text", "text"),
        ("a", b"", "text"),
        ("a.py", "é".encode(), "text"),
        ("a.bin", b"\0\1", "none"),
        ("latin.txt", b"caf\xe9", "none"),
        ("a.PNG", b"\0", "image"),
        ("a.csv", b"x,y\n1,2\n", "table"),
        ("a.tsv", b"x\ty\n", "table"),
        ("a.html", b"<script>", "text"),
    ],
)
def test_kinds(store: ArtifactStore, name: str, body: bytes, kind: str) -> None:
    found = shown(store, name, body)
    assert (found.kind, found.size) == (kind, len(body))


def test_a_folder_and_nothing_have_no_preview(store: ArtifactStore) -> None:
    store.put(ArtifactPath("folder/file"), io.BytesIO(b"x"))
    assert preview(store, ArtifactPath("folder")) is None
    assert preview(store, ArtifactPath("none")) is None


def test_json_is_laid_out_unless_it_is_none(store: ArtifactStore) -> None:
    assert shown(store, "a.json", b'{"a":[1]}').text == '{\n  "a": [\n    1\n  ]\n}'
    assert shown(store, "b.json", b"{broken").text == "{broken"
    assert shown(store, "deep.json", b"[" * 50_000).kind == "text"


def test_a_long_text_is_cut_between_characters(store: ArtifactStore) -> None:
    found = shown(store, "long.txt", b"x" + "é".encode() * 200_000)
    assert (found.kind, len(found.text)) == ("text", 131_072)
    assert "first 256 KiB" in found.note


def test_a_long_table_is_cut(store: ArtifactStore) -> None:
    found = shown(store, "long.csv", b"a,b\n" * 1000)
    assert len(found.rows) == 200
    assert "first 200 rows" in found.note
    wide = shown(store, "wide.csv", b",".join([b"1"] * 1000))
    assert len(wide.rows[0]) == 50
