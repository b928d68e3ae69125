"""What is launched, said once for every target. :mod:`.schema` reads it from a file.

Everything here is immutable and plain. ``site`` and ``owner`` are not in the file: the one is what
an administrator says of the cluster, the other whose launch this is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .site import Resources, Secret, Site, Tracking


class Purpose(StrEnum):
    TRAIN = "train"
    EVALUATE = "evaluate"
    SERVE = "serve"
    SWEEP = "sweep"


class Kind(StrEnum):
    """Of a sweep's parameter."""

    DOUBLE = "double"
    INT = "int"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A version of a registered model, or a run."""

    model: str | None = None
    version: int | None = None
    stage: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    min: int = 1
    max: int | None = None
    cpu: int = 70

    @property
    def most(self) -> int:
        return self.min if self.max is None else self.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The version that is tried on ``percent`` of the requests; the spec itself is what stays."""

    percent: int
    storage: str
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    format: str = "mlflow"
    port: int = 8080
    ready: str = "/v2/health/ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    path: str = "/metrics"
    port: int = 8080
    interval: str = "30s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    type: Kind = Kind.DOUBLE
    min: float | None = None
    max: float | None = None
    step: float | None = None
    log: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruner:
    """The median rule: a trial is compared from ``start_step`` on, with ``min_trials`` others."""

    min_trials: int = 5
    start_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """``value``, ``seed``, ``pruner`` and ``experiment`` are of Podium's own sweeps alone."""

    metric: str
    goal: str
    parameters: tuple[Parameter, ...]
    algorithm: str = "random"
    trials: int = 12
    parallel: int = 3
    max_failed: int = 3
    target_value: float | None = None
    value: str = "last"
    seed: int | None = None
    pruner: Pruner | None = None
    experiment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose launch it is. ``attempt`` counts the objects that one launch has had."""

    launch_id: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    name: str
    target: str
    purpose: Purpose
    cluster: str | None = None
    namespace: str | None = None
    source: Source = Source()
    run_id: str | None = None
    image: str | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    tracking: Tracking | None = None
    resources: Resources = field(default_factory=Resources)
    workers: int = 1
    queue: str | None = None
    priority: str | None = None
    deadline: int | None = None
    retries: int = 0
    storage: str | None = None
    service_account: str | None = None
    scaling: Scaling = Scaling()
    canary: Canary | None = None
    serving: Serving = Serving()
    monitoring: Monitoring | None = None
    sweep: Sweep | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    overlay: Mapping[str, Any] = field(default_factory=dict)
    site: Site = field(default_factory=Site)
    owner: Owner = Owner()
