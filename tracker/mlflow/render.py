"""Entities as MLflow's protocol writes them: unset fields left out, int64 as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from podium.client.entities import Experiment, FileInfo, Metric, RunSnapshot

Json = dict[str, Any]


def experiment(found: Experiment) -> Json:
    return _set(
        experiment_id=found.experiment_id,
        name=found.name,
        artifact_location=found.artifact_location,
        lifecycle_stage=found.lifecycle_stage,
        last_update_time=found.last_update_time,
        creation_time=found.creation_time,
        tags=pairs(found.tags),
    )


def run(found: RunSnapshot) -> Json:
    return {
        "info": _set(
            run_uuid=found.run_id,
            run_id=found.run_id,
            run_name=found.run_name,
            experiment_id=found.experiment_id,
            user_id=found.user_id,
            status=found.status,
            start_time=found.start_time,
            end_time=found.end_time,
            artifact_uri=found.artifact_uri,
            lifecycle_stage=found.lifecycle_stage,
        ),
        "data": _set(
            metrics=[metric(point) for point in found.latest],
            params=pairs(found.params),
            tags=pairs(found.tags),
        ),
        "inputs": {},
    }


def metric(point: Metric) -> Json:
    return {
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
    }


def files(found: Iterable[FileInfo]) -> list[Json]:
    return [_set(path=each.path, is_dir=each.is_dir, file_size=each.file_size) for each in found]


def pairs(found: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in found.items()]


def page(name: str, items: list[Json], token: str | None) -> Json:
    return _set(**{name: items}, next_page_token=token)


def number(value: float) -> float | str:
    """JSON has no NaN and no infinities: proto3 writes them as strings."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _set(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None and value != []}
