"""Gates that look at the clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from podium.client.errors import BadRequest

from .base import Facts, Verdict, bounds, finite, number

_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Age:
    """So many hours have passed, at least or at most, since it was registered or came to the stage
    it is in now.
    """

    kind: ClassVar[str] = "age"
    at_least_hours: float | None = None
    at_most_hours: float | None = None
    since: Literal["registered", "stage"] = "registered"

    def __post_init__(self) -> None:
        finite(self.at_least_hours, "at_least_hours")
        finite(self.at_most_hours, "at_most_hours")
        if self.at_least_hours is None and self.at_most_hours is None:
            raise BadRequest("A gate 'age' needs 'at_least_hours' or 'at_most_hours'.")

    @property
    def words(self) -> str:
        since = "it was registered" if self.since == "registered" else "it came to its stage"
        return f"{bounds(self.at_least_hours, self.at_most_hours)} hours since {since}"

    def check(self, facts: Facts) -> Verdict:
        version = facts.version
        hours = (facts.now - self._begun(facts)) / _HOUR
        passed = (self.at_least_hours is None or hours >= self.at_least_hours) and (
            self.at_most_hours is None or hours <= self.at_most_hours
        )
        wanted = bounds(self.at_least_hours, self.at_most_hours)
        what = "It was registered" if self.since == "registered" else f"It came to {version.stage}"
        return Verdict(
            passed,
            f"{what} {number(hours)} hours ago; that must be {wanted}.",
            {"hours": round(hours, 3), "since": self.since},
        )

    def opens(self, facts: Facts) -> int | None:
        if self.at_least_hours is None:
            return None
        return self._begun(facts) + math.ceil(self.at_least_hours * _HOUR)

    def _begun(self, facts: Facts) -> int:
        version = facts.version
        return version.created if self.since == "registered" else version.in_stage_since
