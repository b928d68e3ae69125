"""Kubeflow's own controllers over the test cluster, in ``with`` blocks: JobSet's, Trainer's and
training-operator. They are processes with the rights of an administrator, and their webhooks are
asked, as in an installation.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...services import free_ports
from .. import build, crds, processes
from ..control_plane import Cluster
from ..rest import Object, Refused, Rest
from . import admission
from .admission import LOOPBACK

RUNTIME = "torch-distributed"
"""Upstream's own training runtime."""
ONCE = "torch-once"
"""The same with the steps of docs/launch.md, whose pods are not tried again."""

_DOCS = Path(__file__).parents[3] / "docs" / "launch.md"
_START_SECONDS = 60
_MUTATING, _VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
_REGISTRATION = "admissionregistration.k8s.io/v1"
_TRAINER_API = "trainer.kubeflow.org/v1alpha1"
# training-operator waits until there is a file in this folder, wherever it reads its certificate.
_EXPECTED = Path("/tmp/k8s-webhook-server/serving-certs")


@dataclass(frozen=True, slots=True)
class _Operator:
    """``definitions``: what it works on, the first of them of the module it comes from.
    ``webhooks``: the names of upstream's configurations, by kind. ``config``: the apiVersion of its
    file, where it has one."""

    program: str
    definitions: Sequence[str]
    manifests: str
    webhooks: Mapping[str, str]
    config: str = ""


_JOBSET = _Operator(
    "jobset",
    ["jobsets.jobset.x-k8s.io"],
    "config/components/webhook/manifests.yaml",
    {_MUTATING: "jobset-mutating", _VALIDATING: "jobset-validating"},
    "config.jobset.x-k8s.io/v1alpha1",
)
_TRAINER = _Operator(
    "trainer",
    [
        "trainjobs.trainer.kubeflow.org",
        "trainingruntimes.trainer.kubeflow.org",
        "clustertrainingruntimes.trainer.kubeflow.org",
    ],
    "manifests/base/webhook/manifests.yaml",
    {_MUTATING: "defaulter.trainer.kubeflow.org", _VALIDATING: "validator.trainer.kubeflow.org"},
    "config.trainer.kubeflow.org/v1alpha1",
)
_TRAINING_OPERATOR = _Operator(
    "training-operator",
    ["pytorchjobs.kubeflow.org"],
    "manifests/base/webhook/manifests.yaml",
    {_VALIDATING: "validator.training-operator.kubeflow.org"},
)


@contextmanager
def trainer(cluster: Cluster, folder: Path) -> Iterator[None]:
    """Trainer over JobSet, with two training runtimes. :class:`MissingService` if not."""
    build.operators()
    crds.install(cluster.admin, *_JOBSET.definitions, *_TRAINER.definitions)
    with _running(_JOBSET, cluster, folder), _running(_TRAINER, cluster, folder):
        for made in (runtime(RUNTIME), _documented()):
            add_runtime(cluster, made)
        yield


@contextmanager
def training_operator(cluster: Cluster, folder: Path, *flags: str) -> Iterator[None]:
    """For PyTorchJobs; with further flags. :class:`MissingService` if not."""
    build.operators()
    crds.install(cluster.admin, *_TRAINING_OPERATOR.definitions)
    more = ["--enable-scheme=pytorchjob", "--kube-api-qps=500", "--kube-api-burst=1000", *flags]
    with _running(_TRAINING_OPERATOR, cluster, folder, *more):
        yield


def runtime(name: str) -> Object:
    """Upstream's training runtime of PyTorch, under a name."""
    path = crds.module(_TRAINER.definitions[0]) / "manifests/base/runtimes/torch_distributed.yaml"
    found: Object = yaml.load(path.read_text(), yaml.CSafeLoader)
    found["metadata"]["name"] = name
    return found


def add_runtime(cluster: Cluster, made: Object) -> None:
    """And wait until Trainer has heard of it, whose webhook asks what it knows itself."""
    name = made["metadata"]["name"]
    cluster.admin.create(made)
    processes.wait_for(f"Trainer knows the runtime {name}", lambda: _knows(cluster, name))


def _documented() -> Object:
    """With the steps that docs/launch.md has for a runtime of one's own."""
    made = runtime(ONCE)
    steps = yaml.load(documented("- name: node"), yaml.CSafeLoader)
    made["spec"]["template"]["spec"]["replicatedJobs"] = steps
    return made


def documented(begins: str) -> str:
    """The block of docs/launch.md that begins so."""
    [block] = re.findall(rf"```\n({re.escape(begins)}.*?)```", _DOCS.read_text(), re.DOTALL)
    return str(block)


@contextmanager
def _running(operator: _Operator, cluster: Cluster, folder: Path, *flags: str) -> Iterator[None]:
    health, webhook = free_ports(2)
    certificate = admission.issue("training-operator-ca", "training-operator.kubeflow.svc")
    place = folder / operator.program
    certificate.write(place / "k8s-webhook-server" / "serving-certs")  # below TMPDIR
    if operator.config:
        config = place / "config.json"
        config.write_text(json.dumps(_config(operator.config, health, webhook)))
        flags = (f"--config={config}", *flags)
    else:
        flags = (*_flags(health, webhook), *flags)
        _expect(cluster.admin, certificate.files)
    manifests = crds.module(operator.definitions[0]) / operator.manifests
    made = admission.configurations(manifests, operator.webhooks, webhook, certificate.authority)
    for each in made:
        cluster.admin.create(each)
    log = place / "log"
    program = build.operators()[operator.program]
    command = [str(program), f"--kubeconfig={cluster.kubeconfig}", *flags]
    process = processes.start(command, log, environ={**os.environ, "TMPDIR": str(place)}, cwd=place)
    try:
        _wait_until_ready(process, health, log)
        yield
    finally:
        for each in made:  # without an answer they would refuse everything
            cluster.admin.delete(each)
        processes.end(process)


def _config(api_version: str, health: int, webhook: int) -> Object:
    own = "internalCertManagement" if "jobset" in api_version else "certManagement"
    return {
        "apiVersion": api_version,
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": LOOPBACK, "port": webhook},
        "leaderElection": {"leaderElect": False},
        own: {"enable": False},
        "clientConnection": {"qps": 500, "burst": 1000},
    }


def _flags(health: int, webhook: int) -> list[str]:
    return [
        f"--health-probe-bind-address={LOOPBACK}:{health}",
        "--metrics-bind-address=0",
        f"--webhook-server-port={webhook}",
        "--leader-elect=false",
    ]


def _expect(admin: Rest, files: Mapping[str, bytes]) -> None:
    """What training-operator looks after itself and can not be told to leave alone: finding its
    certificate good, it makes none."""
    _EXPECTED.mkdir(parents=True, exist_ok=True)
    (_EXPECTED / "tls.crt").touch()
    space, name = "kubeflow", "training-operator-webhook-cert"
    data = {key: b64encode(value).decode() for key, value in files.items()}
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    secret = {"apiVersion": "v1", "kind": "Secret", "data": data}
    admin.apply({**secret, "metadata": {"name": name, "namespace": space}})


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, f"it ended:\n{log.read_text()[-4000:]}"
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    try:
        processes.wait_for(f"{log.parent.name} is ready", answers, _START_SECONDS)
    except AssertionError as late:
        said = [line for line in log.read_text().splitlines() if "readyz" not in line]
        raise AssertionError("\n".join([str(late), *said[-40:]])) from None


def _knows(cluster: Cluster, runtime: str) -> bool:
    path = cluster.admin.path(_TRAINER_API, "TrainJob", "default")
    spec: dict[str, Any] = {"runtimeRef": {"name": runtime}}
    made = {"apiVersion": _TRAINER_API, "kind": "TrainJob", "metadata": {"name": "a"}, "spec": spec}
    try:
        cluster.admin.call("POST", f"{path}?dryRun=All", made)
    except Refused as refused:
        assert "must be created before" in refused.message, refused
        return False
    return True
