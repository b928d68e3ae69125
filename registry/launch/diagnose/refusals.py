"""What the API server and the queue refuse, before there is a pod."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..state import Objects, condition, of_kind
from .found import Diagnosis, complaints


def refused(objects: Objects) -> Diagnosis | None:
    """By the API server, when the object was to be created."""
    for status in of_kind(objects, "Status"):
        message = str(status.get("message") or "")
        for pattern, make in _REFUSALS:
            found = pattern.search(message) or pattern.search(str(status.get("reason") or ""))
            if found:
                return make(found, message)
    return None


def _no_kind(_found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "MissingCRD",
        "The cluster does not know this kind of object: its system is not installed.",
        "Install the system, or launch on another target: podium launch targets.",
        message,
    )


def _over_quota(found: re.Match[str], message: str) -> Diagnosis:
    what = re.search(r"requested: ([^ ]+?)(?:, used|,? *$|;)", message)
    over = f" ({what[1]} asked)" if what else ""
    return Diagnosis(
        "Quota",
        f"The namespace's quota {found['quota']} does not leave enough{over}.",
        "Ask for less, wait until others end, or have the ResourceQuota raised.",
        message,
    )


def _admission(found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "AdmissionRefused",
        f"The admission webhook {found['webhook']} refused the object.",
        "Change what its message names; an administrator can say what the webhook wants.",
        message,
    )


def _pod_security(found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "AdmissionRefused",
        f"The namespace's Pod Security profile {found['profile']} refused the pod.",
        "Take out of the template or overlay what the message names.",
        message,
    )


def _not_allowed(_found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "Forbidden",
        "Podium may not create this kind of object in this namespace.",
        "Give Podium's service account the right, by a Role and a RoleBinding there.",
        message,
    )


def _invalid(_found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "Invalid",
        "The API server refused a field of the object.",
        "Correct the field its message names; if it is Podium's, please report it.",
        message,
    )


def _no_namespace(found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "MissingNamespace",
        f"There is no namespace {found['name']}.",
        "Name one that exists in the spec's namespace, or create it.",
        message,
    )


_REFUSALS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Diagnosis]], ...] = (
    (re.compile(r"no matches for kind|could not find the requested resource"), _no_kind),
    (re.compile(r"exceeded quota: (?P<quota>[^,\s]+)"), _over_quota),
    (re.compile(r'violates PodSecurity "(?P<profile>[a-z]+)'), _pod_security),
    (re.compile(r'admission webhook "(?P<webhook>[^"]+)" denied'), _admission),
    (re.compile(r'namespaces "(?P<name>[^"]+)" not found'), _no_namespace),
    (re.compile(r"^Forbidden$|is forbidden: User"), _not_allowed),
    (re.compile(r"^Invalid$|^BadRequest$|unknown field"), _invalid),
)


def refused_pods(objects: Objects) -> Diagnosis | None:
    """By the API server, when a controller was to create pods."""
    for message in complaints(objects, "FailedCreate"):
        for pattern, make in _REFUSALS[1:4]:
            found = pattern.search(message)
            if found:
                return make(found, message)
        account = re.search(r'serviceaccount "(?P<name>[^"]+)" not found', message)
        if account:
            return Diagnosis(
                "MissingServiceAccount",
                f"There is no service account {account['name']} in the namespace.",
                "Create it, or name another in service_account.",
                message,
            )
    return None


def queue(objects: Objects) -> Diagnosis | None:
    for workload in of_kind(objects, "Workload"):
        waits = condition(workload, "QuotaReserved")
        message = waits.get("message") or ""
        name = (workload.get("spec") or {}).get("queueName") or "of the spec"
        if waits.get("status") != "False":
            continue
        if "doesn't exist" in message and "LocalQueue" in message:
            return Diagnosis(
                "MissingLocalQueue",
                f"There is no LocalQueue {name} in the namespace, so nothing will ever start it.",
                "Name a queue of the namespace in queue: kubectl get localqueues.",
                message,
            )
        if "is inactive" in message or "doesn't exist" in message:
            return Diagnosis(
                "QueueInactive",
                f"The queue {name} is turned off or its ClusterQueue is missing.",
                "An administrator makes the ClusterQueue active; or name another queue.",
                message,
            )
        if "insufficient" in message or "quota" in message:
            return Diagnosis(
                "QueueFull",
                f"The queue {name} has not enough left{_lacking(message)}; it waits its turn.",
                "Wait, ask for less, or name another queue or a higher priority.",
                message,
            )
    return None


def _lacking(message: str) -> str:
    found = re.search(r"for (?P<resource>\S+) in flavor \S+, (?P<more>\S+) more needed", message)
    return f" of {found['resource']} ({found['more']} more needed)" if found else ""
