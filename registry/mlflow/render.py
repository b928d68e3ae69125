"""Models and versions as MLflow's protocol writes them.

``storage_location`` and ``digest`` are ours: stock clients ignore what they do not know.
"""

from __future__ import annotations

from typing import Any

from podium.client.entities import ModelVersion, RegisteredModel
from podium.tracker.mlflow.render import Json, pairs


def registered_model(found: RegisteredModel) -> Json:
    return _said(
        name=found.name,
        creation_timestamp=found.creation_time,
        last_updated_timestamp=found.last_update_time,
        user_id=found.user_id,
        description=found.description,
        latest_versions=[model_version(each) for each in found.latest_versions],
        tags=pairs(found.tags),
        aliases=[
            {"alias": alias, "version": str(version)} for alias, version in found.aliases.items()
        ],
    )


def model_version(found: ModelVersion) -> Json:
    return _said(
        name=found.name,
        version=str(found.version),
        creation_timestamp=found.creation_time,
        last_updated_timestamp=found.last_update_time,
        user_id=found.user_id,
        current_stage=found.stage,
        description=found.description,
        source=found.source,
        run_id=found.run_id,
        status=found.status,
        status_message=found.status_message,
        tags=pairs(found.tags),
        run_link=found.run_link,
        aliases=list(found.aliases),
        model_id=found.model_id,
        storage_location=found.storage_location,
        digest=found.digest,
    )


def _said(**fields: Any) -> Json:
    """A text that is empty is one that is not set."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
