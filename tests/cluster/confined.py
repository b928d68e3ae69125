"""A root file system that is read-only, for one process and what it starts: Linux' Landlock.

https://docs.kernel.org/userspace-api/landlock.html. A kernel without it lets the process write
wherever its user may, as before.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Mapping

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _PR_SET_NO_NEW_PRIVS = 1, 1, 38
_WRITE_FILE, _REMOVE_FILE, _MAKE_SOCK = 1 << 1, 1 << 5, 1 << 9
# Removing and making files of every kind; with later versions of it moving and truncating them.
_OF_FIRST_VERSION = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14


def confined(volumes: Mapping[str, str]) -> list[str]:
    """Before a command: it writes into these folders only, by where it believes that they are."""
    return [sys.executable, "-SE", __file__, *volumes, *volumes.values(), "--"]


def is_possible() -> bool:
    return _version() > 0


def _version() -> int:
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION))


def _confine(volumes: Mapping[str, str]) -> None:
    version = _version()
    if version < 1:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    everything = _OF_FIRST_VERSION
    everything |= (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    handled = struct.pack("=Q", everything)
    rules = _checked(libc.syscall(_CREATE_RULESET, handled, len(handled), 0))
    # Where a program believes a volume to be it may at least have sockets, whose names are fixed.
    places = dict.fromkeys(volumes, _MAKE_SOCK | _REMOVE_FILE)
    places |= dict.fromkeys((*volumes.values(), "/dev/shm"), everything)
    places |= dict.fromkeys(("/dev", "/proc"), everything & (_WRITE_FILE | _TRUNCATE))
    for place, allowed in places.items():
        if os.path.isdir(place):
            folder = os.open(place, os.O_PATH)
            rule = struct.pack("=Qi", allowed, folder)
            _checked(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
            os.close(folder)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    return result


if __name__ == "__main__":
    end = sys.argv.index("--")
    said = sys.argv[1:end]
    half = len(said) // 2
    _confine(dict(zip(said[:half], said[half:], strict=True)))
    os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])
