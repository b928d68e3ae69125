"""The JSON that the server answers with, MLflow's and its own, made into entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from .entities import (
    Dataset,
    DatasetInput,
    Experiment,
    LifecycleStage,
    Metric,
    ModelOutput,
    ModelVersion,
    RegisteredModel,
    RunSnapshot,
    RunStatus,
    VersionStatus,
)
from .errors import Unreachable

Json = dict[str, Any]
T = TypeVar("T")


def experiment(answer: Json) -> Experiment:
    try:
        found = answer["experiment"]
        return Experiment(
            experiment_id=found["experiment_id"],
            name=found["name"],
            artifact_location=found.get("artifact_location", ""),
            lifecycle_stage=LifecycleStage(found.get("lifecycle_stage", "active")),
            creation_time=int(found.get("creation_time", 0)),
            last_update_time=int(found.get("last_update_time", 0)),
            tags=_pairs(found.get("tags", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign("experiment", error) from error


def run(found: Json) -> RunSnapshot:
    try:
        info, data, inputs = found["info"], found.get("data", {}), found.get("inputs", {})
        end_time = info.get("end_time")
        return RunSnapshot(
            run_id=info["run_id"],
            run_name=info.get("run_name", ""),
            experiment_id=info["experiment_id"],
            user_id=info.get("user_id", ""),
            status=RunStatus(info["status"]),
            start_time=int(info.get("start_time", 0)),
            end_time=None if end_time is None else int(end_time),
            artifact_uri=info.get("artifact_uri", ""),
            lifecycle_stage=LifecycleStage(info.get("lifecycle_stage", "active")),
            latest=tuple(_metric(each) for each in data.get("metrics", [])),
            params=_pairs(data.get("params", [])),
            tags=_pairs(data.get("tags", [])),
            datasets=tuple(_input(each) for each in inputs.get("dataset_inputs", [])),
            model_inputs=tuple(each["model_id"] for each in inputs.get("model_inputs", [])),
            model_outputs=tuple(
                ModelOutput(each["model_id"], int(each.get("step", 0)))
                for each in found.get("outputs", {}).get("model_outputs", [])
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign("run", error) from error


def registered_model(found: Json) -> RegisteredModel:
    try:
        return RegisteredModel(
            name=found["name"],
            creation_time=int(found.get("creation_timestamp", 0)),
            last_update_time=int(found.get("last_updated_timestamp", 0)),
            description=found.get("description", ""),
            user_id=found.get("user_id", ""),
            latest_versions=tuple(model_version(each) for each in found.get("latest_versions", [])),
            aliases={each["alias"]: int(each["version"]) for each in found.get("aliases", [])},
            tags=_pairs(found.get("tags", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign("registered model", error) from error


def model_version(found: Json) -> ModelVersion:
    try:
        return ModelVersion(
            name=found["name"],
            version=int(found["version"]),
            stage=found.get("current_stage", "None"),
            status=VersionStatus(found.get("status", "READY")),
            source=found.get("source", ""),
            storage_location=found.get("storage_location", ""),
            creation_time=int(found.get("creation_timestamp", 0)),
            last_update_time=int(found.get("last_updated_timestamp", 0)),
            run_id=found.get("run_id"),
            model_id=found.get("model_id"),
            description=found.get("description", ""),
            user_id=found.get("user_id", ""),
            run_link=found.get("run_link", ""),
            status_message=found.get("status_message", ""),
            digest=found.get("digest"),
            aliases=tuple(found.get("aliases", [])),
            tags=_pairs(found.get("tags", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign("model version", error) from error


def _metric(found: Json) -> Metric:
    # A double may be the text "NaN", "Infinity" or "-Infinity", which float() reads too.
    value, when, step = float(found["value"]), int(found["timestamp"]), int(found.get("step", 0))
    return Metric(found["key"], value, when, step)


def _input(found: Json) -> DatasetInput:
    dataset = found["dataset"]
    return DatasetInput(
        Dataset(
            name=dataset["name"],
            digest=dataset["digest"],
            source_type=dataset.get("source_type", ""),
            source=dataset.get("source", ""),
            schema=dataset.get("schema"),
            profile=dataset.get("profile"),
        ),
        _pairs(found.get("tags", [])),
    )


def _pairs(found: list[Json]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in found}


def _foreign(what: str, error: Exception) -> Unreachable:
    return Unreachable(f"The server's answer is no {what} as Podium sends it: {error!r}.")


def made(kind: type[T], told: Mapping[str, Any]) -> T:
    """A dataclass of the fields it has. What a newer server says besides is left aside."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in told.items() if key in names})


def understood(read: Callable[[], T]) -> T:
    """What ``read`` makes of an answer; :class:`Unreachable` when that cannot be made of it."""
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        raise Unreachable(
            f"The server's answer is not understood ({error}). Is the client older than it?"
        ) from error
