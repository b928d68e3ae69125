"""The binary points batch: what is encoded is decoded, and nothing else is accepted."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium.client import wire
from podium.client.errors import BadRequest

_HEADER = struct.Struct("<4sBBH16sQII")


def _column(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=8 * count, max_size=8 * count)


@st.composite
def _batches(draw: st.DrawFn) -> wire.Batch:
    keys = draw(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=5))
    series = []
    for key in keys:
        count = draw(st.integers(0, 20))
        series.append(wire.Series(key, *(draw(_column(count)) for _ in range(3))))
    return wire.Batch(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.integers(0, 2**64 - 1)),
        tuple(series),
    )


@given(_batches())
def test_what_is_encoded_is_decoded(batch: wire.Batch) -> None:
    assert wire.decode(wire.encode(batch)) == batch


@given(_batches(), st.data())
def test_no_prefix_of_a_batch_is_a_batch(batch: wire.Batch, data: st.DataObject) -> None:
    encoded = wire.encode(batch)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(BadRequest):
        wire.decode(encoded[:cut])


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_never_crashes(data: bytes) -> None:
    with pytest.raises(BadRequest):
        wire.decode(data)


def test_the_vector_of_the_specification() -> None:
    """One point of `loss`: step 7, 1 ms after 1970, value 0.5; stored, since zlib saves nothing."""
    body = (
        b"\x01\x00\x00\x00"
        b"\x04\x00loss"
        b"\x01\x00\x00\x00"
        b"\x07\x00\x00\x00\x00\x00\x00\x00"
        b"\x01\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\xe0\x3f"
    )
    data = _HEADER.pack(b"PDPT", 1, 0, 0, bytes(range(16)), 3, len(body), zlib.crc32(body)) + body
    document = Path(__file__).parents[2] / "docs" / "points.md"
    assert bytes.fromhex(document.read_text().split("```")[1]) == data
    batch = wire.decode(data)
    assert batch.writer == bytes(range(16))
    assert batch.sequence == 3
    assert batch.points == 1
    [series] = batch.series
    assert series.key == "loss"
    assert struct.unpack("<qqd", series.steps + series.timestamps + series.values) == (7, 1, 0.5)
    assert wire.decode(wire.encode(batch)) == batch


def _packed(body: bytes, **changes: int | bytes) -> bytes:
    fields = {
        "magic": b"PDPT",
        "version": 1,
        "codec": 0,
        "reserved": 0,
        "writer": bytes(16),
        "sequence": 0,
        "length": len(body),
        "checksum": zlib.crc32(body),
        **changes,
    }
    return _HEADER.pack(*fields.values()) + body


_EMPTY = struct.pack("<I", 0)
_ONE = struct.pack("<IH1sI", 1, 1, b"a", 0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "fewer than the 40 of the header"),
        (_packed(_EMPTY, magic=b"NOPE"), "byte 0"),
        (_packed(_EMPTY, version=2), "version 2 at byte 4"),
        (_packed(_EMPTY, codec=9), "codec 9 at byte 5"),
        (_packed(_EMPTY, reserved=1), "byte 6"),
        (_packed(_EMPTY, length=wire.MAX_BODY + 1), "over the limit"),
        (_packed(_EMPTY, length=5), "byte 32 says 5"),
        (_packed(_EMPTY, checksum=1), "CRC-32"),
        (_packed(_EMPTY, codec=1), "not zlib"),
        (_packed(_EMPTY + b"x"), "1 bytes follow the last series"),
        (_packed(_ONE[:-1]), "cut short"),
        (_packed(struct.pack("<IH1sI", 1, 1, b"\xff", 0)), "not UTF-8"),
        (_packed(struct.pack("<I", 2) + _ONE[4:] * 2), "stands there twice"),
    ],
)
def test_a_malformed_batch_is_refused_with_the_place(data: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        wire.decode(data)


def test_a_compression_bomb_stops_at_the_size_it_declared() -> None:
    packed = zlib.compress(bytes(10_000_000))
    header = _HEADER.pack(b"PDPT", 1, 1, 0, bytes(16), 0, 100, 0)
    with pytest.raises(BadRequest, match="byte 32 says 100"):
        wire.decode(header + packed)
