"""Does loading these files run code? Nothing here loads them: they are taken apart, not run.

Whatever cannot be told is not clean: an error, an archive that is not opened, a format that can
hold code and is not understood.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

from . import keras
from .findings import Finding, Level, suffix
from .pickles import MAX_PICKLE, Limited, is_pickle, pickles, runs

MAX_MEMBERS = 20_000
_MAX_HEADER = 100 * 1024 * 1024

_CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_NOT_OPENED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\x04\x22\x4d\x18": "compressed by lz4",
    b"Rar!": "a rar archive",
}
_NAMED = {
    ".pb": "a TensorFlow graph, which may read and write files",
    ".tar": "a tar archive",
}
_AN_HDF5 = "an HDF5 file, in which Keras may keep code"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LAMBDA = re.compile(rb'"class_name": ?"Lambda"')
# A ModelProto: its ir_version, and the field after it (onnx/onnx.proto).
_ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x2a\x32\x3a\x42\x72]")


def needs_content(path: str, size: int, head: bytes) -> bool:
    """Whether the file is to be kept for :func:`scan`; else :func:`scan_unseen` says all."""
    return suffix(path) != ".safetensors" and (size <= MAX_PICKLE or head.startswith(_ZIP))


def scan_unseen(path: str, size: int, head: bytes) -> list[Finding]:
    """What can be said of a file by its first bytes."""
    if suffix(path) == ".safetensors":
        return _safetensors(path, size, head)
    if (suffix(path) == ".onnx" and _ONNX.match(head)) or _is_numbers(head):
        return []  # neither can be taken for a pickle
    return [Finding(path, Level.UNKNOWN, _too_many(size))]


def scan(path: str, content: IO[bytes]) -> list[Finding]:
    """What is found in one file. It never raises for what the file holds."""
    try:
        return list(_scan(path, content))
    except Exception as error:  # noqa: BLE001  (whatever a parser trips over is not clean)
        return [Finding(path, Level.UNKNOWN, f"cannot be read: {_reason(error)}")]


def _scan(path: str, content: IO[bytes]) -> Iterator[Finding]:
    head = content.read(16)
    content.seek(0)
    known = _by_name(path, head)
    if known is not None:
        yield known
        return
    if head.startswith(_HDF5) or suffix(path) in (".h5", ".hdf5"):
        yield _hdf5(path, content)
        return
    if suffix(path) == ".onnx" and not _ONNX.match(head):
        yield Finding(path, Level.UNKNOWN, "is not the ONNX file it is called")
    is_zip = head.startswith(_ZIP) or zipfile.is_zipfile(content)
    content.seek(0)
    if is_zip:
        yield from _zip(path, content)
    # What is before an archive may be a pickle: it depends on who opens it.
    if not head.startswith(_ZIP):
        yield from pickles(path, content, sure=is_pickle(path, head))


def _by_name(path: str, head: bytes) -> Finding | None:
    ending = suffix(path)
    if ending in _CODE:
        return Finding(path, Level.UNKNOWN, "is code, which loading the model may run")
    said = _NAMED.get(ending) or next(
        (text for magic, text in _NOT_OPENED.items() if head.startswith(magic)), None
    )
    return Finding(path, Level.UNKNOWN, f"is {said}; it is not looked into") if said else None


def _zip(path: str, content: IO[bytes]) -> Iterator[Finding]:
    """PyTorch's files and NumPy's .npz are such archives, with pickles among their members."""
    with zipfile.ZipFile(content) as archive:
        members = archive.infolist()
        is_keras = suffix(path) == ".keras"
        if is_keras:
            yield from _keras(path, archive)
        if len(members) > MAX_MEMBERS:
            yield Finding(path, Level.UNKNOWN, f"holds {len(members)} files, too many")
            return
        for member in members:
            within = f"{path}:{member.filename}"
            if member.is_dir():
                continue
            with archive.open(member) as opened:
                head = opened.read(16)
            if head.startswith(_ZIP):
                yield Finding(within, Level.UNKNOWN, "is an archive in an archive")
                continue
            known = _by_name(member.filename, head)
            if known is not None:
                yield Finding(within, known.level, known.text)
            elif head.startswith(_HDF5):
                if not is_keras or not member.filename.endswith(".weights.h5"):
                    yield Finding(within, Level.UNKNOWN, f"is {_AN_HDF5}")
            else:
                sure = is_pickle(member.filename, head) and not _is_raw(member.filename)
                yield from _member(archive, member, within, sure=sure)


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, within: str, *, sure: bool
) -> Iterator[Finding]:
    if member.file_size > MAX_PICKLE:
        with archive.open(member) as opened:
            if _is_numbers(opened.read(4096)):
                return
            opened.seek(0)
            limited = Limited(opened)
            if _is_raw(member.filename) and not runs(limited) and not limited.exceeded:
                return
        yield Finding(within, Level.UNKNOWN, _too_many(member.file_size))
        return
    with archive.open(member) as opened:
        # No more than was announced is ever read; the checksum is compared at the end.
        data = io.BytesIO(opened.read())
    yield from pickles(within, data, sure=sure)


def _hdf5(path: str, content: IO[bytes]) -> Finding:
    """Keras keeps a model's configuration in an attribute, which is never compressed."""
    content.seek(0)
    data = content.read()
    if _LAMBDA.search(data):
        return Finding(path, Level.UNSAFE, "holds a Lambda layer of Keras, which is code")
    return Finding(path, Level.UNKNOWN, f"is {_AN_HDF5}; none was seen")


def _keras(path: str, archive: zipfile.ZipFile) -> Iterator[Finding]:
    within = f"{path}:{keras.CONFIG}"
    try:
        info = archive.getinfo(keras.CONFIG)
    except KeyError:
        yield Finding(within, Level.UNKNOWN, "is missing: this is no Keras archive")
        return
    if info.file_size > keras.MAX_CONFIG:
        yield Finding(within, Level.UNKNOWN, _too_many(info.file_size))
        return
    config = archive.read(info)
    for text in sorted(set(keras.code_in(config))):
        yield Finding(within, Level.UNSAFE, text)
    for module, name in sorted(set(keras.imports_of(config))):
        yield Finding(within, Level.UNKNOWN, f"imports {module}.{name}"[:210], module[:200])


def _is_numbers(head: bytes) -> bool:
    """A NumPy array without objects, by its header; no pickle can begin like it."""
    from numpy.lib import format as numpy_format

    if not head.startswith(b"\x93NUMPY"):
        return False
    stream = io.BytesIO(head)
    try:
        version = numpy_format.read_magic(stream)
        read = {(1, 0): numpy_format.read_array_header_1_0}.get(
            version, numpy_format.read_array_header_2_0
        )
        return not read(stream)[2].hasobject
    except ValueError:
        return False


def _safetensors(path: str, size: int, head: bytes) -> list[Finding]:
    """A length, a header of JSON, and numbers: it cannot hold code. If that is what it is."""
    try:
        (length,) = struct.unpack("<Q", head[:8])
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise ValueError
        if head[8:9] != b"{" or (len(head) >= 8 + length and not json.loads(head[8 : 8 + length])):
            raise ValueError
    except (struct.error, ValueError, RecursionError):
        return [Finding(path, Level.UNKNOWN, "is not the safetensors file it is called")]
    return []


def _is_raw(path: str) -> bool:
    """The numbers of a PyTorch archive, ``data/0`` and so on: they may begin as anything begins."""
    folder, _, name = path.rpartition("/")
    return name.isdigit() and folder.rpartition("/")[2] == "data"


def _too_many(size: int) -> str:
    return f"has {size} bytes, too many to be looked at"


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
