"""What nodes and the scheduler do to a pod."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..state import Objects, condition, of_kind, status_of
from .found import Diagnosis, containers, name_of


def node(objects: Objects) -> Diagnosis | None:
    return next(filter(None, (_taken(pod) for pod in of_kind(objects, "Pod"))), None)


def without_past(objects: Objects) -> Objects:
    """Without the pods that the node has taken and that others have begun in place of: what is
    wrong now is not that."""
    past = [pod for pod in of_kind(objects, "Pod") if _taken(pod) and _is_past(pod, objects)]
    return [each for each in objects if each not in past] if past else objects


def _taken(pod: Mapping[str, Any]) -> Diagnosis | None:
    """How the node took it, if it did."""
    seen = status_of(pod)
    target = condition(pod, "DisruptionTarget")
    reason, message = seen.get("reason") or "", seen.get("message") or ""
    if reason == "NodeLost" or target.get("reason") == "DeletionByTaintManager":
        return Diagnosis(
            "NodeLost",
            f"The node of the pod {name_of(pod)} is gone or does not answer.",
            "It is tried again on another node; eviction uses up no retry of a job.",
            message or target.get("message") or "",
        )
    if reason == "Evicted":
        return Diagnosis(
            "Evicted",
            f"The node evicted the pod {name_of(pod)} because it ran short.",
            "Ask for the memory and the disk it needs in resources, or write less to /scratch.",
            message,
        )
    if reason == "UnexpectedAdmissionError":
        return Diagnosis(
            "DeviceRefused",
            f"The node took the pod {name_of(pod)} and then had no such GPU for it.",
            "Of a shared GPU ask for one; else the device plugin has to be looked at.",
            message,
        )
    if target.get("status") == "True" and target.get("reason") == "PreemptionByScheduler":
        return Diagnosis(
            "Preempted",
            f"The pod {name_of(pod)} made room for one of a higher priority.",
            "It is tried again; a higher priority keeps it from happening.",
            target.get("message") or "",
        )
    return None


def _is_past(pod: Mapping[str, Any], objects: Objects) -> bool:
    """Whether another has begun since, and none that stood beside it has fallen, as workers do that
    lose one of them."""
    over = max(
        [str(condition(pod, "DisruptionTarget").get("lastTransitionTime") or ""), *_ends(pod)]
    )
    later = {
        name_of(each)
        for each in of_kind(objects, "Pod")
        if _created(each) > _created(pod) and _created(each) >= over
    }
    fell = (
        each.ended.get("exitCode") and str(each.ended.get("finishedAt") or "") >= over
        for each in containers(objects)
        if each.pod not in {*later, name_of(pod)}
    )
    return bool(later) and not any(fell)


def _created(pod: Mapping[str, Any]) -> str:
    return str((pod.get("metadata") or {}).get("creationTimestamp") or "")


def _ends(pod: Mapping[str, Any]) -> Iterator[str]:
    return (str(each.ended.get("finishedAt") or "") for each in containers([pod]))


_SHORT = re.compile(r"(?:^|[ ,])(?:\d+ )?Insufficient (?P<resource>[\w./-]+)")
_UNSCHEDULABLE: tuple[tuple[str, str, str, str], ...] = (
    (
        r"didn't match Pod's node affinity/selector",
        "NoSuchNode",
        "no node has the labels it asks for",
        "Check resources.gpu.product and the site's node_selector: kubectl get nodes -L LABEL.",
    ),
    (
        r"untolerated taint",
        "Tainted",
        "the nodes that are left keep others away by a taint",
        "Have the taint added to the site's tolerations, or choose other nodes.",
    ),
    (
        r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim .* not found",
        "NoVolume",
        "its volume is not there yet",
        "Check the claim and its storage class.",
    ),
)


def unschedulable(objects: Objects) -> Diagnosis | None:
    for pod in of_kind(objects, "Pod"):
        scheduled = condition(pod, "PodScheduled")
        message = scheduled.get("message") or ""
        if scheduled.get("status") != "False":
            continue
        if scheduled.get("reason") == "SchedulingGated":
            continue  # Kueue holds it, and has said why
        short = sorted({found["resource"].rstrip(".") for found in _SHORT.finditer(message)})
        if short:
            return Diagnosis(
                "Unschedulable",
                f"No node has enough free {' and '.join(short)} for the pod {name_of(pod)}.",
                _less_of(short),
                message,
            )
        for pattern, code, why, fix in _UNSCHEDULABLE:
            if re.search(pattern, message):
                return Diagnosis(code, f"The pod {name_of(pod)} waits: {why}.", fix, message)
        return Diagnosis(
            "Unschedulable",
            f"No node takes the pod {name_of(pod)}.",
            "Its message says why.",
            message,
        )
    return None


def _less_of(short: list[str]) -> str:
    if any(name.startswith("nvidia.com/") for name in short):
        return "Wait until GPUs are free, ask for fewer or others in resources.gpu, or add nodes."
    return f"Wait, ask for less in resources ({', '.join(short)}), or add nodes."
