"""What MLflow's package tells of each thing, in the words of ``old``.

Its objects come as they are: nothing here imports that package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from podium.client.entities import Dataset, DatasetInput, ModelMetric, ModelOutput

from .old import OldExperiment, OldLoggedModel, OldModel, OldRun, OldVersion

_LOGGED = re.compile(r"(?:^models:|/models)/(m-[0-9a-f]{32})(?:/artifacts\b|$)")


def experiment(found: Any) -> OldExperiment:
    created = found.creation_time or 0
    return OldExperiment(
        id=str(found.experiment_id),
        name=found.name,
        lifecycle_stage=found.lifecycle_stage,
        creation_time=created,
        last_update_time=found.last_update_time or created,
        tags=dict(found.tags),
    )


def run(found: Any) -> OldRun:
    info, data, inputs, outputs = found.info, found.data, found.inputs, found.outputs
    tags = dict(data.tags)
    return OldRun(
        run_id=info.run_id,
        name=info.run_name or tags.get("mlflow.runName") or info.run_id,
        user_id=info.user_id or "",
        status=info.status,
        start_time=info.start_time or 0,
        end_time=info.end_time,
        lifecycle_stage=info.lifecycle_stage,
        artifact_uri=info.artifact_uri or "",
        params=dict(data.params),
        tags=tags,
        keys=sorted(data.metrics),
        inputs=[_input(each) for each in inputs.dataset_inputs] if inputs else (),
        models_in=[each.model_id for each in inputs.model_inputs] if inputs else (),
        models_out=[ModelOutput(each.model_id, each.step) for each in outputs.model_outputs]
        if outputs
        else (),
    )


def logged_model(found: Any) -> OldLoggedModel:
    return OldLoggedModel(
        model_id=found.model_id,
        name=found.name,
        status=str(found.status.value),
        model_type=found.model_type or None,
        source_run_id=found.source_run_id or None,
        artifact_uri=found.artifact_location,
        creation_time=found.creation_timestamp,
        last_update_time=found.last_updated_timestamp,
        params=dict(found.params),
        tags=dict(found.tags),
        metrics=[_measured(point, found.model_id) for point in found.metrics or ()],
    )


def model(found: Any, hidden: Mapping[str, str]) -> OldModel:
    """``hidden`` are tags that mlflow does not show."""
    return OldModel(
        name=found.name,
        description=found.description or "",
        creation_time=found.creation_timestamp,
        last_update_time=found.last_updated_timestamp or found.creation_timestamp,
        tags={**found.tags, **hidden},
        aliases={name: int(number) for name, number in found.aliases.items()},
    )


def version(found: Any, location: str) -> OldVersion:
    """``location`` is where its files are, "" for none."""
    created = found.creation_timestamp
    return OldVersion(
        version=int(found.version),
        stage=found.current_stage or "None",
        status=found.status,
        status_message=found.status_message or "",
        source=found.source or "",
        location=location or "",
        run_id=found.run_id or None,
        run_link=found.run_link or "",
        model_id=found.model_id or _logged_model(found.source or "", location),
        description=found.description or "",
        user_id=found.user_id or "",
        creation_time=created,
        last_update_time=found.last_updated_timestamp or created,
        tags=dict(found.tags),
    )


def _logged_model(*places: str) -> str | None:
    """The logged model that a version's source leads to: a database keeps no other word of it."""
    for place in places:
        if found := _LOGGED.search(place):
            return found[1]
    return None


def _input(found: Any) -> DatasetInput:
    data = found.dataset
    return DatasetInput(
        Dataset(
            name=data.name,
            digest=data.digest,
            source_type=data.source_type,
            source=data.source,
            schema=data.schema or None,
            profile=data.profile or None,
        ),
        {tag.key: tag.value for tag in found.tags},
    )


def _measured(found: Any, model_id: str) -> ModelMetric:
    return ModelMetric(
        key=found.key,
        value=found.value,
        timestamp=found.timestamp,
        step=found.step,
        model_id=model_id,
        run_id=found.run_id or "",
        dataset_name=found.dataset_name or "",
        dataset_digest=found.dataset_digest or "",
    )
