"""The background thread that takes records from the spools to the server.

Promises: order within a run is kept; a parcel leaves its spool only when the server has answered
for it, so what is lost on the way is sent again (the server recognises points by writer and
sequence, and everything else may be repeated); no error leaves this thread. Which errors are worth
another try is read from :attr:`PodiumError.retryable` alone; a refused token is waited out, since a
person can mend it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Condition, Thread, current_thread
from typing import TYPE_CHECKING

from .errors import BadRequest, ConfigError, Conflict, NotFound, PodiumError
from .report import Reporter, log
from .retry import Outage, may_pass
from .spool import Change, Items, Parcel, Points, Spool, Tag
from .wire import CONTENT_TYPE

if TYPE_CHECKING:
    from .transport import Transport

TICK = 0.2
AGE = 1.0
# A page opened just after the start should not look empty: the first seconds are sent at each tick.
EAGER_SECONDS = 5.0
_MLFLOW = "/api/2.0/mlflow/runs"


class Lane:
    """One run's way to the server."""

    def __init__(
        self, run_id: str, create: Change | None, *, artifact_uri: str | None = None
    ) -> None:
        self.run_id = run_id
        self.create = create  # can be repeated; None where the run was there before this process
        self.spool = Spool()
        self.artifact_uri = artifact_uri
        self.experiment_id: str | None = None
        self.exists = create is None  # whether the server is known to have the run
        self.refused: PodiumError | None = None
        self.failures = 0  # in a row
        self.closed = False
        self.dropped = 0  # the part of spool.dropped that the run's tag tells of


class Sender:
    def __init__(self, transport: Transport | None, reporter: Reporter, outage: Outage) -> None:
        self.transport = transport
        self.gave_up = False  # the last flush ran out of time, and nothing got through since
        self._reporter = reporter
        self._outage = outage
        # Its lock is reentrant: a signal handler may flush while the thread below it holds it.
        self._changed = Condition()
        self._lanes: list[Lane] = []
        self._thread: Thread | None = None
        self._woken = False
        self._flushing = 0
        self._sent_at = 0.0
        self._eager_until = 0.0

    @property
    def lanes(self) -> Sequence[Lane]:
        """Those with something to send, now or later."""
        return tuple(self._lanes)

    def open(self, lane: Lane) -> None:
        """Send what this lane's spool holds and will hold."""
        with self._changed:
            if lane not in self._lanes:
                self._lanes.append(lane)
            self._eager_until = time.monotonic() + EAGER_SECONDS
            if self._thread is None:
                self._thread = Thread(target=self._work, name="podium-sender", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is shutting down, or threads ran out
                    self._thread = None
        self.wake()

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def flush(self, timeout: float, lanes: Sequence[Lane] | None = None) -> bool:
        """Wait until these lanes (or all) are empty; whether they are. At most ``timeout`` s."""
        lanes = self.lanes if lanes is None else lanes
        with self._changed:
            if self._thread is not None and self.transport is not None:
                self._flushing += 1
                self._outage.hurry()
                self.wake()
                try:
                    self._changed.wait_for(lambda: _empty(lanes) or self._outage.hopeless, timeout)
                finally:
                    self._flushing -= 1
            done = _empty(lanes)
            self.gave_up = not done
            return done

    def close(self) -> None:
        """Let the thread end; :meth:`open` begins another."""
        self._thread = None
        self.wake()

    def _work(self) -> None:
        while self._thread is current_thread():
            with self._changed:
                self._changed.wait_for(lambda: self._woken, TICK if self._lanes else None)
                self._woken = False
                lanes = self.lanes
            try:
                self._turn(lanes)
            except Exception:  # noqa: BLE001  (the top of the thread: training must not feel it)
                log.exception("podium: the sender failed and will try again")
                time.sleep(AGE)

    def _turn(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            lane.spool.collect()
            self._tell_dropped(lane)
        now = time.monotonic()
        if self.transport is None or self._outage.pausing or not self._due(lanes, now):
            return
        self._sent_at = now
        for lane in lanes:
            if not self._drain(lane, self.transport):
                break
        with self._changed:
            self._lanes = [each for each in self._lanes if not _finished(each)]
            self._changed.notify_all()

    def _due(self, lanes: Sequence[Lane], now: float) -> bool:
        age = TICK if now < self._eager_until else AGE
        return (
            self._flushing > 0
            or now - self._sent_at >= age
            or any(lane.spool.peek() is not None for lane in lanes)
        )

    def _drain(self, lane: Lane, transport: Transport) -> bool:
        """Send what the lane holds now; False when the server is to be left alone for a while."""
        lane.spool.seal()
        while (parcel := lane.spool.peek()) is not None:
            if lane.refused is not None:
                self._give_up(lane, parcel, lane.refused)
                continue
            try:
                _deliver(transport, lane, parcel)
            except PodiumError as error:
                if not self._recover(lane, parcel, error):
                    return False
            else:
                lane.spool.acknowledge()
                lane.failures = 0
                self._outage.end()
                self.gave_up = False
            with self._changed:
                self._changed.notify_all()
        return True

    def _recover(self, lane: Lane, parcel: Parcel, error: PodiumError) -> bool:
        """Decide what an error means for the parcel; whether to go on with the next one."""
        lane.failures += 1
        if may_pass(error, lane.failures):
            self._outage.begin(error, hurry=self._flushing > 0)
            # Another run's parcels may pass where this one's may not.
            with self._changed:
                if lane in self._lanes:
                    self._lanes.remove(lane)
                    self._lanes.append(lane)
                self._changed.notify_all()
            return False
        if isinstance(error, Conflict) and isinstance(parcel, Change) and parcel.verb == "create":
            # The run was created under this id before us, in another experiment: join it there.
            lane.exists = True
            lane.spool.acknowledge()
            lane.failures = 0
            return True
        lane.failures = 0
        halves = parcel.split() if _divisible(parcel, error) else ()
        if halves:
            lane.spool.replace(halves)
        else:
            self._give_up(lane, parcel, error)
        return True

    def _give_up(self, lane: Lane, parcel: Parcel, error: PodiumError) -> None:
        """The server will never take this parcel: say so once and go on without it."""
        if lane.refused is not None:
            pass  # the run as a whole was reported
        elif isinstance(error, NotFound) or (
            isinstance(parcel, Change) and parcel.verb == "create"
        ):
            lane.refused = error
            self._reporter.once(
                lane.run_id, f"what run {lane.run_id} logs is not stored any more: {error}"
            )
        else:
            what = _describe(parcel)
            self._reporter.once(
                f"{lane.run_id} {what}", f"{what} of run {lane.run_id} was not stored: {error}"
            )
        lane.spool.dropped += parcel.points
        lane.spool.acknowledge()

    def _tell_dropped(self, lane: Lane) -> None:
        if lane.spool.dropped > lane.dropped and lane.refused is None:
            lane.dropped = lane.spool.dropped
            lane.spool.append(Tag("podium.dropped", str(lane.dropped)))
            self._reporter.once(
                f"{lane.run_id} dropped",
                f"points of run {lane.run_id} are being dropped, since too many wait or the server "
                "refuses them; its tag podium.dropped counts them.",
            )


def _deliver(transport: Transport, lane: Lane, parcel: Parcel) -> None:
    if isinstance(parcel, Points):
        transport.request(
            "POST",
            f"/api/v1/runs/{lane.run_id}/points",
            body=parcel.body,
            headers={"Content-Type": CONTENT_TYPE},
        ).json()
    elif isinstance(parcel, Items):
        body = {
            "run_id": lane.run_id,
            "params": [{"key": item.key, "value": item.value} for item in parcel.params],
            "tags": [{"key": item.key, "value": item.value} for item in parcel.tags],
        }
        transport.request("POST", f"{_MLFLOW}/log-batch", json=body).json()
    else:
        answer = transport.request("POST", f"{_MLFLOW}/{parcel.verb}", json=parcel.body).json()
        if parcel.verb == "create":
            info = answer.get("run", {}).get("info", {})
            if info.get("run_id") != lane.run_id:
                raise ConfigError(
                    f"{transport.uri} did not take the run id it was given. It is no Podium server "
                    "(an MLflow server, perhaps). Check PODIUM_TRACKING_URI."
                )
            lane.artifact_uri = info.get("artifact_uri")
            lane.experiment_id = info.get("experiment_id")
            lane.exists = True


def _describe(parcel: Parcel) -> str:
    if isinstance(parcel, Items):
        return ", ".join(repr(item.key) for item in parcel.params + parcel.tags)
    return "a batch of points" if isinstance(parcel, Points) else f"the change ({parcel.verb})"


def _divisible(parcel: Parcel, error: PodiumError) -> bool:
    """Whether half of the parcel may be taken: too large, or one bad param among good ones."""
    return isinstance(error, BadRequest) and (error.status == 413 or isinstance(parcel, Items))


def _empty(lanes: Sequence[Lane]) -> bool:
    return not any(lane.spool.waiting for lane in lanes)


def _finished(lane: Lane) -> bool:
    return lane.closed and not lane.spool.waiting
