"""Processes of an image as a restricted pod has them: its user, no rights, a read-only root.

In namespaces of their own they see an image's file system alone, and the process that is started
is number 1, which signals end only if it handles them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# $1 is the root file system and $2 what is mounted at its /tmp, as an emptyDir is.
_ENTER = """
root=$1 tmp=$2; shift 2
mount --bind "$root" "$root"
mount --bind "$tmp" "$root/tmp"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot "$@"
"""


@dataclass(frozen=True, slots=True)
class Container:
    """A file system, and what the image's configuration says; ``tmp`` outlives processes."""

    root: Path
    config: Mapping[str, Any]
    tmp: Path

    def run(self, *arguments: str) -> str:
        """What the entry point prints; AssertionError with its complaint if it fails."""
        return self._run([*self.config["Entrypoint"], *arguments])

    def shell(self, script: str) -> str:
        return self._run(["sh", "-ec", script])

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The entry point at work; killed at the end if it has not ended."""
        command = self._command([*self.config["Entrypoint"], *arguments])
        with (self.tmp / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            self._command(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def _command(self, command: list[str]) -> list[str]:
        # --kill-child: whoever kills what Popen gives, kills the container.
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _ENTER]
        settings = [
            *self.config["Env"],
            "PODIUM_DATABASE_URL=sqlite:////tmp/podium.db",
            "PODIUM_ARTIFACTS=/tmp/artifacts",
        ]
        user = f"--userspec={self.config['User']}"
        entered = [user, str(self.root), "env", "-i", "-C", self.config["WorkingDir"], *settings]
        return [*isolated, "sh", str(self.root), str(self.tmp), *entered, *command]
