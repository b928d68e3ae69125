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
DATASET_CONTEXT_TAG = "mlflow.data.context"


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
class Dataset:
    """What a run has read: name and digest say which data, source where they are from.

    ``source``, ``schema`` and ``profile`` are texts of whoever logged it, mostly JSON.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A data set as a run has used it. ``context`` says what for, as in ``training``."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> str | None:
        return self.tags.get(DATASET_CONTEXT_TAG)


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A data set of an experiment's runs, once for each use it was put to."""

    experiment_id: str
    name: str
    digest: str
    context: str | None


class ModelStatus(StrEnum):
    """Whether the files of a logged model are there."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ModelMetric:
    """A point that a run has measured of a logged model, perhaps on a data set."""

    key: str
    value: float
    timestamp: int
    step: int
    model_id: str
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A logged model that a run has made, and at which step."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model that was logged: its own thing, with a place of its own for its files."""

    model_id: str
    experiment_id: str
    name: str
    status: ModelStatus
    artifact_uri: str
    creation_time: int
    last_update_time: int
    lifecycle_stage: LifecycleStage
    model_type: str | None = None
    source_run_id: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[ModelMetric, ...] = ()


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
    datasets: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[str, ...] = ()
    model_outputs: tuple[ModelOutput, ...] = ()

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
    """A file or folder below an artifact root. ``path`` is relative to that root."""

    path: str
    is_dir: bool
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a search; ``next_page_token`` is None on the last one."""

    items: tuple[T, ...]
    next_page_token: str | None = None
