"""What a gate is given, and what it answers. Gates are pure: what they need is fetched before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from podium.client.errors import BadRequest
from podium.client.promotion import GateResult
from podium.client.rules import shown
from podium.tracker.artifacts.base import ArtifactStore

from ...inspection.manifest import File

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """A version as gates see it.

    ``datasets`` holds (name, digest, context) of what its run has read, ``model`` what its MLmodel
    file says, ``scan`` what the scan of its ``files`` came to; these are None and empty until the
    files, which are at ``location``, have been inspected. ``launches`` holds (target, purpose,
    state, digest of the version then) of what has been launched for it, the newest first.
    """

    version: int
    digest: str = ""
    stage: str = ""
    created: int = 0
    in_stage_since: int = 0
    run_id: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[tuple[str, str, str], ...] = ()
    model: Mapping[str, Any] | None = None
    scan: str | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    location: str = ""
    launches: tuple[tuple[str, str, str, str], ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """The version that is to go to ``stage`` and, if that has one, its holder now."""

    name: str
    stage: str
    version: Subject
    holder: Subject | None
    now: int
    requester: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    sentence: str
    compared: Mapping[str, Any] = field(default_factory=dict)


class Gate(Protocol):
    """A frozen dataclass: its fields are what a policy can say, of types that ``reading`` knows."""

    kind: ClassVar[str]

    @property
    def words(self) -> str:
        """What must be true, for a person who reads the policy."""

    def check(self, facts: Facts) -> Verdict: ...


class Checker(Protocol):
    """Asks an external check: see ``registry.promotion.external``."""

    def ask(self, url: str, facts: Facts, *, timeout: float) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies beyond the database, for the gates that ask there."""

    store: ArtifactStore | None = None
    checker: Checker | None = None


@runtime_checkable
class OutsideGate(Protocol):
    """A gate that takes its time, so that it is asked before the transaction and never within.

    Its verdict holds as long as the facts of the version and its holder are what it was asked of.
    """

    def ask(self, facts: Facts, outside: Outside) -> Verdict: ...


@runtime_checkable
class TimedGate(Protocol):
    """A gate that time alone may open."""

    def opens(self, facts: Facts) -> int | None:
        """When it will, in milliseconds since 1970; None if it never does."""


def result(gate: Gate, verdict: Verdict) -> GateResult:
    compared = {key: _told(value) for key, value in verdict.compared.items()}
    return GateResult(gate.kind, verdict.passed, verdict.sentence, compared)


def finite(value: float | None, field: str) -> None:
    """Refuse a number in a policy that nothing can be compared with."""
    if value is not None and not math.isfinite(value):
        raise BadRequest(f"'{field}' is {shown(value)}: give a finite number.")


def number(value: float) -> str:
    return f"{value:.6g}"


def bounds(least: float | None, most: float | None) -> str:
    """As in "at least 1 and at most 2"."""
    return " and ".join(
        f"{word} {number(bound)}"
        for word, bound in (("at least", least), ("at most", most))
        if bound is not None
    )


def _told(value: Any) -> Any:
    """JSON has no NaN and no infinities: they are written as strings, as in MLflow's API."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
