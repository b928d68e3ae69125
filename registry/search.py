"""What can be searched here, described as ``podium.tracker.search.entity`` asks.

A version's name is its model's, so a statement that searches versions joins the two tables.
"""

from __future__ import annotations

from podium.tracker.search import Attribute, Entity, KeyTable, Kind

from .models import Alias, ModelTag, ModelVersion, RegisteredModel, VersionTag

REGISTERED_MODELS = Entity(
    name="registered models",
    id=RegisteredModel.id,
    attributes={
        "name": Attribute(RegisteredModel.name),
        "description": Attribute(RegisteredModel.description),
        "user_id": Attribute(RegisteredModel.user_id),
        "creation_timestamp": Attribute(RegisteredModel.creation_time, Kind.INTEGER),
        "last_updated_timestamp": Attribute(RegisteredModel.last_update_time, Kind.INTEGER),
    },
    aliases={"timestamp": "last_updated_timestamp"},
    key_tables={"tag": KeyTable(ModelTag.model, ModelTag.key, {None: ModelTag.value})},
    default_order=("name ASC",),
    ties=("name ASC",),
)

MODEL_VERSIONS = Entity(
    name="model versions",
    id=ModelVersion.id,
    attributes={
        "name": Attribute(RegisteredModel.name),
        "version_number": Attribute(ModelVersion.version, Kind.INTEGER),
        "run_id": Attribute(ModelVersion.run_id, nullable=True),
        "model_id": Attribute(ModelVersion.model_id, nullable=True),
        "source_path": Attribute(ModelVersion.source),
        "stage": Attribute(ModelVersion.stage),
        "status": Attribute(ModelVersion.status),
        "description": Attribute(ModelVersion.description),
        "user_id": Attribute(ModelVersion.user_id),
        "digest": Attribute(ModelVersion.digest, nullable=True),
        "creation_timestamp": Attribute(ModelVersion.creation_time, Kind.INTEGER),
        "last_updated_timestamp": Attribute(ModelVersion.last_update_time, Kind.INTEGER),
    },
    aliases={"current_stage": "stage", "version": "version_number"},
    key_tables={
        "tag": KeyTable(VersionTag.version, VersionTag.key, {None: VersionTag.value}),
        "alias": KeyTable(Alias.version, Alias.alias, {None: Alias.alias}),
    },
    default_order=("last_updated_timestamp DESC", "name ASC", "version_number DESC"),
    ties=("name ASC", "version_number DESC"),
)
