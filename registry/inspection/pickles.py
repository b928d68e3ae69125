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

from . import joblib
from .findings import Finding, Level, suffix

# A pickle is held in memory while it is taken apart.
MAX_PICKLE = 256 * 1024 * 1024
_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".dat", ".data", ".p")
_TORCH = (".pt", ".pth", ".ckpt", ".bin")
_CALLS = frozenset(("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"))
# Whose classes a model is made of. What is dangerous in them picklescan knows by name.
_TRUSTED = frozenset(
    """
    catboost collections copyreg datetime decimal interpret lightgbm numpy pandas scipy sklearn
    statsmodels torch transformers xgboost
    """.split()  # noqa: SIM905  (a list of words is read as words)
)
# How pickles of protocol 2 write bytes, and joblib's arrays: see ``joblib``.
_HARMLESS = (("_codecs", "encode"), joblib.WRAPPER)


def pickles(path: str, content: IO[bytes], *, sure: bool) -> Iterator[Finding]:
    """``sure``: it says that it is one, so that it must be understood to its end."""
    from picklescan import scanner

    logging.getLogger("picklescan").setLevel(logging.CRITICAL)  # findings are told, not logged
    is_array = content.read(6) == b"\x93NUMPY"
    content.seek(0)
    if is_array:
        found = scanner.scan_numpy(content, path)
        imported, understood = found.globals, not found.scan_err
    elif not sure and not runs(content):
        return  # it is no pickle, and whoever takes it for one is stopped before it does anything
    else:
        content.seek(0)
        found = scanner.scan_pickle_bytes(content, path)
        imported = found.globals
        understood = not found.scan_err and (not sure or _ends_well(content))
        parts = [] if understood else _of_joblib(content)
        if parts:
            # Who loads it with pickle instead comes as far as an array's numbers let him.
            imported = scanner.scan_pickle_bytes(_beginning(content), path).globals
            imported = [each for each in imported if _is_name(each.module, each.name)]
            scans = [scanner.scan_pickle_bytes(io.BytesIO(part), path) for part in parts]
            imported += [each for scan in scans for each in scan.globals]
            understood = not any(scan.scan_err for scan in scans)
    told = {(each.module, each.name): each.safety for each in imported}
    for (module, name), safety in sorted(told.items(), key=lambda each: each[0]):
        if (module, name) in _HARMLESS:
            continue
        written = f"{module}.{name}"[:200]
        if safety is scanner.SafetyLevel.Dangerous:
            yield Finding(path, Level.UNSAFE, f"imports {written}", module[:200])
        elif "." in name:
            # By way of a module's own imports that can be anything: nobody can vouch for it.
            yield Finding(path, Level.UNKNOWN, f"imports {written} by its way through {module}")
        elif safety is not scanner.SafetyLevel.Innocuous and not _is_trusted(module):
            yield Finding(path, Level.UNKNOWN, f"imports {written}", module[:200])
    if not understood:
        yield Finding(path, Level.UNKNOWN, "is a pickle that cannot be understood to its end")


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


def is_pickle(path: str, head: bytes) -> bool:
    magic = len(head) > 1 and head[0] == 0x80 and head[1] <= 5
    return magic or suffix(path) in (*_PICKLES, *_TORCH)


def _is_trusted(module: str) -> bool:
    return module.partition(".")[0] in _TRUSTED
