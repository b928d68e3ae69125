"""Why a launch does not run: objects of the cluster to one sentence and a fix.

Pure and table-driven. ``objects`` are pods, events, and those that have conditions (Job, Workload,
InferenceService …) as the API server sends them, and the Status with which it refused a call.
"""

from __future__ import annotations

from collections.abc import Callable

from ..state import Objects
from . import nodes, pods, refusals
from .found import Diagnosis
from .refusals import NO_KUEUE

__all__ = ["NO_KUEUE", "Diagnosis", "diagnose"]

Rule = Callable[[Objects], Diagnosis | None]

# Causes before symptoms. A pod that was killed for memory is in a crash loop afterwards; a missing
# Secret is why a container is not made.
_RULES: tuple[Rule, ...] = (
    refusals.refused,
    refusals.refused_pods,
    refusals.queue,
    pods.missing_secret,
    pods.configuration,
    pods.image,
    pods.storage_initializer,
    pods.changed_files,
    pods.memory,
    nodes.node,
    pods.crash,
    nodes.unschedulable,
    pods.over_time,
    pods.probe,
)


def diagnose(objects: Objects) -> Diagnosis | None:
    """What keeps a launch from running or serving; None where nothing says so."""
    there = nodes.without_past(objects)
    for rule in _RULES:
        found = rule(there)
        if found:
            return found
    return None
