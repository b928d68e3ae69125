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


def _policy(found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "AdmissionRefused",
        f"The cluster's admission policy {found['policy']} refused the object: {found['why']}.",
        "Change what it names; an administrator of the cluster can say what the policy wants.",
        message,
    )


def _pod_security(found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "AdmissionRefused",
        f"The namespace's Pod Security profile {found['profile']} refused the pod.",
        "Take out of the template or overlay what the message names.",
        message,
    )


def _lacks_a_right(found: re.Match[str], message: str) -> Diagnosis:
    """As RBAC says it: which verb on what, and where."""
    group = f" of {found['group']}" if found["group"] else ""
    account = found["user"].removeprefix("system:serviceaccount:").replace(":", "/")
    return Diagnosis(
        "Forbidden",
        f"Podium may not {found['verb']} {found['resource']}{group} in the namespace "
        f"{found['namespace']}.",
        f"Give {account} this right: podium launch rbac --namespace {found['namespace']} prints "
        "the Role that launching needs.",
        message,
    )


def _not_allowed(_found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "Forbidden",
        "Podium may not do this in this namespace.",
        "Give Podium's service account the right, by a Role and a RoleBinding there.",
        message,
    )


def _invalid(_found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "Invalid",
        f"The API server refused {_fields(message)} of the object.",
        "Correct that field in the spec's overlay or in the template, as the message says; if it "
        "is Podium's, please report it.",
        message,
    )


def _fields(message: str) -> str:
    """Those that a refusal names, in words."""
    found = list(dict.fromkeys("".join(each) for each in _FIELD.findall(message)))
    return " and ".join(found[:3]) or "a field"


# As strict decoding, an apply, and the validation of values name one.
_FIELD = re.compile(
    r'unknown field "([^"]+)"'
    r"|(?:^|[ \n])\.([a-zA-Z][^ :]*): (?:field not declared|expected )"
    r"|([a-zA-Z][\w.-]*(?:\[[^\]]*\][\w.-]*)*): "
    r"(?:Invalid value|Unsupported value|Required value|Forbidden|Duplicate value|Too \w+)"
)


def _no_namespace(found: re.Match[str], message: str) -> Diagnosis:
    return Diagnosis(
        "MissingNamespace",
        f"There is no namespace {found['name']}.",
        "Name one that exists in the spec's namespace, or create it.",
        message,
    )


_REFUSALS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Diagnosis]], ...] = (
    # The last is what an API server says to a path of a group that it does not have.
    (
        re.compile(r"no matches for kind|not find the requested resource|^404 page not found"),
        _no_kind,
    ),
    (re.compile(r"exceeded quota: (?P<quota>[^,\s]+)"), _over_quota),
    (re.compile(r'violates PodSecurity "(?P<profile>[a-z]+)'), _pod_security),
    (re.compile(r'admission webhook "(?P<webhook>[^"]+)" denied'), _admission),
    (
        re.compile(
            r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' .*denied request: (?P<why>.+?)\.?$"
        ),
        _policy,
    ),
    (re.compile(r'namespaces "(?P<name>[^"]+)" not found'), _no_namespace),
    (
        re.compile(
            r'is forbidden: User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource '
            r'"(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)" '
            r'in the namespace "(?P<namespace>[^"]+)"'
        ),
        _lacks_a_right,
    ),
    (re.compile(r"^Forbidden$|is forbidden: User"), _not_allowed),
    (re.compile(r"^Invalid$|^BadRequest$|unknown field|create typed patch object"), _invalid),
)


# As they are called by Kubernetes' own controllers, training-operator, JobSet and Trainer.
_NOT_CREATED = (
    "FailedCreate",
    "FailedCreatePod",
    "JobCreationFailed",
    "TrainJobResourcesCreationFailed",
)


def refused_pods(objects: Objects) -> Diagnosis | None:
    """By the API server, when a controller was to create pods, or what makes pods."""
    for message in complaints(objects, *_NOT_CREATED):
        for pattern, make in _REFUSALS[1:5]:
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
        if "is invalid: " in message:
            return Diagnosis(
                "Invalid",
                f"The API server refused {_fields(message)} of what was to be made of the object.",
                "Correct what it comes from: the spec, or the runtime or template it names.",
                message,
            )
    return None


NO_KUEUE = Diagnosis(
    "MissingCRD",
    "The cluster has no Kueue, which alone starts what is in a queue.",
    "Leave queue out, or have Kueue installed, one that has Workloads of v1beta2.",
)


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
