"""When to try again: exponential back-off with full jitter, and the server's word first."""

from __future__ import annotations

import random
import time

from .errors import PermissionDenied, PodiumError, Unauthenticated
from .report import Reporter, log

# An error of the server's own (500) may be a passing one, or come with this request for ever.
MAX_FAULTS = 6
FIRST, LONGEST = 0.5, 15.0
HURRIED = 1.0
# A refused token is no reason to throw anything away: a person can mend it meanwhile.
REFUSALS = (Unauthenticated, PermissionDenied)
REFUSED_TOKEN_PAUSE = 30.0
# A clock set wrong in a Retry-After date must not silence a client for a day.
_LONGEST_ASKED = 300.0


def may_pass(error: PodiumError, failures: int) -> bool:
    """Whether the same request is worth another try after so many failures of it."""
    fault = type(error) is PodiumError and failures < MAX_FAULTS
    return error.retryable or isinstance(error, REFUSALS) or fault


class Backoff:
    """Counts failures in a row; :meth:`after` says for how many seconds to leave it alone."""

    def __init__(self) -> None:
        self.failures = 0

    def after(self, error: PodiumError) -> float:
        ceiling = min(LONGEST, FIRST * 2.0 ** min(self.failures, 10))
        self.failures += 1
        # Full jitter: a thousand trainers that lost one server must not come back as one.
        jitter = random.uniform(0.05, ceiling)  # noqa: S311  (no secret)
        if error.retry_after is None:
            return jitter
        return min(error.retry_after, _LONGEST_ASKED) + min(jitter, 1.0)

    def reset(self) -> None:
        self.failures = 0


class Outage:
    """Whether the server takes requests now. Says once that it does not, and once that it does."""

    def __init__(self, reporter: Reporter) -> None:
        self.error: PodiumError | None = None
        self._until = 0.0
        self._backoff = Backoff()
        self._reporter = reporter

    @property
    def pausing(self) -> bool:
        return time.monotonic() < self._until

    @property
    def hopeless(self) -> bool:
        """Whether waiting a little cannot help: a person has to change the token."""
        return isinstance(self.error, REFUSALS) and self.pausing

    def begin(self, error: PodiumError, *, hurry: bool = False) -> None:
        """Note a failure, and leave the server alone for a while; ``hurry``: somebody waits."""
        pause = self._backoff.after(error)
        if isinstance(error, REFUSALS):
            pause = REFUSED_TOKEN_PAUSE
            message = f"the server refused: {error} Set PODIUM_TRACKING_TOKEN to one that may log."
        else:
            message = str(error)
            if hurry and error.retry_after is None:
                pause = min(pause, HURRIED)
        self.error = error
        self._until = time.monotonic() + pause
        self._reporter.once("server", f"{message} What is logged waits here until it is taken.")

    def end(self) -> None:
        if self.error is None:
            return
        self.error, self._until = None, 0.0
        self._backoff.reset()
        if self._reporter.forget("server"):
            log.warning("podium: the server answers again; what waited is being sent.")

    def hurry(self) -> None:
        """Try again at once, unless the server itself said when, or a token was refused."""
        if (
            self.error is not None
            and not isinstance(self.error, REFUSALS)
            and self.error.retry_after is None
        ):
            self._until = 0.0
