"""What of runs can be searched, described as ``tracker.search.entity`` asks."""

from __future__ import annotations

from podium.client.entities import DATASET_CONTEXT_TAG

from ..datasets import Dataset, DatasetInput, DatasetInputTag
from ..metrics.tables import MetricSummary
from ..models import Param, Run, Tag
from ..search import Attribute, Entity, KeyTable, Kind, Member

_READ_BY = DatasetInput.dataset == Dataset.id

RUNS = Entity(
    name="runs",
    id=Run.id,
    attributes={
        "run_id": Attribute(Run.run_id),
        "run_name": Attribute(Run.name),
        "experiment_id": Attribute(Run.experiment_id, Kind.IDENTIFIER),
        "user_id": Attribute(Run.user_id),
        "status": Attribute(Run.status),
        "artifact_uri": Attribute(Run.artifact_uri),
        "start_time": Attribute(Run.start_time, Kind.INTEGER),
        "end_time": Attribute(Run.end_time, Kind.INTEGER, nullable=True),
        "duration": Attribute(Run.duration, Kind.INTEGER, nullable=True),
    },
    aliases={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
    key_tables={
        "metric": KeyTable(
            MetricSummary.run,
            MetricSummary.key,
            {
                None: MetricSummary.last_value,
                "last": MetricSummary.last_value,
                "first": MetricSummary.first_value,
                "min": MetricSummary.min_value,
                "max": MetricSummary.max_value,
            },
            Kind.METRIC,
        ),
        "param": KeyTable(Param.run, Param.key, {None: Param.value}),
        "tag": KeyTable(Tag.run, Tag.key, {None: Tag.value}),
    },
    members={
        "dataset": {
            "name": Member(DatasetInput.run, Dataset.name, (_READ_BY,)),
            "digest": Member(DatasetInput.run, Dataset.digest, (_READ_BY,)),
            "context": Member(
                DatasetInput.run,
                DatasetInputTag.value,
                (
                    DatasetInputTag.input == DatasetInput.id,
                    DatasetInputTag.key == DATASET_CONTEXT_TAG,
                ),
            ),
        },
    },
    default_order=("start_time DESC", "run_id ASC"),
    ties=("start_time DESC", "run_id ASC"),
)
