"""What another MLflow holds, in words of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podium.client.entities import DatasetInput, ModelMetric, ModelOutput


@dataclass(frozen=True, slots=True)
class OldExperiment:
    id: str
    name: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OldRun:
    """``keys`` are those of its metrics."""

    run_id: str
    name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    keys: Sequence[str]
    inputs: Sequence[DatasetInput] = ()
    models_in: Sequence[str] = ()
    models_out: Sequence[ModelOutput] = ()


@dataclass(frozen=True, slots=True)
class OldLoggedModel:
    """``metrics`` are points that runs have measured of it."""

    model_id: str
    name: str
    status: str
    model_type: str | None
    source_run_id: str | None
    artifact_uri: str
    creation_time: int
    last_update_time: int
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Sequence[ModelMetric]


@dataclass(frozen=True, slots=True)
class OldModel:
    name: str
    description: str
    creation_time: int
    last_update_time: int
    tags: Mapping[str, str]
    aliases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OldVersion:
    """``location`` is where its files are, if it has any."""

    version: int
    stage: str
    status: str
    status_message: str
    source: str
    location: str
    run_id: str | None
    run_link: str
    model_id: str | None
    description: str
    user_id: str
    creation_time: int
    last_update_time: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file below ``root``, an address that :meth:`Source.fetch` knows."""

    root: str
    path: str
