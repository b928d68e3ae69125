"""The background thread that takes records from the spools to the server.

Promises: order within a run is kept; a parcel leaves its spool only when the server has answered
for it, so what is lost on the way is sent again (the server recognises points by writer and
sequence, and everything else may be repeated); no error leaves this thread. Which errors are worth
another try is read from :attr:`PodiumError.retryable` alone; a refused token is waited out, since a
person can mend it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Condition, Thread, current_thread
from typing import TYPE_CHECKING

from .errors import BadRequest, Conflict, NotFound, PodiumError
from .lane import Lane, deliver
from .parcels import Change, Items, Parcel, Points, Tag
from .report import Reporter, log
from .retry import Outage, may_pass

if TYPE_CHECKING:
    from .backlog import Backlog
    from .transport import Transport

TICK = 0.2
AGE = 1.0
# A page opened just after the start should not look empty: the first seconds are sent at each tick.
EAGER_SECONDS = 5.0
# A thread that was in the middle of a call when its run was ended has so long to finish it.
GRACE = 1.0
LEFTOVERS_SECONDS = 10.0


class Sender:
    def __init__(
        self,
        transport: Transport | None,
        reporter: Reporter,
        outage: Outage,
        *,
        heartbeat: float = 0.0,
        leftovers: Callable[[], Iterator[Backlog]] = lambda: iter(()),
    ) -> None:
        """``leftovers`` gives what dead processes did not send; it may take its time."""
        self.transport = transport
        self._heartbeat = heartbeat
        self._leftovers = leftovers
        self._looked_at: float | None = None  # monotonic; None: to be looked for at the next turn
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
                    self._changed.wait_for(
                        lambda: (
                            (self._looked_at is not None and self._sent(lanes))
                            or self._outage.hopeless
                        ),
                        timeout,
                    )
                finally:
                    self._flushing -= 1
            done = self._sent(lanes)
            self.gave_up = not done
            return done

    def _sent(self, lanes: Sequence[Lane]) -> bool:
        """Whether all was sent, also what workers that ended have left of the same runs."""
        runs = {lane.run_id for lane in lanes}
        return not any(
            lane.backlog.waiting
            for lane in {*lanes, *(each for each in self._lanes if each.run_id in runs)}
        )

    def look_again(self) -> None:
        """Send at the next turn what workers of this process have left by now."""
        self._looked_at = None

    def close(self) -> None:
        """Let the thread end, and leave no empty spool; :meth:`open` begins again."""
        with self._changed:
            thread, self._thread = self._thread, None
            self.wake()
        if thread is not None and thread is not current_thread():
            thread.join(TICK)
        for lane in self.lanes:
            if lane.closed_at is not None and not lane.backlog.waiting:
                lane.backlog.remove()

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
            self._tell_dropped(lane)
        now = time.monotonic()
        if self.transport is None or self._outage.pausing:
            return
        if self._looked_at is None or now - self._looked_at >= LEFTOVERS_SECONDS:
            self._look_for_leftovers()
        if not self._due(lanes, now):
            return
        self._sent_at = now
        for lane in self.lanes:
            if not self._drain(lane, self.transport):
                break
            self._beat(lane, self.transport, now)
        finished = [each for each in self.lanes if _finished(each, now)]
        with self._changed:
            self._lanes = [each for each in self._lanes if each not in finished]
            self._changed.notify_all()
        for lane in finished:
            if lane.backlog.torn:
                log.warning(
                    "podium: %d records of run %s were cut off when their process died: skipped.",
                    lane.backlog.torn,
                    lane.run_id,
                )
            lane.backlog.remove()

    def _look_for_leftovers(self) -> None:
        self._looked_at = time.monotonic()
        for backlog in self._leftovers():
            lane = Lane(backlog)
            lane.closed_at = -GRACE
            with self._changed:
                self._lanes.append(lane)
            log.info("podium: sending what a process that died has left in %s", backlog.path)

    def _beat(self, lane: Lane, transport: Transport, now: float) -> None:
        """Tell the server that the run lives; if it does not hear that, the next one will do."""
        if (
            not self._heartbeat
            or lane.closed_at is not None
            or lane.refused is not None
            or not lane.exists
            or now - lane.beat_at < self._heartbeat
        ):
            return
        lane.beat_at = now
        with contextlib.suppress(PodiumError):
            path = f"/api/v1/runs/{lane.run_id}/heartbeat"
            transport.request("POST", path, json={"interval": self._heartbeat})

    def _due(self, lanes: Sequence[Lane], now: float) -> bool:
        age = TICK if now < self._eager_until else AGE
        return (
            self._flushing > 0
            or now - self._sent_at >= age
            or any(lane.backlog.much for lane in lanes)
        )

    def _drain(self, lane: Lane, transport: Transport) -> bool:
        """Send what the lane holds now; False when the server is to be left alone for a while."""
        lane.backlog.seal()
        while (parcel := lane.backlog.peek()) is not None:
            if lane.refused is not None:
                self._give_up(lane, parcel, lane.refused)
                continue
            try:
                deliver(transport, lane, parcel)
            except PodiumError as error:
                if not self._recover(lane, parcel, error):
                    return False
            else:
                lane.backlog.acknowledge()
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
            lane.backlog.acknowledge()
            lane.failures = 0
            return True
        lane.failures = 0
        halves = parcel.split() if _divisible(parcel, error) else ()
        if halves:
            lane.backlog.replace(halves)
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
        lane.backlog.dropped += parcel.points
        lane.backlog.acknowledge()

    def _tell_dropped(self, lane: Lane) -> None:
        if lane.backlog.dropped > lane.dropped and lane.refused is None:
            lane.dropped = lane.backlog.dropped
            lane.backlog.add(Tag("podium.dropped", str(lane.dropped)))
            self._reporter.once(
                f"{lane.run_id} dropped",
                f"points of run {lane.run_id} are being dropped, since too many wait or the server "
                "refuses them; its tag podium.dropped counts them.",
            )


def _describe(parcel: Parcel) -> str:
    if isinstance(parcel, Items):
        return ", ".join(repr(item.key) for item in parcel.params + parcel.tags)
    return "a batch of points" if isinstance(parcel, Points) else f"the change ({parcel.verb})"


def _divisible(parcel: Parcel, error: PodiumError) -> bool:
    """Whether half of the parcel may be taken: too large, or one bad param among good ones."""
    return isinstance(error, BadRequest) and (error.status == 413 or isinstance(parcel, Items))


def _finished(lane: Lane, now: float) -> bool:
    ended = lane.closed_at is not None and now - lane.closed_at >= GRACE
    return ended and not lane.backlog.waiting
