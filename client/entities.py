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


class VersionStatus(StrEnum):
    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """``source`` is what was registered, as it was written; ``storage_location`` is where the files
    are. ``digest`` is the SHA-256, in hex, of the manifest of those files.
    """

    name: str
    version: int
    stage: str
    status: VersionStatus
    source: str
    storage_location: str
    creation_time: int
    last_update_time: int
    run_id: str | None = None
    model_id: str | None = None
    description: str = ""
    user_id: str = ""
    run_link: str = ""
    status_message: str = ""
    digest: str | None = None
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """``latest_versions`` holds the highest version of each stage that has one."""

    name: str
    creation_time: int
    last_update_time: int
    description: str = ""
    user_id: str = ""
    latest_versions: tuple[ModelVersion, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


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
