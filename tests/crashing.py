"""Ending a process with kill -9 at each of its marked points, one after the other.

Code that must bear being killed anywhere takes a function ``step`` and calls it between its steps,
with the name of the one just done. Here a script that runs such code is started again and again,
and killed at its first such call, at its second, …, until it gets through.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

_STEP = """
import os, signal, sys
def step(name, left=[int(os.environ["CRASH_AT"])]):
    left[0] -= 1
    if left[0] < 0:
        sys.stdout.write(f"crashed at {name}")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""
_MOST = 100


def crashes(script: str, *arguments: str) -> Iterator[str]:
    """Each point at which ``script``, which finds ``step`` defined, was killed, just afterwards.

    When the loop over these ends, the script has run to its end. It is to do all that is left to
    do, also by an earlier run.
    """
    for number in range(_MOST):
        done = subprocess.run(
            [sys.executable, "-c", _STEP + script, *arguments],
            env={**os.environ, "CRASH_AT": str(number)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode == 0:
            return
        assert done.returncode == -signal.SIGKILL, done.stderr
        yield done.stdout.rpartition("crashed at ")[2]
    raise AssertionError(f"the script has more than {_MOST} points")


_FORKS = """
died = []
while True:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        passed = []
        def step(name):
            passed.append(name)
            point = f"{name} {passed.count(name)}"
            if point not in died:
                os.write(writer, point.encode())
                print(name, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        work(step, len(died))
        os._exit(0)
    os.close(writer)
    status = os.waitpid(pid, 0)[1]
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
    died.append(os.read(reader, 1000).decode())
    os.close(reader)
"""


def forked_crashes(script: str, *arguments: str) -> list[str]:
    """The points at which ``work(step, number)`` of ``script`` was killed, until it got through.

    As :func:`crashes`, in one process that forks, for what takes longer to import than to do. Each
    time it is killed at the first point at which it never was: those that an earlier run has left
    behind do not count, so that none is passed over.
    """
    done = subprocess.run(
        [sys.executable, "-c", "import os, signal, sys\n" + script + _FORKS, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
