"""A block: up to 65,536 points of one series, compressed column by column.

    offset  size  field
    0       4     magic "PDBK"
    4       1     version, 1
    5       3     codec of the steps, the timestamps, the values: 0 raw, 1 pcodec
    8       4     count n of points, uint32
    12      12    length in bytes of each column, three uint32
    24      4     CRC-32 of what follows, uint32
    28            the columns: steps int64, timestamps int64, values float64

All little-endian. Codec 1 is a standalone file of pcodec (https://github.com/pcodec/pcodec); why
it, and what it was measured against: docs/points.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from pcodec import ChunkConfig, standalone

from .columns import Columns

MAX_POINTS = 65_536
MAGIC, VERSION = b"PDBK", 1
RAW, PCODEC = 0, 1
_HEADER = struct.Struct("<4s4B5I")
_CONFIG = ChunkConfig(compression_level=8)


class CorruptBlock(Exception):
    """What the database holds is not what was stored there: a disk or a backup is broken."""


def encode(points: Columns) -> bytes:
    packed = [_pack(column) for column in (points.steps, points.timestamps, points.values)]
    body = b"".join(data for _, data in packed)
    return (
        _HEADER.pack(
            MAGIC,
            VERSION,
            *(codec for codec, _ in packed),
            len(points),
            *(len(data) for _, data in packed),
            crc32(body),
        )
        + body
    )


def decode(*stored: bytes) -> Columns:
    """The points of these blocks, one behind the other."""
    headers = [_header(block) for block in stored]
    total = sum(header.count for header in headers)
    points = Columns(np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total))
    at = 0
    for block, header in zip(stored, headers, strict=True):
        until, start = at + header.count, _HEADER.size
        columns = (points.steps, points.timestamps, points.values)
        for codec, length, column in zip(header.codecs, header.lengths, columns, strict=True):
            _unpack(codec, block[start : start + length], column[at:until])
            start += length
        at = until
    return points


@dataclass(frozen=True, slots=True)
class _Header:
    count: int
    codecs: tuple[int, ...]
    lengths: tuple[int, ...]


def _header(block: bytes) -> _Header:
    magic, version, *codecs, count, first, second, third, checksum = _HEADER.unpack_from(block)
    if magic != MAGIC or version != VERSION:
        raise CorruptBlock(f"A block of metrics has version {version}. Install a newer Podium.")
    if crc32(memoryview(block)[_HEADER.size :]) != checksum:
        raise CorruptBlock(
            f"A block of {count} points does not match its checksum. Restore the table "
            "metric_blocks from a backup."
        )
    return _Header(count, tuple(codecs), (first, second, third))


def _pack(column: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> tuple[int, bytes]:
    raw = np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes()
    data = bytes(standalone.simple_compress(np.ascontiguousarray(column), _CONFIG))
    # Points are kept bit for bit, also those NaNs that a codec may take for one.
    same = len(data) < len(raw) and standalone.simple_decompress(data).tobytes() == column.tobytes()
    return (PCODEC, data) if same else (RAW, raw)


def _unpack(codec: int, data: bytes, into: npt.NDArray[Any]) -> None:
    if codec == RAW:
        into[:] = np.frombuffer(data, into.dtype.newbyteorder("<"))
    elif codec == PCODEC:
        standalone.simple_decompress_into(data, into)
    else:
        raise CorruptBlock(f"A block of metrics has codec {codec}. Install a newer Podium.")
