"""A pod of the test kubelet: from its spec to processes, and from those to its status."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from .containers import Container, now
from .rest import Object, Refused, Rest
from .volumes import Missing, data, place, put, writable

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Image:
    """``path`` is PATH in there; of its environment ``{ip}`` is the pod's address.

    ``{namespace}`` is where the pod is. A pod has no network of its own, only an address: ``own``
    are words that mean the pod itself in one, and in commands and probes its address replaces them.
    """

    path: tuple[Path, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    user: tuple[int, int] | None = None
    """Numbers of the user and the group that it runs as, if not as who runs the tests."""
    stop_signal: signal.Signals = signal.SIGTERM


class NotYet(Exception):
    """Why a container is not made: the reason and the message of its waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class Pod:
    """A pod and the thread that runs it to its end."""

    def __init__(
        self, admin: Rest, images: Mapping[str, Image], folder: Path, found: Object, *, ip: str
    ) -> None:
        self.admin, self.images, self.found, self.ip = admin, images, found, ip
        self.folder = folder / found["metadata"]["uid"]
        self.folder.mkdir(parents=True)
        self.containers: dict[str, Container] = {}
        self._inits: Sequence[Object] = found["spec"].get("initContainers", ())
        self._ending = threading.Event()
        self._waits: dict[str, NotYet] = {}
        self._said: object = None
        self._since = now()
        self.thread = threading.Thread(target=self._run, name=found["metadata"]["name"])
        self.thread.start()

    def end(self) -> None:
        self._ending.set()

    def _run(self) -> None:
        spec = self.found["spec"]
        while not self._ending.wait(_POLL_SECONDS):
            if self._initialise():
                for each in spec["containers"]:
                    self._keep(each, spec["restartPolicy"])
            self._say()
            if self._phase() in ("Succeeded", "Failed"):
                break
        if self._phase() == "Running":
            time.sleep(max(map(_drained, spec["containers"])))
        for container in self.containers.values():
            container.end(_GRACE_SECONDS)
        self._say()
        self._ending.wait()
        self._say()
        self._forget()

    def _initialise(self) -> bool:
        """Whether all init containers have ended well; each begins when the one before has."""
        policy = "Never" if self.found["spec"]["restartPolicy"] == "Never" else "OnFailure"
        for each in self._inits:
            self._keep(each, policy)
            if self._code(each) != 0:
                return False
        return True

    def _keep(self, said: Mapping[str, Any], policy: str) -> None:
        """Start a container that is to be started, or started again."""
        name = said["name"]
        if name not in self.containers:
            try:
                self.containers[name] = self._make(said)
            except NotYet as why:
                self._waits[name] = why
                return
        container = self.containers[name]
        container.probe(said, self.ip)
        if container.code is not None and (
            policy == "Always" or (policy == "OnFailure" and container.code)
        ):
            container.start_again()

    def _make(self, said: Mapping[str, Any]) -> Container:
        image = self.images.get(said["image"])
        if image is None:
            raise NotYet("ErrImagePull", f'Failed to pull image "{said["image"]}": not found')
        places = self._places(said, image)
        environ = {
            name: value if name == "PATH" else put(value, places)
            for name, value in self._environ(said, image).items()
        }
        command = [*said.get("command", image.command), *said.get("args", ())]
        # Kubernetes puts variables in as $(NAME).
        command = [
            re.sub(r"\$\((\w+)\)", lambda each: environ.get(each[1], each[0]), put(word, places))
            for word in command
        ]
        self._waits.pop(said["name"], None)
        return Container(
            command,
            environ,
            self.folder,
            own=dict.fromkeys(image.own, self.ip),
            writable=writable(said, places),
            user=image.user,
            stop_signal=image.stop_signal,
        )

    def _places(self, said: Mapping[str, Any], image: Image) -> dict[str, str]:
        volumes = {each["name"]: each for each in self.found["spec"].get("volumes", ())}
        places = {}
        for mount in said.get("volumeMounts", ()):
            if mount["mountPath"] != "/dev/shm":
                folder = self.folder / "volumes" / mount["name"]
                try:
                    folder = place(self.admin, self.found, volumes[mount["name"]], folder)
                except Missing as missing:
                    raise NotYet("ContainerCreating", str(missing)) from None
                if image.user:  # as fsGroup does
                    os.chown(folder, *image.user)
                places[mount["mountPath"]] = str(folder)
        return places

    def _environ(self, said: Mapping[str, Any], image: Image) -> dict[str, str]:
        made = {"PATH": ":".join(map(str, image.path))}
        own = {"ip": self.ip, "namespace": self.found["metadata"]["namespace"]}
        made |= {name: value.format(**own) for name, value in image.environ.items()}
        for each in said.get("envFrom", ()):
            kind = "Secret" if "secretRef" in each else "ConfigMap"
            made |= self._data(kind, each["secretRef" if kind == "Secret" else "configMapRef"])
        for each in said.get("env", ()):
            made[each["name"]] = each.get("value", "") or self._value(each.get("valueFrom") or {})
        return made

    def _value(self, source: Mapping[str, Any]) -> str:
        if "fieldRef" in source:
            return str(_field(self.found, source["fieldRef"]["fieldPath"]))
        for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            if key in source:
                data = self._data(kind, source[key])
                if source[key]["key"] not in data:
                    space = self.found["metadata"]["namespace"]
                    raise NotYet(
                        "CreateContainerConfigError",
                        f"couldn't find key {source[key]['key']} in {kind} "
                        f"{space}/{source[key]['name']}",
                    )
                return data[source[key]["key"]]
        return ""

    def _data(self, kind: str, reference: Mapping[str, Any]) -> dict[str, str]:
        space = self.found["metadata"]["namespace"]
        try:
            found = data(self.admin, space, kind, reference["name"])
        except Missing as missing:
            raise NotYet("CreateContainerConfigError", str(missing)) from None
        return {key: value.decode() for key, value in found.items()}

    def _code(self, said: Mapping[str, Any]) -> int | None:
        container = self.containers.get(said["name"])
        return container.code if container else None

    def _phase(self) -> str:
        policy = self.found["spec"]["restartPolicy"]
        inits = [self._code(each) for each in self._inits]
        if inits != [0] * len(inits):
            return "Failed" if policy == "Never" and any(inits) else "Pending"
        if any(each["name"] not in self.containers for each in self.found["spec"]["containers"]):
            return "Pending"
        codes = [self._code(each) for each in self.found["spec"]["containers"]]
        over = policy != "Always" or self._ending.is_set()
        if None in codes or not over:
            return "Running"
        if policy == "OnFailure" and any(codes):
            return "Failed" if self._ending.is_set() else "Running"
        return "Failed" if any(codes) else "Succeeded"

    def _say(self) -> None:
        """Its status, where that is another than before."""
        statuses = [self._status(each) for each in self.found["spec"]["containers"]]
        ready = all(each["ready"] for each in statuses) and not self._ending.is_set()
        initialised = all(self._code(each) == 0 for each in self._inits)
        said = {
            "phase": self._phase(),
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "hostIP": "127.0.0.1",
            "startTime": self._since,
            "conditions": [
                _condition("Initialized", initialised, "ContainersNotInitialized"),
                _condition("Ready", ready, "ContainersNotReady"),
                _condition("ContainersReady", ready, "ContainersNotReady"),
            ],
            "initContainerStatuses": [
                {**self._status(each), "ready": self._code(each) == 0} for each in self._inits
            ],
            "containerStatuses": statuses,
        }
        plain = repr({**said, "conditions": (initialised, ready)})
        if plain == self._said:
            return
        with suppress(Refused, urllib3.exceptions.HTTPError):
            self._call("PATCH", "/status", {"status": said}, "strategic-merge-patch+json")
            self._said = plain

    def _status(self, said: Mapping[str, Any]) -> Object:
        head = {"name": said["name"], "image": said["image"], "imageID": said["image"]}
        container = self.containers.get(said["name"])
        if container is None:
            first = "PodInitializing" if self._inits else "ContainerCreating"
            why = self._waits.get(said["name"]) or NotYet(first, "")
            waiting = {"reason": why.reason, "message": why.message}
            return {**head, "ready": False, "restartCount": 0, "state": {"waiting": waiting}}
        return {**head, **container.status()}

    def _forget(self) -> None:
        """Take it away once it has ended and is to be deleted."""
        for _ in range(50):
            with suppress(urllib3.exceptions.HTTPError):
                try:
                    uid = self.found["metadata"]["uid"]
                    options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
                    self._call("DELETE", "", options, "json")
                except Refused as refused:
                    if refused.status not in (404, 409):
                        raise
                return
            time.sleep(_POLL_SECONDS)

    def _call(self, method: str, below: str, body: Any, type_: str) -> None:
        meta = self.found["metadata"]
        path = self.admin.path("v1", "Pod", meta["namespace"], meta["name"])
        self.admin.call(method, path + below, body, type_=type_)


def _drained(said: Mapping[str, Any]) -> float:
    """Seconds that a container is left alone before it is told to end."""
    hook = said.get("lifecycle", {}).get("preStop", {})
    return float(hook.get("sleep", {}).get("seconds", 0))


def condition(kind: str, status: str, reason: str) -> Object:
    # A reason that is left out would stay: a patch keeps what it does not name.
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": now()}


def _condition(kind: str, holds: bool, why_not: str) -> Object:
    return condition(kind, "True", "") if holds else condition(kind, "False", why_not)


def _field(found: Object, path: str) -> object:
    """By a path as in ``metadata.annotations['a/b']``."""
    value: Any = found
    for plain, quoted in re.findall(r"([\w-]+)|\['([^']+)'\]", path):
        value = (value or {}).get(plain or quoted)
    return value
