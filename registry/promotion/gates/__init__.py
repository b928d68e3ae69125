"""Gates: what must be true of a version before it goes to a stage.

A gate is a frozen dataclass with a ``kind``, its ``words`` and a method ``check``; to add one is to
write it and to name it in ``GATES``.
"""

from __future__ import annotations

from .base import Facts, Gate, Outside, OutsideGate, Subject, TimedGate, Verdict, result
from .content import FilesUnchanged, Required, SameDataset, ScanClean, SchemaCompatible
from .elsewhere import ExternalCheck, LaunchSucceeded
from .metrics import MetricAgainstHolder, MetricThreshold
from .time import Age

GATES: dict[str, type[Gate]] = {
    gate.kind: gate
    for gate in (
        MetricThreshold,
        MetricAgainstHolder,
        SameDataset,
        Required,
        SchemaCompatible,
        ScanClean,
        FilesUnchanged,
        Age,
        ExternalCheck,
        LaunchSucceeded,
    )
}

__all__ = [
    "GATES",
    "Facts",
    "Gate",
    "Outside",
    "OutsideGate",
    "Subject",
    "TimedGate",
    "Verdict",
    "result",
]
