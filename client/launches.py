"""What a launch is, to whoever asks, and asking for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class LaunchState(StrEnum):
    WAITING = "WAITING"
    """It is not in the cluster yet."""
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    READY = "READY"
    """It serves."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    """Of what serves: how it stands now; it may recover."""
    STOPPED = "STOPPED"
    REPLACED = "REPLACED"
    """Another version serves in its place."""


@dataclass(frozen=True, slots=True)
class LaunchDiagnosis:
    code: str
    sentence: str
    fix: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class LaunchObject:
    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Launch:
    """``name`` is the model's, or its own. Times are in ms; ``cost`` is in the site's currency."""

    launch_id: str
    name: str
    version: int | None
    stage: str
    purpose: str
    target: str
    state: LaunchState
    desired: str
    author: str
    created: int
    run_id: str | None = None
    rule: int | None = None
    reason: str = ""
    message: str = ""
    diagnosis: LaunchDiagnosis | None = None
    endpoint: str = ""
    cluster: str = ""
    namespace: str = ""
    objects: tuple[LaunchObject, ...] = ()
    attempt: int = 1
    gpu_seconds: float = 0.0
    cost: float = 0.0
    currency: str = ""
    started: int | None = None
    ended: int | None = None
    logs: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.ended is None

    @property
    def canary(self) -> Mapping[str, Any] | None:
        """``percent`` and ``version`` of what is tried beside it, where it serves."""
        found = self.spec.get("canary")
        return found if isinstance(found, Mapping) else None


@dataclass(frozen=True, slots=True)
class Cost:
    currency: str
    cost: float


@dataclass(frozen=True, slots=True)
class RunUsage:
    """What a run has used on clusters, over so many launches; of each currency a cost."""

    gpu_seconds: float
    costs: tuple[Cost, ...]
    launches: int


@dataclass(frozen=True, slots=True)
class ForeignObject:
    """An object of a cluster that is of a launch which the server does not know."""

    cluster: str
    namespace: str
    api_version: str
    kind: str
    name: str
    uid: str
    launch_id: str
    created: int
    """In ms."""


@dataclass(frozen=True, slots=True)
class LostLaunch:
    """A launch that has not ended, and whose object is not in its cluster."""

    launch_id: str
    name: str
    state: str
    cluster: str
    namespace: str
    kind: str
    object_name: str


@dataclass(frozen=True, slots=True)
class Orphans:
    """``unseen``: what could not be looked at, and why."""

    objects: tuple[ForeignObject, ...]
    launches: tuple[LostLaunch, ...]
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchEvent:
    at: int
    actor: str
    attempt: int
    state: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the cluster's API server would say to one object; no ``refused`` is a yes."""

    kind: str
    name: str
    refused: LaunchDiagnosis | None = None


@dataclass(frozen=True, slots=True)
class DryRun:
    """A launch that was only tried. ``manifests`` are YAML, ``verdicts`` one of each object.

    ``problem`` says why the cluster was not asked: there are no verdicts then.
    """

    cluster: str
    namespace: str
    accepted: bool
    manifests: str
    verdicts: tuple[Verdict, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A launch that a promotion would set off, tried out.

    ``rule`` is the name or pattern of models that its rule is for; empty of a service that follows
    its stage without a rule. ``version`` is that of the model.
    """

    purpose: str
    target: str
    version: int
    stage: str
    rule: str
    spec: Mapping[str, Any]
    tried: DryRun


@dataclass(frozen=True, slots=True)
class LaunchPreview:
    """What a promotion would launch, and which launches it would stop."""

    launches: tuple[Foreseen, ...]
    stops: tuple[Launch, ...]
