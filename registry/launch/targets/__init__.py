"""The systems that can run a launch, one module each.

A target is a module of pure functions. To add one, write the module and name it in :data:`TARGETS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..fields import Schema
from ..names import Manifest
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, State
from . import (
    argo,
    deployment,
    job,
    katib,
    kfp,
    kserve,
    pytorchjob,
    raw,
    rayjob,
    rayservice,
    seldon,
    seldon2,
    trainjob,
)


class Target(Protocol):
    @property
    def SUMMARY(self) -> str:  # noqa: N802  (a module's constant)
        """What it is, in a line."""

    @property
    def PURPOSES(self) -> frozenset[Purpose]: ...  # noqa: N802

    @property
    def TAKES(self) -> frozenset[str]:  # noqa: N802
        """The fields of a spec it can honour; any other that is given is refused."""

    @property
    def NEEDS(self) -> frozenset[str]: ...  # noqa: N802

    @property
    def OPTIONS(self) -> type[Schema]:  # noqa: N802
        """What only it knows; its loaded fields are ``spec.options``."""

    @property
    def EXAMPLE(self) -> Mapping[str, Any]:  # noqa: N802
        """Fields of its full example, where they differ from everybody's."""

    def faults(self, spec: LaunchSpec) -> Iterable[str]:
        """What it cannot do of a spec whose every field is well-formed."""

    def manifests(self, spec: LaunchSpec) -> list[Manifest]:
        """The objects to create, the main one last."""

    def status(self, objects: Objects) -> State: ...

    def endpoint(self, objects: Objects) -> str | None:
        """Where it answers, or where a person looks; None as long as that is not known."""

    def stop(self, objects: Objects) -> list[Action]: ...


TARGETS: Mapping[str, Target] = {
    "job": job,
    "deployment": deployment,
    "trainjob": trainjob,
    "pytorchjob": pytorchjob,
    "rayjob": rayjob,
    "rayservice": rayservice,
    "argo": argo,
    "kfp": kfp,
    "katib": katib,
    "kserve": kserve,
    "seldon": seldon,
    "seldon2": seldon2,
    "raw": raw,
}
