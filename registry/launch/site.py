"""What an administrator says of the cluster: what may be asked of it, and what things are called.

``Site()`` allows nothing that has to be allowed by name. :data:`OFFLINE` is what the command uses
where no administrator's file is given: nobody is there to ask, so every name is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class Sharing(StrEnum):
    """How the device plugin offers a GPU that several pods share."""

    RENAMED = "renamed"
    """As ``nvidia.com/gpu.shared`` (renameByDefault)."""
    TIME_SLICING = "time-slicing"
    MPS = "mps"


class Mig(StrEnum):
    """The MIG strategy of the GPU operator."""

    MIXED = "mixed"
    SINGLE = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """Whole GPUs, slices of one MIG profile, or a share of one."""

    count: int = 1
    product: str | None = None
    mig: str | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Of each worker."""

    named: str | None = None
    cpu: str = "1"
    memory: str = "2Gi"
    gpu: Gpu | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret whose ``keys`` become variables of the environment; all of them if none is named."""

    name: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """Where the launched code logs. The Secret holds the token as PODIUM_TRACKING_TOKEN."""

    uri: str
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    key: str
    value: str | None = None
    effect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Of a template: what a user may fill in."""

    type: str = "text"
    default: Any = None
    choices: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Objects with ``${variables}`` in them, for the target raw."""

    manifests: tuple[Mapping[str, Any], ...]
    variables: Mapping[str, Variable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a cluster is reached: a kubeconfig, or as the pod that Podium itself runs in.

    ``namespace`` is where a launch goes that names none; ``pipelines`` is the address of the
    cluster's Kubeflow Pipelines. Where those are of several users, ``pipelines_token`` is a file
    with a bearer token, ``pipelines_user`` who Podium is there, and ``pipelines_namespace`` where
    its runs are.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str = "default"
    pipelines: str | None = None
    pipelines_token: str | None = None
    pipelines_user: str | None = None
    pipelines_namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Of an hour: of a worker of a class, of a GPU by its product, of any other GPU, of a core."""

    currency: str = ""
    classes: Mapping[str, float] = field(default_factory=dict)
    products: Mapping[str, float] = field(default_factory=dict)
    gpu: float = 0.0
    cpu: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    clusters: Mapping[str, Connection] = field(default_factory=dict)
    prices: Prices = Prices()
    namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    overlay: tuple[str, ...] = ()
    classes: Mapping[str, Resources] = field(default_factory=dict)
    only_classes: bool = False
    max_gpus: int = 64
    max_workers: int = 256
    tracking: Tracking | None = None
    secrets: tuple[Secret, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    run_as_user: int | None = 1000
    shared_gpus: Sharing = Sharing.RENAMED
    mig_strategy: Mig = Mig.MIXED
    keep_finished: int = 86_400
    monitor_labels: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)


OFFLINE = Site(namespaces=("*",), service_accounts=("*",), overlay=("*",))


def allowed(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
