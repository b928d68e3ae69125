"""What all runs of this process share: the settings, the connection, the two senders."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from . import config, leftovers
from .backlog import Backlog
from .config import HOW_TO_NAME_A_SERVER, Config, from_environment
from .errors import BadRequest, ConfigError
from .journal import Journal, Root
from .lane import Lane
from .report import Reporter, line
from .retry import Outage
from .rules import check_experiment_name
from .sender import Sender
from .spool import Spool

if TYPE_CHECKING:
    from .run import Run
    from .transport import Transport
    from .uploads import Uploads

# Whoever sends SIGTERM sends SIGKILL soon after; Kubernetes waits 30 seconds.
HURRIED_SECONDS = 10.0


class Session:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.reporter = Reporter()
        self.outage = Outage(self.reporter)
        self.transport = _transport(config)
        self._spools = Root(Path(config.spool), config.spool_limit)
        self.sender = Sender(
            self.transport,
            self.reporter,
            self.outage,
            heartbeat=config.heartbeat,
            leftovers=self._leftovers,
        )
        self._uploads: Uploads | None = None
        self._runs: list[Run] = []
        self._run_to_join = config.run_id

    @property
    def open_runs(self) -> Sequence[Run]:
        """Runs this process has begun and not ended, innermost first."""
        return [run for run in reversed(self._runs) if not run.status.ended]

    def new_spool(self, run_id: str, keys: Iterable[str] = ()) -> Spool:
        return Spool(
            run_id,
            self._spools,
            server=self.config.tracking_uri,
            keys=keys,
            warn=lambda message: self.reporter.once(f"spool {run_id}", message),
        )

    def _leftovers(self) -> Iterator[Backlog]:
        return leftovers.take_over(self._spools, self.config.tracking_uri)

    @property
    def uploads(self) -> Uploads:
        """Made with the first file, as are the modules it needs."""
        if self._uploads is None:
            from .uploads import Uploads

            self._uploads = Uploads(self.transport, self.reporter, self.outage)
        return self._uploads

    def register(self, run: Run) -> None:
        self._runs = [each for each in self._runs if each.unfinished]
        self._runs.append(run)
        if self.transport is None:
            self.reporter.once(
                "no server", f"no server is named, so what is logged waits. {HOW_TO_NAME_A_SERVER}"
            )

    def take_run_to_join(self) -> str | None:
        """PODIUM_RUN_ID, for the first run of the process only."""
        run_id, self._run_to_join = self._run_to_join, None
        return run_id

    def server(self) -> Transport:
        """The connection, for a call that needs an answer."""
        if self.transport is None:
            raise ConfigError(f"No server is named. {HOW_TO_NAME_A_SERVER}")
        return self.transport

    def connect(self, config: Config) -> None:
        """Send to this server what has waited for one to be named."""
        self.config = config
        if config.tracking_uri:
            self.transport = self.sender.transport = _transport(config)
            if self._uploads is not None:
                self._uploads.transport = self.transport
            self.sender.wake()

    def flush(
        self, timeout: float | None = None, lanes: Sequence[Lane] = (), *, patient: bool = True
    ) -> bool:
        """Wait until the server has what was logged (to these runs, or to all); whether it has.

        ``timeout`` is how long; while bytes of a file move, a patient call waits on.
        """
        timeout = self.config.finish_timeout if timeout is None else timeout
        lanes = lanes or [run.lane for run in self._runs]
        deadline = time.monotonic() + timeout
        sent = self.sender.flush(timeout, lanes)
        if self._uploads is None:
            return sent
        left, extend = deadline - time.monotonic(), timeout if patient and sent else 0.0
        return self._uploads.flush(left, lanes, extend=extend) and sent

    def finish(
        self, lanes: Sequence[Lane] = (), *, hurry: bool = False, last: bool = False
    ) -> None:
        """Wait for the server within the limit, and say what it did not get.

        ``last``: the process ends after this, so whoever has waited in vain does not wait again.
        """
        timeout = self.config.finish_timeout
        if last and self.sender.gave_up:
            timeout = 0.0
        elif hurry:
            timeout = min(timeout, HURRIED_SECONDS)
        lanes = lanes or [run.lane for run in self._runs]
        self.sender.look_again()
        if self.flush(timeout, lanes, patient=not hurry):
            if last or hurry:
                self.close()
            return
        points = sum(each.backlog.waiting_points for each in lanes)
        files = len(self._uploads.jobs(lanes)) if self._uploads else 0
        what = ", ".join(
            f"{count} {word}{'s' * (count != 1)}"
            for count, word in ((points, "point"), (files, "file"))
            if count
        )
        where = self.config.tracking_uri or "a server, as none is named"
        if all(each.backlog.path for each in lanes if each.backlog.waiting):
            fate = (
                f"They wait in {self._spools.path}: the next run on this machine sends them, "
                "or type: podium sync"
            )
        else:
            fate = "They are lost with this process"
        if not last:
            fate = "They are sent while this process lives"
        copies = self._uploads.copies(lanes) if self._uploads else []
        if last and copies:
            fate += f"; copies of the files are kept in {copies[0].parent}"
        line(f"{what or 'the end of the run'} did not reach {where}. {fate}.")

    def close(self) -> None:
        """Let go of connections and empty folders. What is logged afterwards opens them again."""
        self.sender.close()
        if self.transport is not None:
            self.transport.close()
        if self._uploads is not None:
            self._uploads.close()


def _transport(config: Config) -> Transport | None:
    from .transport import Transport

    return Transport(config.tracking_uri, config.token) if config.tracking_uri else None


class _Process:
    def __init__(self) -> None:
        self.session: Session | None = None
        self.lock = RLock()


_process = _Process()


def current() -> Session:
    """This process's session, made from the environment when it is first needed."""
    found = _process.session
    if found is not None:
        return found
    with _process.lock:
        if _process.session is None:
            _process.session = Session(from_environment(os.environ))
        return _process.session


def existing() -> Session | None:
    """This process's session if it was ever needed: for who ends things and begins none."""
    return _process.session


def configure(
    tracking_uri: str | None = None,
    *,
    token: str | None = None,
    experiment: str | None = None,
    finish_timeout: float | None = None,
) -> None:
    """Set what the environment does not, or something else than it does.

    May be called at any time; another server, or token, only while no run goes on.
    """
    session = current()
    given = session.config
    if tracking_uri is not None:
        given = replace(given, tracking_uri=config.check_uri(tracking_uri, "tracking_uri"))
    if token is not None:
        given = replace(given, token=config.check_token(token, "token"))
    if experiment is not None:
        given = replace(given, experiment=check_experiment_name(experiment, "experiment"))
    if finish_timeout is not None:
        seconds = config.check_timeout(finish_timeout, "finish_timeout")
        given = replace(given, finish_timeout=seconds)
    before = session.config
    if session.transport is None:
        session.connect(given)
    elif (given.tracking_uri, given.token) == (before.tracking_uri, before.token):
        session.config = given
    elif session.open_runs:
        raise BadRequest(
            f"'tracking_uri': runs are being logged to {before.tracking_uri}. End them first."
        )
    else:
        session.finish()
        session.close()
        _process.session = Session(replace(given, run_id=session._run_to_join))


def begin_child() -> None:
    """Replace everything that a fork has copied in an unknown state: locks, threads, sockets."""
    _process.lock = RLock()
    Journal.forget_parent()
    parent = _process.session
    if parent is None:
        return
    _process.session = child = Session(parent.config)
    child._runs, child._run_to_join = parent._runs, parent._run_to_join
    for run in child._runs:
        run.renew()


def end() -> None:
    """Forget the session, as tests do between one another."""
    _process.session = None
