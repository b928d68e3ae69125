"""Pickles are taken apart, not run.

picklescan knows what is dangerous in one. Here is decided what is looked at, and that what cannot
be told is not clean: an error, an import that nobody vouches for, an end that is not reached.
"""

from __future__ import annotations

import io
import logging
import pickletools
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from . import calls, joblib
from .allowed import NAMED
from .findings import Finding, Level, suffix
from .machine import Name

# A pickle is held in memory while it is taken apart.
MAX_PICKLE = 256 * 1024 * 1024
_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".dat", ".data", ".p")
_TORCH = (".pt", ".pth", ".ckpt", ".bin")
_CALLS = frozenset(("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"))


def pickles(path: str, content: IO[bytes], *, sure: bool) -> Iterator[Finding]:
    """``sure``: it says that it is one, so that it must be understood to its end."""
    from picklescan import scanner

    logging.getLogger("picklescan").setLevel(logging.CRITICAL)  # findings are told, not logged
    is_array = content.read(6) == b"\x93NUMPY"
    content.seek(0)
    if is_array:
        imported = scanner.scan_numpy(content, path).globals
        readings = [calls.read(content)] if _holds_objects(content) else []
        understood = all(reading.whole for reading in readings)
    elif not sure and not runs(content):
        return  # it is no pickle, and whoever takes it for one is stopped before it does anything
    else:
        content.seek(0)
        imported = scanner.scan_pickle_bytes(content, path).globals
        content.seek(0)
        readings = [calls.read(content)]
        understood = readings[0].whole
        parts = [] if understood else _of_joblib(content)
        if parts:
            # Who loads it with pickle instead comes as far as an array's numbers let him.
            imported = scanner.scan_pickle_bytes(_beginning(content), path).globals
            imported = [each for each in imported if _is_name(each.module, each.name)]
            scans = [scanner.scan_pickle_bytes(io.BytesIO(part), path) for part in parts]
            imported += [each for scan in scans for each in scan.globals]
            within = [calls.read(io.BytesIO(part)) for part in parts]
            understood = all(reading.whole for reading in within)
            readings[0].names = {each for each in readings[0].names if _is_name(*each)}
            readings += within
    dangerous = {
        Name(each.module, each.name)
        for each in imported
        if each.safety is scanner.SafetyLevel.Dangerous
    }
    yield from _judged(path, dangerous, readings)
    if not understood:
        yield Finding(path, Level.UNKNOWN, "is a pickle that cannot be understood to its end")


def _judged(path: str, dangerous: set[Name], readings: list[calls.Reading]) -> Iterator[Finding]:
    for name in sorted(dangerous.union(*(reading.names for reading in readings))):
        written = f"{name.module}.{name.name}"[:200]
        if name in dangerous:
            yield Finding(path, Level.UNSAFE, f"imports {written}", name.module[:200])
        elif "." in name.name:
            # By way of a module's own imports that can be anything: nobody can vouch for it.
            text = f"imports {written} by its way through {name.module}"
            yield Finding(path, Level.UNKNOWN, text)
        elif name not in NAMED:
            yield Finding(path, Level.UNKNOWN, f"imports {written}", name.module[:200])
    for name in sorted(NAMED & set().union(*(reading.calls for reading in readings))):
        text = f"calls {name.module}.{name.name} with what it is given"
        yield Finding(path, Level.UNKNOWN, text, name.module)
    for trick in sorted(set().union(*(reading.tricks for reading in readings))):
        yield Finding(path, Level.UNKNOWN, trick)


def _holds_objects(content: IO[bytes]) -> bool:
    """Whether they, as a pickle, stand behind the header of a NumPy file, which is read here."""
    from numpy.lib import format as numpy_format

    content.seek(0)
    version = numpy_format.read_magic(content)
    first = version == (1, 0)
    read = numpy_format.read_array_header_1_0 if first else numpy_format.read_array_header_2_0
    return bool(read(content)[2].hasobject)


def _of_joblib(content: IO[bytes]) -> list[bytes]:
    """The pickles in a joblib file; none if it is no such file, or is not understood."""
    content.seek(0)
    data = content.read()
    if joblib.WRAPPER.name.encode() not in data:
        return []
    try:
        return joblib.without_arrays(data)
    except Exception:  # noqa: BLE001  (each of the ways in which a pickle can be broken)
        return []


def _beginning(content: IO[bytes]) -> IO[bytes]:
    """As much of a file as can be read as a pickle."""
    content.seek(0)
    end = 0
    with suppress(Exception):  # the end of what can be read
        for _ in pickletools.genops(content):
            end = content.tell()
    content.seek(0)
    return io.BytesIO(content.read(end))


def _is_name(module: str, name: str) -> bool:
    return all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


class Limited:
    """A file of which no more than a pickle's worth is held at once."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.exceeded = False

    def read(self, size: int) -> bytes:
        return self._content.read(self._checked(size))

    def readline(self) -> bytes:
        found = self._content.readline(MAX_PICKLE)
        self._checked(len(found) + 1)
        return found

    def seek(self, offset: int) -> int:
        return self._content.seek(offset)

    def tell(self) -> int:
        return self._content.tell()

    def _checked(self, size: int) -> int:
        if size > MAX_PICKLE:
            self.exceeded = True
            raise EOFError
        return size


def runs(content: Any) -> bool:
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


def is_pickle(path: str, head: bytes) -> bool:
    magic = len(head) > 1 and head[0] == 0x80 and head[1] <= 5
    return magic or suffix(path) in (*_PICKLES, *_TORCH)
