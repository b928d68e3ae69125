"""A container of the test kubelet: a process, its probes, its restarts and its log."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import processes
from .confined import confined
from .rest import Object

_PROBE_SECONDS = 0.25  # whatever a probe's period: nobody waits ten seconds in a test
_FIRST_BACK_OFF, _LONGEST_BACK_OFF = 0.2, 2.0
_MESSAGE_BYTES = 2048


class Log:
    """Lines as a kubelet keeps them, each with the time it was written at before it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False
        self.changed = threading.Condition()

    def add(self, line: str) -> None:
        with self.changed:
            self.lines.append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {line}")
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class Container:
    """Started when it is made; for the thread of one pod."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        *,
        own: Mapping[str, str],
        writable: Mapping[str, str] | None = None,
        user: tuple[int, int] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._own, self._environ = own, environ
        self._command = self._here(command)
        self._folder, self._user, self._stop_signal = folder, user, stop_signal
        self._confined = [] if writable is None else confined(writable)
        self.log, self.previous = Log(), Log()
        self.restarts = 0
        self._last: Object = {}
        self._ready = self._started = False
        self._failures = 0
        self._probed = 0.0
        self._again_at: float | None = None
        self._process: subprocess.Popen[bytes]
        self._reader: threading.Thread
        self._until: str | None = None
        self._start()

    @property
    def code(self) -> int | None:
        """The status it ended with, -9 being 137 as a shell has it; None while it runs."""
        code = self._process.poll()
        if code is None or self._reader.is_alive():
            return None
        self._until = self._until or now()
        return 128 - code if code < 0 else code

    def start_again(self) -> None:
        """After a while that gets longer, as CrashLoopBackOff does."""
        now = time.monotonic()
        if self._again_at is None:
            pause = min(_LONGEST_BACK_OFF, _FIRST_BACK_OFF * 2.0**self.restarts)
            self._again_at = now + pause
        elif now >= self._again_at:
            self._last, self._again_at = {"terminated": self._ended()}, None
            self.restarts += 1
            self.previous, self.log = self.log, Log()
            self._start()

    def probe(self, said: Mapping[str, Any], ip: str) -> None:
        if self.code is not None:
            self._ready = False
            return
        if time.monotonic() - self._probed < _PROBE_SECONDS:
            return
        self._probed = time.monotonic()
        ports = {each.get("name"): each["containerPort"] for each in said.get("ports", ())}
        if not self._started:
            self._started = self._passes(said.get("startupProbe"), ports, ip)
        if self._started:
            self._look(said.get("readinessProbe", {}), ports, ip)

    def _look(self, probe: Mapping[str, Any], ports: Mapping[str | None, int], ip: str) -> None:
        """Ready at the first success, and until so many failures in a row."""
        if self._passes(probe, ports, ip):
            self._ready, self._failures = True, 0
            return
        self._failures += 1
        if self._failures >= probe.get("failureThreshold", 3):
            self._ready = False

    def status(self) -> Object:
        state: Object = {"running": {"startedAt": self._since}}
        if self._again_at is not None:
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        elif self.code is not None:
            state = {"terminated": self._ended()}
        last = {"terminated": self._ended()} if self._again_at is not None else self._last
        return {
            "ready": self._ready and self.code is None,
            "started": self._started and self.code is None,
            "restartCount": self.restarts,
            "state": state,
            "lastState": last,
        }

    def end(self, grace: float) -> None:
        """Ask it and, after ``grace`` seconds, end it and what it has started."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def _start(self) -> None:
        self._since, self._until = now(), None
        self._ready = self._started = False
        self._failures = 0
        self._process = subprocess.Popen(
            [*self._confined, *processes.mortal(self._user), *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self._environ),
            cwd=self._folder,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, self.log))
        self._reader.start()

    def _passes(
        self, probe: Mapping[str, Any] | None, ports: Mapping[str | None, int], ip: str
    ) -> bool:
        if not probe:
            return True
        seconds = probe.get("timeoutSeconds", 1)
        if "exec" in probe:
            return self._runs(probe["exec"]["command"], seconds)
        asked = probe["httpGet"]
        port = ports.get(asked["port"], asked["port"])
        return _answers(f"http://{ip}:{port}{asked['path']}", seconds)

    def _here(self, command: Sequence[str]) -> list[str]:
        """With the pod's address where it speaks of the pod itself."""
        for word, address in self._own.items():
            command = [each.replace(word, address) for each in command]
        return list(command)

    def _runs(self, command: Sequence[str], seconds: float) -> bool:
        try:
            done = subprocess.run(
                self._here(command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=dict(self._environ),
                cwd=self._folder,
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def _read(self, process: subprocess.Popen[bytes], log: Log) -> None:
        assert process.stdout
        with process.stdout as output:
            for line in output:
                log.add(line.decode("utf-8", "replace").rstrip("\n"))
        process.wait()
        log.end()

    def _ended(self) -> Object:
        code = self.code or 0
        message = ""
        if code:  # terminationMessagePolicy: FallbackToLogsOnError
            lines = [line.partition(" ")[2] for line in self.log.lines[-80:]]
            message = "\n".join(lines)[-_MESSAGE_BYTES:]
        return {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "message": message,
            "startedAt": self._since,
            "finishedAt": self._until,
        }


def _answers(url: str, seconds: float) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=seconds):
            return True
    except (urllib.error.URLError, OSError):
        return False


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
