"""What of logged models can be searched, described as ``tracker.search.entity`` asks."""

from __future__ import annotations

from ..search import Attribute, Entity, KeyTable, Kind
from .tables import LoggedModel, LoggedModelMetric, LoggedModelParam, LoggedModelTag

LOGGED_MODELS = Entity(
    name="logged models",
    id=LoggedModel.id,
    attributes={
        "model_id": Attribute(LoggedModel.model_id),
        "name": Attribute(LoggedModel.name),
        "experiment_id": Attribute(LoggedModel.experiment_id, Kind.IDENTIFIER),
        "status": Attribute(LoggedModel.status),
        "model_type": Attribute(LoggedModel.model_type, nullable=True),
        "source_run_id": Attribute(LoggedModel.source_run_id, nullable=True),
        "creation_timestamp": Attribute(LoggedModel.creation_time, Kind.INTEGER),
        "last_updated_timestamp": Attribute(LoggedModel.last_update_time, Kind.INTEGER),
    },
    aliases={
        "creation_time": "creation_timestamp",
        "creation_timestamp_ms": "creation_timestamp",
        "last_updated_time": "last_updated_timestamp",
        "last_updated_timestamp_ms": "last_updated_timestamp",
    },
    key_tables={
        "metric": KeyTable(
            LoggedModelMetric.model,
            LoggedModelMetric.key,
            {None: LoggedModelMetric.value},
            Kind.METRIC,
            latest=(
                LoggedModelMetric.timestamp.desc(),
                LoggedModelMetric.step.desc(),
                LoggedModelMetric.id.desc(),
            ),
        ),
        "param": KeyTable(
            LoggedModelParam.model, LoggedModelParam.key, {None: LoggedModelParam.value}
        ),
        "tag": KeyTable(LoggedModelTag.model, LoggedModelTag.key, {None: LoggedModelTag.value}),
    },
    default_order=("creation_timestamp DESC", "model_id ASC"),
    ties=("creation_timestamp DESC", "model_id ASC"),
)
