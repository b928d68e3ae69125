"""The binary batch of metric points: ``application/vnd.podium.points``, version 1.

All integers and floats are little-endian.

    offset  size  field
    0       4     magic "PDPT"
    4       1     version, 1
    5       1     codec of the body: 0 stored, 1 zlib (RFC 1950)
    6       2     reserved, 0
    8       16    writer id (random per writing process)
    24      8     sequence number of the batch within its writer, uint64
    32      4     length of the decoded body, uint32
    36      4     CRC-32 of the decoded body, uint32
    40            body

The body is a uint32 count of series, then each series: uint16 length of the key, the key in
UTF-8, uint32 count n of points, then three columns of n: steps int64, timestamps int64
(milliseconds since the Unix epoch), values float64. A key stands once in a batch.

(writer, sequence) names a batch: a server that has stored it acknowledges a resend and ignores it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from .errors import BadRequest

CONTENT_TYPE = "application/vnd.podium.points"
MAGIC = b"PDPT"
VERSION = 1
STORED, ZLIB = 0, 1
MAX_BODY = 64 * 1024 * 1024
MAX_KEY = 0xFFFF

_HEADER = struct.Struct("<4sBBH16sQII")
_COUNT = struct.Struct("<I")
_KEY_LENGTH = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one key; each column is the raw little-endian bytes of n 8-byte items."""

    key: str
    steps: bytes
    timestamps: bytes
    values: bytes

    def __len__(self) -> int:
        return len(self.steps) // 8


@dataclass(frozen=True, slots=True)
class Batch:
    writer: bytes
    sequence: int
    series: tuple[Series, ...]

    @property
    def points(self) -> int:
        return sum(len(series) for series in self.series)


def encode(batch: Batch, *, compress: bool = True) -> bytes:
    """The batch as sent; the body is compressed, if it may be, when that makes it smaller."""
    parts = [_COUNT.pack(len(batch.series))]
    for series in batch.series:
        key = series.key.encode()
        parts += (
            _KEY_LENGTH.pack(len(key)),
            key,
            _COUNT.pack(len(series)),
            series.steps,
            series.timestamps,
            series.values,
        )
    body = b"".join(parts)
    packed = zlib.compress(body, 1) if compress else body
    codec = ZLIB if len(packed) < len(body) else STORED
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        codec,
        0,
        batch.writer,
        batch.sequence,
        len(body),
        zlib.crc32(body),
    )
    return header + (packed if codec == ZLIB else body)


def decode(data: bytes) -> Batch:
    """Parse a batch; :class:`BadRequest` says which field is wrong and at which byte."""
    if len(data) < _HEADER.size:
        raise BadRequest(
            f"Points batch: {len(data)} bytes are fewer than the {_HEADER.size} of the header."
        )
    magic, version, codec, reserved, writer, sequence, length, checksum = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadRequest(f"Points batch: byte 0 must start with {MAGIC!r}, found {magic!r}.")
    if version != VERSION:
        raise BadRequest(
            f"Points batch: version {version} at byte 4 is not known; this server reads {VERSION}."
        )
    if reserved != 0:
        raise BadRequest("Points batch: the reserved field at byte 6 must be 0.")
    if length > MAX_BODY:
        raise BadRequest(
            f"Points batch: a body of {length} bytes (byte 32) is over the limit of {MAX_BODY}."
        )
    body = _body(data[_HEADER.size :], codec, length)
    if zlib.crc32(body) != checksum:
        raise BadRequest("Points batch: the body does not match the CRC-32 at byte 36.")
    return Batch(writer, sequence, _series(body))


def _body(packed: bytes, codec: int, length: int) -> bytes:
    if codec == STORED:
        body = packed
    elif codec == ZLIB:
        inflate = zlib.decompressobj()
        try:
            body = inflate.decompress(packed, length + 1)
        except zlib.error as error:
            raise BadRequest(f"Points batch: the body at byte 40 is not zlib: {error}.") from None
        if inflate.unused_data:
            raise BadRequest("Points batch: bytes follow the end of the body.")
        if len(body) == length and not inflate.eof:
            raise BadRequest("Points batch: the body's zlib stream is cut short.")
    else:
        raise BadRequest(f"Points batch: codec {codec} at byte 5 must be 0 (stored) or 1 (zlib).")
    if len(body) != length:
        raise BadRequest(
            f"Points batch: the body has {len(body)} bytes where byte 32 says {length}."
        )
    return body


def _series(body: bytes) -> tuple[Series, ...]:
    found: dict[str, Series] = {}
    cursor = _Cursor(body)
    for _ in range(cursor.number(_COUNT, "count of series")):
        start = cursor.at
        raw = cursor.take(cursor.number(_KEY_LENGTH, "length of the key"), "key")
        try:
            key = raw.decode()
        except UnicodeDecodeError:
            raise BadRequest(
                f"Points batch: the key at byte {start} of the body is not UTF-8."
            ) from None
        if key in found:
            raise BadRequest(
                f"Points batch: key {key!r} at byte {start} of the body stands there twice."
            )
        size = 8 * cursor.number(_COUNT, "count of points")
        steps, timestamps, values = (
            cursor.take(size, f"{column} of {key!r}")
            for column in ("steps", "timestamps", "values")
        )
        found[key] = Series(key, steps, timestamps, values)
    if cursor.at != len(body):
        raise BadRequest(f"Points batch: {len(body) - cursor.at} bytes follow the last series.")
    return tuple(found.values())


class _Cursor:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def take(self, size: int, field: str) -> bytes:
        piece = self.body[self.at : self.at + size]
        if len(piece) < size:
            raise BadRequest(
                f"Points batch: the {field} at byte {self.at} of the body is cut short: "
                f"{len(piece)} of {size} bytes."
            )
        self.at += size
        return piece

    def number(self, kind: struct.Struct, field: str) -> int:
        (value,) = kind.unpack(self.take(kind.size, field))
        return int(value)
