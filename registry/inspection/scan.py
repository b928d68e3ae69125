"""Does loading these files run code? Nothing here loads them: pickles are taken apart, not run.

picklescan knows what is dangerous in a pickle. Here is decided what is looked at, and that whatever
cannot be told is not clean: an error, an archive that is not opened, an import that nobody vouches
for, a format that can hold code and is not understood.
"""

from __future__ import annotations

import io
import json
import logging
import pickletools
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

# A pickle is held in memory while it is taken apart.
MAX_PICKLE = 256 * 1024 * 1024
MAX_MEMBERS = 20_000
_MAX_HEADER = 100 * 1024 * 1024

_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".dat", ".data", ".p")
_TORCH = (".pt", ".pth", ".ckpt", ".bin")
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
    b"\x89HDF": "an HDF5 file, in which Keras may keep code",
}
_NAMED = {
    ".h5": "an HDF5 file, in which Keras may keep code",
    ".keras": "a Keras archive, which may hold code",
    ".pb": "a TensorFlow graph, which may read and write files",
    ".tar": "a tar archive",
}
_CALLS = frozenset(("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"))
# Whose classes a model is made of. What is dangerous in them picklescan knows by name.
_TRUSTED = frozenset(
    """
    catboost collections copyreg datetime decimal interpret lightgbm numpy pandas scipy sklearn
    statsmodels torch transformers xgboost
    """.split()  # noqa: SIM905  (a list of words is read as words)
)


class Level(StrEnum):
    UNSAFE = "UNSAFE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Finding:
    """``module`` is what a pickle imports, where that is what was found."""

    path: str
    level: Level
    text: str
    module: str = ""


def judge(findings: list[Finding]) -> str:
    levels = {finding.level for finding in findings}
    return next((level for level in Level if level in levels), "CLEAN")


def needs_content(path: str, size: int, head: bytes) -> bool:
    """Whether the file is to be kept for :func:`scan`; else :func:`scan_unseen` says all."""
    return _suffix(path) != ".safetensors" and (size <= MAX_PICKLE or head.startswith(_ZIP))


def scan_unseen(path: str, size: int, head: bytes) -> list[Finding]:
    """What can be said of a file by its first bytes."""
    if _suffix(path) == ".safetensors":
        return _safetensors(path, size, head)
    return [Finding(path, Level.UNKNOWN, f"has {size} bytes, too many to be looked at")]


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
    is_zip = head.startswith(_ZIP) or zipfile.is_zipfile(content)
    content.seek(0)
    if is_zip:
        yield from _zip(path, content)
    # What is before an archive may be a pickle: it depends on who opens it.
    if not head.startswith(_ZIP):
        yield from _pickles(path, content, sure=_is_pickle(path, head))


def _by_name(path: str, head: bytes) -> Finding | None:
    suffix = _suffix(path)
    if suffix in _CODE:
        return Finding(path, Level.UNKNOWN, "is code, which loading the model may run")
    said = _NAMED.get(suffix) or next(
        (text for magic, text in _NOT_OPENED.items() if head.startswith(magic)), None
    )
    return Finding(path, Level.UNKNOWN, f"is {said}; it is not looked into") if said else None


def _zip(path: str, content: IO[bytes]) -> Iterator[Finding]:
    """PyTorch's files and NumPy's .npz are such archives, with pickles among their members."""
    with zipfile.ZipFile(content) as archive:
        members = archive.infolist()
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
            else:
                sure = _is_pickle(member.filename, head) and not _is_raw(member.filename)
                yield from _member(archive, member, within, sure=sure)


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, within: str, *, sure: bool
) -> Iterator[Finding]:
    if member.file_size > MAX_PICKLE:
        text = f"has {member.file_size} bytes, too many to be looked at"
        yield Finding(within, Level.UNKNOWN, text)
        return
    with archive.open(member) as opened:
        # No more than was announced is ever read; the checksum is compared at the end.
        data = io.BytesIO(opened.read())
    yield from _pickles(within, data, sure=sure)


def _pickles(path: str, content: IO[bytes], *, sure: bool) -> Iterator[Finding]:
    """``sure``: it says that it is one, so that it must be understood to its end."""
    from picklescan import scanner

    logging.getLogger("picklescan").setLevel(logging.CRITICAL)  # findings are told, not logged
    is_array = content.read(6) == b"\x93NUMPY"
    content.seek(0)
    if is_array:
        found = scanner.scan_numpy(content, path)
    elif not sure and not _runs(content):
        return  # it is no pickle, and whoever takes it for one is stopped before it does anything
    else:
        content.seek(0)
        found = scanner.scan_pickle_bytes(content, path)
    for each in sorted(found.globals, key=lambda each: (each.module, each.name)):
        written = f"{each.module}.{each.name}"[:200]
        if each.safety is scanner.SafetyLevel.Dangerous:
            yield Finding(path, Level.UNSAFE, f"imports {written}", each.module[:200])
        elif each.safety is not scanner.SafetyLevel.Innocuous and not _is_trusted(each.module):
            yield Finding(path, Level.UNKNOWN, f"imports {written}", each.module[:200])
    if found.scan_err or (sure and not is_array and not _ends_well(content)):
        yield Finding(path, Level.UNKNOWN, "is a pickle that cannot be understood to its end")


def _runs(content: IO[bytes]) -> bool:
    """Whether unpickling this would come so far as to call something.

    Any text is a beginning of a pickle: ``channels:`` in a first line asks for a module "hannels:".
    """
    content.seek(0)
    imported = False
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in ("GLOBAL", "INST"):
                if not all(part.isidentifier() for part in re.split("[. ]", str(argument))):
                    return False
                imported = True
            imported = imported or opcode.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4")
            if imported and opcode.name in _CALLS:
                return True
    except Exception:  # noqa: BLE001  (the end of what can be read as a pickle)
        return False
    return imported


def _ends_well(content: IO[bytes]) -> bool:
    """Whether it is pickles from its first byte to its last."""
    content.seek(0)
    try:
        while content.read(1):
            content.seek(-1, io.SEEK_CUR)
            for _ in pickletools.genops(content):
                pass
    except Exception:  # noqa: BLE001  (each of the ways in which a pickle can be broken)
        return False
    return True


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


def _is_pickle(path: str, head: bytes) -> bool:
    magic = len(head) > 1 and head[0] == 0x80 and head[1] <= 5
    return magic or _suffix(path) in (*_PICKLES, *_TORCH)


def _is_raw(path: str) -> bool:
    """The numbers of a PyTorch archive, ``data/0`` and so on: they may begin as anything begins."""
    folder, _, name = path.rpartition("/")
    return name.isdigit() and folder.rpartition("/")[2] == "data"


def _is_trusted(module: str) -> bool:
    return module.partition(".")[0] in _TRUSTED


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2].lower()
    return name[name.rindex(".") :] if "." in name else ""


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
