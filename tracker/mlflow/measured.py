"""The metrics of a request: points of the run, some of them also of logged models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from podium.client.entities import Metric, ModelMetric

from ..metrics import PointTable
from ..schema import Int64, Items, Number, Object, Schema, Text
from .render import Json

_OF_MODELS = ("model_id", "dataset_name", "dataset_digest")


class Point(Schema):
    key = Text(required=True)
    value = Number(required=True)
    timestamp = Int64(required=True)
    step = Int64(load_default=0)
    model_id = Text(load_default="")
    dataset_name = Text(load_default="")
    dataset_digest = Text(load_default="")


@dataclass(frozen=True, slots=True)
class Measured:
    """All points of a request, and again those of them that were measured of logged models."""

    points: PointTable
    of_models: Sequence[ModelMetric] = ()

    @classmethod
    def of(cls, points: Sequence[Json]) -> Measured:
        """Points as :class:`Point` has checked them."""
        metrics = [
            Metric(each["key"], each["value"], each["timestamp"], each["step"]) for each in points
        ]
        of_models = [ModelMetric(**each) for each in points if each["model_id"]]
        return cls(PointTable.of_metrics(metrics), of_models)

    @classmethod
    def of_json(cls, points: Sequence[Any]) -> Measured | None:
        """See :meth:`PointTable.of_json`."""
        table = PointTable.of_json(points)
        if table is None:
            return None
        found = [point for point in points if point.get("model_id")]
        if not all(isinstance(point.get(name, ""), str) for point in found for name in _OF_MODELS):
            return None
        return cls(table, [ModelMetric(**{"step": 0, **point}) for point in found])


class Points(Items):
    """Of metrics; usually all of them are well, and then none is looked at on its own."""

    def __init__(self) -> None:
        super().__init__(Object(Point), load_default=Measured(PointTable.of_metrics([])))

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        measured = Measured.of_json(value) if isinstance(value, list) else None
        if measured is None:
            checked: Any = super()._deserialize(value, *args, **options)
            measured = Measured.of(checked)
        return measured
