"""What goes wrong in a pod that has a node: its image, its configuration, its code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from podium.client.model_files import CHANGED

from ..state import Objects, condition, of_kind, status_of
from .found import Diagnosis, complaints, containers


def missing_secret(objects: Objects) -> Diagnosis | None:
    said = [each.waiting.get("message") or "" for each in containers(objects)]
    for message in [*said, *complaints(objects, "FailedMount", "Failed")]:
        found = re.search(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found', message)
        if found:
            kind = {"secret": "Secret", "configmap": "ConfigMap"}[found["kind"]]
            return Diagnosis(
                f"Missing{kind}",
                f"There is no {kind} {found['name']} in the namespace.",
                f"Create it there, or name another: kubectl get {found['kind']}s.",
                message,
            )
        found = re.search(
            r"couldn't find key (?P<key>\S+) in Secret \S*?(?P<name>[^/\s]+)$", message
        )
        if found:
            return Diagnosis(
                "MissingSecretKey",
                f"The Secret {found['name']} has no key {found['key']}.",
                "Add the key to the Secret, or name one it has.",
                message,
            )
    return None


def configuration(objects: Objects) -> Diagnosis | None:
    for each in containers(objects):
        message = each.waiting.get("message") or ""
        if "runAsNonRoot" in message or "non-numeric user" in message:
            return Diagnosis(
                "RunsAsRoot",
                f"The image of {each.name} wants to run as root, or as a user without a number.",
                "Set run_as_user in the site, or USER with a number in the image.",
                message,
            )
        if each.waiting.get("reason") in ("CreateContainerConfigError", "CreateContainerError"):
            return Diagnosis(
                "ContainerRefused",
                f"The node cannot make the container {each.name}.",
                "Correct what its message names.",
                message,
            )
    return None


_IMAGE_REASONS: Mapping[str, tuple[str, str]] = {
    "ErrImagePull": ("cannot be pulled", "Check its name and digest, and the pull secret."),
    "ImagePullBackOff": ("cannot be pulled", "Check its name and digest, and the pull secret."),
    "InvalidImageName": ("has a name that is none", "Write registry/name@sha256:… in image."),
    "ErrImageNeverPull": ("is not on the node", "Let the node pull it, or load it there."),
    "RegistryUnavailable": ("is in a registry that does not answer", "Wait, or use another."),
}
_PULL: tuple[tuple[str, str, str], ...] = (
    (
        r"401|403|unauthorized|denied|authentication required",
        "may not be pulled: the registry asks who is calling",
        "Add a pull secret to the namespace's service account.",
    ),
    (
        r"no match for platform|no matching manifest",
        "is not made for the processor of the node",
        "Build it for the node's platform, or choose other nodes.",
    ),
    (
        r"not found|manifest unknown|does not exist",
        "is not in the registry",
        "Check its name and digest; it may have been deleted.",
    ),
    (
        r"timeout|no such host|connection refused|TLS",
        "is in a registry that the node does not reach",
        "Check the registry's name and the cluster's way to it.",
    ),
)


def image(objects: Objects) -> Diagnosis | None:
    for each in containers(objects):
        reason = each.waiting.get("reason") or ""
        if reason not in _IMAGE_REASONS:
            continue
        message = each.waiting.get("message") or ""
        # "Back-off pulling image" hides why; the event before it says.
        why = " ".join([message, *complaints(objects, "Failed")])
        what, fix = _IMAGE_REASONS[reason]
        for pattern, instead, remedy in _PULL:
            if re.search(pattern, why, re.IGNORECASE):
                what, fix = instead, remedy
                break
        image = each.seen.get("image") or "of the container"
        return Diagnosis("ImagePull", f"The image {image} {what}.", fix, why.strip())
    return None


def storage_initializer(objects: Objects) -> Diagnosis | None:
    """KServe's and Seldon's init container that fetches the model."""
    for each in containers(objects):
        code = each.ended.get("exitCode") or 0
        fetches = each.first and "initializer" in each.name
        if fetches and (code or each.waiting.get("reason") == "CrashLoopBackOff"):
            return Diagnosis(
                "ModelNotFetched",
                f"The model could not be fetched: {each.name} ended with status {code}.",
                "Check storage, and the credentials of its service account or Secret.",
                each.ended.get("message") or "",
            )
    for service in of_kind(objects, "InferenceService"):
        model = status_of(service).get("modelStatus") or {}
        failure = model.get("lastFailureInfo") or {}
        if model.get("transitionStatus") in ("BlockedByFailedLoad", "InvalidSpec"):
            sentence, fix = _KSERVE.get(failure.get("reason") or "", _KSERVE["ModelLoadFailed"])
            code = failure.get("reason") or "ModelLoadFailed"
            return Diagnosis(code, sentence, fix, failure.get("message") or "")
    return None


_KSERVE: Mapping[str, tuple[str, str]] = {
    "ModelLoadFailed": (
        "The server runs, but cannot load the model.",
        "Check serving.format, and that the model's files are whole and of this library.",
    ),
    "NoSupportingRuntime": (
        "No serving runtime of the cluster takes this model format.",
        "Check serving.format, or name a runtime in options.runtime.",
    ),
    "RuntimeNotRecognized": (
        "There is no serving runtime of that name.",
        "Check options.runtime: kubectl get clusterservingruntimes.",
    ),
    "RuntimeDisabled": (
        "The serving runtime is turned off.",
        "Name another in options.runtime, or have it turned on.",
    ),
    "RuntimeUnhealthy": (
        "The server does not come up.",
        "Look at its logs; often it has too little memory.",
    ),
}


def memory(objects: Objects) -> Diagnosis | None:
    for each in containers(objects):
        if each.ended.get("reason") == "OOMKilled":
            limit = f" of {each.memory}" if each.memory else ""
            return Diagnosis(
                "OOMKilled",
                f"{each.name} used more memory than its limit{limit} and was killed.",
                "Raise resources.memory, or use less: smaller batches, fewer loader processes.",
                each.ended.get("message") or "",
            )
    return None


def changed_files(objects: Objects) -> Diagnosis | None:
    """`podium serve-model` refuses files that are not what was registered."""
    for each in containers(objects):
        message = each.ended.get("message") or ""
        line = next((line for line in message.splitlines() if CHANGED in line), None)
        if line:
            return Diagnosis(
                "FilesChanged",
                "A file of the version is not what was registered, so it is not served.",
                "Register the files as they are now as another version, or put back what was "
                "there; then find out who changed them.",
                line,
            )
    return None


_SIGNALS = {
    137: "was killed (SIGKILL)",
    139: "crashed (SIGSEGV)",
    143: "was asked to end (SIGTERM)",
}
_EXITS: Mapping[int, tuple[str, str]] = {
    126: ("its command cannot be executed", "Make the file executable, or check command."),
    127: ("its command is not in the image", "Check command and the image."),
    128: ("its command cannot be started", "Check command and the image."),
}


def crash(objects: Objects) -> Diagnosis | None:
    for each in containers(objects):
        code = each.ended.get("exitCode") or 0
        loops = each.waiting.get("reason") == "CrashLoopBackOff"
        if not code and not loops:
            continue
        how, fix = _EXITS.get(code, ("", "Look at its logs: the last lines say why."))
        ended = _SIGNALS.get(code, f"ended with status {code}")
        again = f", {each.seen.get('restartCount') or 0} times" if loops else ""
        return Diagnosis(
            "CrashLoop" if loops else "Crashed",
            f"{each.name} {ended}{again}{': ' + how if how else ''}.",
            fix,
            each.ended.get("message") or "",
        )
    return None


def over_time(objects: Objects) -> Diagnosis | None:
    for each in objects:
        for kind in ("Failed", "Progressing"):
            found = condition(each, kind)
            if found.get("reason") == "DeadlineExceeded":
                return Diagnosis(
                    "DeadlineExceeded",
                    "It had not ended by its deadline.",
                    "Give it more time in deadline, or see what it waits for.",
                    found.get("message") or "",
                )
            if found.get("reason") == "ProgressDeadlineExceeded":
                return Diagnosis(
                    "NotReady",
                    "It did not become ready in time.",
                    "Check serving.port and serving.ready, and its logs.",
                    found.get("message") or "",
                )
    return None


def probe(objects: Objects) -> Diagnosis | None:
    for message in complaints(objects, "Unhealthy"):
        return Diagnosis(
            "NotReady",
            "It runs and does not answer that it is ready.",
            "Check serving.port and serving.ready; a large model may still be loading.",
            message,
        )
    return None
