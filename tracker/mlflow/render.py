"""Entities as MLflow's protocol writes them: unset fields left out, int64 as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from podium.client.entities import (
    DatasetInput,
    DatasetSummary,
    Experiment,
    FileInfo,
    LoggedModel,
    Metric,
    ModelMetric,
    ModelStatus,
    RunSnapshot,
)

Json = dict[str, Any]

_STATUS = {
    ModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    ModelStatus.READY: "LOGGED_MODEL_READY",
    ModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}


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
    inputs = _set(
        dataset_inputs=[_dataset_input(each) for each in found.datasets],
        model_inputs=[{"model_id": each} for each in found.model_inputs],
    )
    outputs = [{"model_id": each.model_id, "step": each.step} for each in found.model_outputs]
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
        "inputs": inputs,
        **({"outputs": {"model_outputs": outputs}} if outputs else {}),
    }


def logged_model(found: LoggedModel) -> Json:
    return {
        "info": _set(
            model_id=found.model_id,
            experiment_id=found.experiment_id,
            name=found.name,
            creation_timestamp_ms=found.creation_time,
            last_updated_timestamp_ms=found.last_update_time,
            artifact_uri=found.artifact_uri,
            status=_STATUS[found.status],
            model_type=found.model_type,
            source_run_id=found.source_run_id,
            tags=pairs(found.tags),
        ),
        "data": _set(
            params=pairs(found.params),
            metrics=[_model_metric(point) for point in found.metrics],
        ),
    }


def dataset_summary(found: DatasetSummary) -> Json:
    return _set(
        experiment_id=found.experiment_id,
        name=found.name,
        digest=found.digest,
        context=found.context,
    )


def metric(point: Metric) -> Json:
    return {
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
    }


def _model_metric(point: ModelMetric) -> Json:
    return _set(
        key=point.key,
        value=number(point.value),
        timestamp=point.timestamp,
        step=point.step,
        dataset_name=point.dataset_name or None,
        dataset_digest=point.dataset_digest or None,
        model_id=point.model_id,
        run_id=point.run_id,
    )


def _dataset_input(found: DatasetInput) -> Json:
    dataset = found.dataset
    return _set(
        tags=pairs(found.tags),
        dataset=_set(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
    )


def files(found: Iterable[FileInfo]) -> list[Json]:
    return [_set(path=each.path, is_dir=each.is_dir, file_size=each.file_size) for each in found]


def pairs(found: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in found.items()]


def tuples(found: Iterable[Json]) -> list[tuple[str, str]]:
    """The pairs of a request, which :func:`pairs` writes."""
    return [(pair["key"], pair["value"]) for pair in found]


def page(name: str, items: list[Json], token: str | None) -> Json:
    return _set(**{name: items}, next_page_token=token)


def number(value: float) -> float | str:
    """JSON has no NaN and no infinities: proto3 writes them as strings."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _set(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None and value != []}
