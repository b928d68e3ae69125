"""Gates that look at the metrics of the version's run: the last value of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from podium.client.errors import BadRequest

from .base import Facts, Verdict, bounds, finite, number


@dataclass(frozen=True, slots=True)
class MetricThreshold:
    """The metric is at least, or at most, so much."""

    kind: ClassVar[str] = "metric"
    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        finite(self.at_least, "at_least")
        finite(self.at_most, "at_most")
        if self.at_least is None and self.at_most is None:
            raise BadRequest("A gate 'metric' needs 'at_least' or 'at_most'.")

    @property
    def words(self) -> str:
        return f"{self.metric} is {bounds(self.at_least, self.at_most)}"

    def check(self, facts: Facts) -> Verdict:
        value = facts.version.metrics.get(self.metric)
        compared = {"metric": self.metric, "value": value}
        if self.at_least is not None:
            compared["at_least"] = self.at_least
        if self.at_most is not None:
            compared["at_most"] = self.at_most
        if value is None:
            return Verdict(False, f"Its run has no metric {self.metric}.", compared)
        # Written so that NaN passes nothing.
        enough = self.at_least is None or value >= self.at_least
        not_too_much = self.at_most is None or value <= self.at_most
        wanted = bounds(self.at_least, self.at_most)
        return Verdict(
            enough and not_too_much,
            f"{self.metric} is {number(value)}; it must be {wanted}.",
            compared,
        )


@dataclass(frozen=True, slots=True)
class MetricAgainstHolder:
    """The metric is as good as the holder's, or worse by so many percent of it at most.

    Where the stage has no holder there is nothing to compare with: that passes, unless
    ``without_holder`` is ``fail``. A holder that lacks the metric does not pass it.
    """

    kind: ClassVar[str] = "metric_vs_holder"
    metric: str
    better: Literal["higher", "lower"] = "higher"
    within_percent: float = 0.0
    without_holder: Literal["pass", "fail"] = "pass"

    def __post_init__(self) -> None:
        finite(self.within_percent, "within_percent")
        if self.within_percent < 0:
            raise BadRequest("'within_percent' is below 0: give how much worse the metric may be.")

    @property
    def words(self) -> str:
        slack = self.within_percent
        worse = f"at most {number(slack)} % worse than" if slack else "as good as"
        alone = "" if self.without_holder == "pass" else "; there must be a holder"
        return f"{self.metric} is {worse} the holder's ({self.better} is better){alone}"

    def check(self, facts: Facts) -> Verdict:
        holder, value = facts.holder, facts.version.metrics.get(self.metric)
        compared = {"metric": self.metric, "value": value, "better": self.better}
        if holder is None:
            passed = self.without_holder == "pass"
            return Verdict(passed, f"{facts.stage} has no version to compare with.", compared)
        theirs = holder.metrics.get(self.metric)
        compared |= {"holder": holder.version, "holder_value": theirs}
        if value is None or theirs is None:
            who = "Its run" if value is None else f"The run of version {holder.version}"
            return Verdict(False, f"{who} has no metric {self.metric}.", compared)
        slack = abs(theirs) * self.within_percent / 100
        bound = theirs - slack if self.better == "higher" else theirs + slack
        compared["bound"] = bound
        passed = value >= bound if self.better == "higher" else value <= bound
        allowed = f", and may be {number(self.within_percent)} % worse" if slack else ""
        return Verdict(
            passed,
            f"{self.metric} is {number(value)}; version {holder.version} in {facts.stage} has "
            f"{number(theirs)}, {self.better} is better{allowed}.",
            compared,
        )
