"""What is shown of a file, and what is not."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from podium.registry.transfer import glimpse
from podium.registry.web import previews
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
        ("a.jsonl", b'{"x": 1}\n', "table"),
        ("a.html", b"<script>", "page"),
        ("a.wav", b"RIFF\0", "audio"),
        ("a.mp4", b"\0", "video"),
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


def test_lines_of_json_are_rows(store: ArtifactStore) -> None:
    body = b'{"prompt": "a|b", "n": 1}\n\n{"n": null, "tags": ["x"]}\n'
    found = shown(store, "a.jsonl", body)
    assert found.kind == "table"
    assert found.rows == (("prompt", "n", "tags"), ("a|b", "1", ""), ("", "null", '["x"]'))
    assert shown(store, "list.ndjson", b"[1]\n[2]\n").kind == "text"
    assert shown(store, "broken.jsonl", b'{"a": 1}\n{"a"').kind == "text"
    long = shown(store, "long.jsonl", b'{"a": "x"}\n' * 50_000)
    assert (len(long.rows), long.note) == (201, "Only the first 200 rows are shown.")


def parquet(columns: dict[str, list[Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def test_the_first_rows_of_parquet(store: ArtifactStore) -> None:
    body = parquet({"name": ["a", None], "x": [1.5, 2.0], "raw": [b"\1", b""], "of": [[1], []]})
    found = shown(store, "a.parquet", body)
    rows = (("name", "x", "raw", "of"), ("a", "1.5", "01", "[1]"), ("", "2.0", "", "[]"))
    assert (found.kind, found.rows, found.note) == ("table", rows, "")
    wide = {f"c{number}": list(range(1000)) for number in range(60)}
    found = shown(store, "wide.parquet", parquet(wide))
    assert (len(found.rows), len(found.rows[0])) == (201, 50)
    assert found.note == "Only the first 200 of 1,000 rows and 50 of 60 columns are shown."
    assert shown(store, "none.parquet", parquet({"x": []})).rows == (("x",),)


def test_parquet_that_cannot_be_shown_says_why(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in (b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"):
        found = shown(store, "bad.parquet", body)
        assert found.kind == "none"
        assert "no Parquet file" in found.note
    # A few kilobytes that become 320 MiB.
    bomb = parquet(
        {"x": ["x" * (320 << 20)]}, compression="zstd", use_dictionary=False, write_statistics=False
    )
    assert len(bomb) < 1 << 18
    assert "more memory or time" in shown(store, "bomb.parquet", bomb).note
    monkeypatch.setattr(previews, "_MAX_PARQUET", 10)
    assert "Download this file" in shown(store, "large.parquet", bytes(11)).note
    monkeypatch.setattr(glimpse, "find_spec", lambda _: None)
    monkeypatch.setattr(previews, "_MAX_PARQUET", 10_000)
    found = shown(store, "a.parquet", parquet({"x": [1]}))
    assert found.kind == "none"
    assert "pip install 'podium[export]'" in found.note


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
