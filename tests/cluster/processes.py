"""Processes of the tests, each ended by its own pid, also when the tests are killed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1


def start(
    command: Sequence[str | Path],
    output: Path,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A process that dies with the thread that starts it, however that ends."""
    with output.open("ab") as log:
        return subprocess.Popen(
            [*mortal(), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environ,
            cwd=cwd,
        )


def mortal(user: tuple[int, int] | None = None) -> list[str]:
    """Before a command: it will be killed when the thread that starts it has ended.

    With ``user``, whose number and whose group's these are, it runs as that.
    """
    uid, gid = user or (os.getuid(), os.getgid())
    return [sys.executable, "-SE", __file__, *map(str, (os.getpid(), uid, gid))]


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def wait_for(what: str, find: Callable[[], T | None], seconds: float = 90) -> T:
    """What ``find`` gives as soon as that is true of it."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return found


def _become(parent: int, uid: int, gid: int, command: list[str]) -> None:
    """The command, in this process, killed when its parent dies (prctl(2), PR_SET_PDEATHSIG)."""
    if uid != os.getuid():  # first, since it makes the kernel forget what is asked for below
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:  # else it has died already
        os.execvp(command[0], command)


if __name__ == "__main__":
    _become(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
