"""What the service talks about, as the server tells it: immutable, shared by all three packages.

Times are milliseconds since the Unix epoch, as in MLflow's API. Identifiers are strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

CRASHED_TAG = "podium.crashed"


class RunStatus(StrEnum):
    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def ended(self) -> bool:
        return self in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)


class LifecycleStage(StrEnum):
    ACTIVE = "active"
    DELETED = "deleted"


class ViewType(StrEnum):
    """Which life-cycle stages a search returns."""

    ACTIVE_ONLY = "ACTIVE_ONLY"
    DELETED_ONLY = "DELETED_ONLY"
    ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Metric:
    """One point of a series. ``value`` may be NaN or infinite; ``step`` is any int64."""

    key: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Experiment:
    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: LifecycleStage
    creation_time: int
    last_update_time: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run as it was when the server was asked. ``latest`` holds one point per metric key."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: RunStatus
    start_time: int
    end_time: int | None
    artifact_uri: str
    lifecycle_stage: LifecycleStage
    latest: tuple[Metric, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The latest value of each metric (greatest step, then timestamp, then value)."""
        return {point.key: point.value for point in self.latest}

    @property
    def crashed(self) -> bool:
        """Whether it is FAILED because its process gave no sign of life any more."""
        return self.status == RunStatus.FAILED and CRASHED_TAG in self.tags

    @property
    def state(self) -> str:
        """What a person is shown: the status, or CRASHED."""
        return "CRASHED" if self.crashed else self.status.value


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file or folder below a run's artifact root. ``path`` is relative to that root."""

    path: str
    is_dir: bool
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a search; ``next_page_token`` is None on the last one."""

    items: tuple[T, ...]
    next_page_token: str | None = None
