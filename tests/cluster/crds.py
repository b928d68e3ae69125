"""Definitions of custom resources: upstream's own, out of the module cache, and ours for the rest.

Go's proxy serves the modules of Kubeflow, JobSet, Kueue, KServe, Gateway API and Prometheus
Operator, whose zips hold them; a module's hash is checked. Those of Ray, Argo, Katib and Seldon it
does not serve: what there is of them in ``tests/registry/launch/crds`` has the fields that Podium
writes and reads, so that any other is refused.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from . import processes
from .rest import Refused, Rest

OURS = Path(__file__).parents[1] / "registry" / "launch" / "crds"
_API = "apiextensions.k8s.io/v1"
_KIND = "CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Upstream:
    module: str
    sum: str
    path: str
    """Below the module; ``{}`` is the definition's file, ``group_plural``."""


_TRAINER = Upstream(
    "github.com/kubeflow/trainer/v2@v2.3.0",
    "h1:Je+e7zvTLzB4qW09J1fB7pZrqvPtWuGng2NqdN5p5QU=",
    "manifests/base/crds/{}.yaml",
)
_TRAINING_OPERATOR = Upstream(
    "github.com/kubeflow/training-operator@v1.9.4",
    "h1:MjYXzeaHGBmF47BlhCo6+Mb7ypHrVfO6vsys1ZHF56A=",
    "manifests/base/crds/{}.yaml",
)
_JOBSET = Upstream(
    "sigs.k8s.io/jobset@v0.12.0",
    "h1:YYPuV0px8Ongq/RXmJg6V0w2UC67aiR+rCMD06vhQQQ=",
    "config/components/crd/bases/{}.yaml",
)
_KUEUE = Upstream(
    "sigs.k8s.io/kueue@v0.19.2",
    "h1:mPNzr37u0nwI7ikST5QQl5gg6EgtYOAvC9ZbTgywdN8=",
    "config/components/crd/bases/{}.yaml",
)
_KSERVE = Upstream(
    "github.com/kserve/kserve@v0.20.0",
    "h1:Bs7HxmGV4KFqqptDcWseKv+mwD4YOYHJWcuVgPG2Gug=",
    "config/crd/full/{}.yaml",
)
_PROMETHEUS = Upstream(
    "github.com/prometheus-operator/prometheus-operator@v0.93.0",
    "h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io=",
    "example/prometheus-operator-crd/{}.yaml",
)
_GATEWAY = Upstream(
    "sigs.k8s.io/gateway-api@v1.6.3",
    "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
    "config/crd/standard/{}.yaml",
)
# By the kind's name in full.
UPSTREAM: Mapping[str, Upstream] = {
    "trainjobs.trainer.kubeflow.org": _TRAINER,
    "trainingruntimes.trainer.kubeflow.org": _TRAINER,
    "clustertrainingruntimes.trainer.kubeflow.org": _TRAINER,
    "jobsets.jobset.x-k8s.io": _JOBSET,
    "pytorchjobs.kubeflow.org": _TRAINING_OPERATOR,
    "workloads.kueue.x-k8s.io": _KUEUE,
    "localqueues.kueue.x-k8s.io": _KUEUE,
    "clusterqueues.kueue.x-k8s.io": _KUEUE,
    "inferenceservices.serving.kserve.io": _KSERVE,
    "httproutes.gateway.networking.k8s.io": _GATEWAY,
    "podmonitors.monitoring.coreos.com": _PROMETHEUS,
    "prometheusrules.monitoring.coreos.com": _PROMETHEUS,
    "servicemonitors.monitoring.coreos.com": _PROMETHEUS,
}


def install(admin: Rest, *names: str) -> None:
    """Create those definitions that are not there, and wait until the server serves them."""
    for name in names:
        try:
            admin.create(definition(name))
        except Refused as refused:
            if refused.reason != "AlreadyExists":
                raise
    for name in names:
        processes.wait_for(f"{name} is established", partial(_served, admin, name))


def definition(name: str) -> dict[str, Any]:
    """By its name in full, as in ``trainjobs.trainer.kubeflow.org``."""
    if name not in UPSTREAM:
        return _ours()[name]
    plural, _, group = name.partition(".")
    path = module(name) / UPSTREAM[name].path.format(f"{group}_{plural}")
    found: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
    return found


def module(name: str) -> Path:
    """The folder of the module that a definition of upstream's is from."""
    return _fetched(UPSTREAM[name])


def _served(admin: Rest, name: str) -> bool:
    found = admin.get(_API, _KIND, None, name) or {}
    conditions = found.get("status", {}).get("conditions") or ()
    established = {each["type"] for each in conditions if each["status"] == "True"}
    if "Established" not in established:
        return False
    said = found["spec"]
    versions = [f"{said['group']}/{each['name']}" for each in said["versions"] if each["served"]]
    return all(_listed(admin, version, said["names"]["kind"]) for version in versions)


def _listed(admin: Rest, api_version: str, kind: str) -> bool:
    try:
        admin.list(api_version, kind)
    except (LookupError, Refused):  # "storage is (re)initializing"
        return False
    return True


@cache
def _ours() -> Mapping[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in _definitions()}


def _definitions() -> Iterator[dict[str, Any]]:
    for path in sorted(OURS.glob("*.yaml")):
        yield from yaml.load_all(path.read_text(), yaml.CSafeLoader)


@cache
def _fetched(source: Upstream) -> Path:
    """Where Go keeps the module, after it is fetched and found to be the one that is meant."""
    command = ["go", "mod", "download", "-json", source.module]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert said["Sum"] == source.sum, f"{source.module} is {said['Sum']}, not {source.sum}"
    return Path(said["Dir"])
