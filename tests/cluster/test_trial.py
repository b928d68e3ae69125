"""The chart's trial (``dev.enabled``): PostgreSQL and SeaweedFS are pods of the release.

They are the real programs, with what the chart gives them; their images' entrypoints, DNS and
kube-proxy are ours (``images``, ``resolver``, ``service_network``).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from ..helm.conftest import CHART, installed
from ..services.helm import helm4, kubectl
from ..services.postgres import reachable_temporary_folder
from . import images
from .control_plane import Cluster
from .kubelet import LABEL, TAINT, Kubelet
from .processes import wait_for
from .release import Release
from .rest import Object
from .service_network import service_network

_NODE = "local-trial"
_PORT = 8080
_ADMIN = {"name": "ada", "password": "correct horse battery staple"}
_INSTALL = ("install", "podium", str(CHART), "--wait", "--timeout=4m")
_UPGRADE = ("upgrade", "podium", str(CHART), "--wait", "--timeout=4m", "--set", "image.tag=next")
_KEPT = [
    "PersistentVolumeClaim/data-podium-dev-postgres-0",
    "PersistentVolumeClaim/data-podium-dev-s3-0",
    "Secret/podium-dev",
]
_INSTALLING = Path(__file__).parents[2] / "docs" / "kubernetes-install.md"
_LOG = """
from pathlib import Path
from podium import client
note = Path("/tmp/note.txt")
note.write_text("as it was")
with client.start_run("trial") as run:
    run.log_metric("loss", 0.25, step=3)
    run.log_artifact(note)
print(run.run_id)
"""
_READ = """
import os, urllib.request
from podium import client
server, run_id = os.environ["PODIUM_TRACKING_URI"], os.environ["RUN"]
found = client.get_run(run_id)
request = urllib.request.Request(f"{server}/get-artifact?run_id={run_id}&path=note.txt")
request.add_header("Authorization", f"Bearer {os.environ['PODIUM_TRACKING_TOKEN']}")
note = urllib.request.urlopen(request).read().decode()
print(found.status.value, found.metrics["loss"], note)
"""


@pytest.fixture
def node(cluster: Cluster) -> Iterator[Kubelet]:
    """Where another user than root can reach what the pods of a trial are made of."""
    folder = Path(tempfile.mkdtemp(prefix="podium-trial-", dir=reachable_temporary_folder()))
    folder.chmod(0o755)
    names = folder / "services.json"
    podium = images.podium(folder / "podium", names)
    chart = yaml.safe_load((CHART / "values.yaml").read_text())["dev"]
    known = {
        "podium:0.1.0": podium,
        "podium:next": podium,
        chart["postgresImage"]: images.postgres(folder / "postgres"),
        chart["s3Image"]: images.seaweedfs(folder / "seaweedfs"),
    }
    (folder / "pods").mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.enter_context(service_network(cluster.admin, names))
        started = Kubelet(cluster.admin, _NODE, known, folder / "pods")
        started.start()
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": _NODE}}
        stack.callback(cluster.admin.delete, node)
        stack.callback(started.stop)
        yield started


@pytest.fixture
def trial(cluster: Cluster, namespace: str, node: Kubelet, tmp_path: Path) -> Iterator[Release]:
    here = {"nodeSelector": LABEL, "tolerations": [TAINT]}
    component = {**here, "replicas": 1, "startupProbe": {"failureThreshold": 120}}
    values = {
        "dev": {**here, "enabled": True},
        "web": {**component, "processes": 1, "drainSeconds": 1},
        "worker": component,
        "migration": here,
        "service": {"port": _PORT},
    }
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    made = Release(installed(helm4), cluster, namespace, path)
    yield made
    made.try_to("uninstall", "podium")
    wait_for("the pods are gone", lambda: not cluster.admin.list("v1", "Pod", namespace), 60)


@pytest.mark.timeout(900)
def test_a_trial_keeps_what_is_logged(trial: Release, node: Kubelet) -> None:
    values = ("-f", str(trial.values))
    trial.run(*_INSTALL, *values)
    trial.run("test", "podium")
    token = _token_of_the_first_admin(trial)
    run = _in_a_pod(trial, token, _LOG).strip()
    expected = "FINISHED 0.25 as it was\n"
    assert _in_a_pod(trial, token, _READ, RUN=run) == expected
    assert _taken(node.folder / "claimed") < 1 << 29

    secret = _secret(trial)
    trial.run(*_UPGRADE, *values)
    wait_for("only new pods", lambda: trial.images("web") == {"podium:next"})
    assert _secret(trial) == secret
    assert _in_a_pod(trial, token, _READ, RUN=run) == expected

    for component in ("dev-postgres", "dev-s3"):
        _replace_the_pod(trial, component)
    # SeaweedFS says that it is well a moment before it has found its files again.
    wait_for("the file is read", lambda: _reads_the_file(trial, run, token))
    assert _in_a_pod(trial, token, _READ, RUN=run) == expected

    trial.run("uninstall", "podium", "--wait")
    wait_for("only what is kept", lambda: _left(trial) == _KEPT)
    trial.run(*_INSTALL, *values)
    assert _in_a_pod(trial, token, _READ, RUN=run) == expected
    trial.run("uninstall", "podium", "--wait")
    _type_what_the_docs_say(trial)
    wait_for("nothing is left", lambda: not _left(trial))
    wait_for("the data is gone", lambda: not any((node.folder / "claimed").iterdir()))


def _token_of_the_first_admin(trial: Release) -> str:
    """By the link in the log of a server, as the notes of the chart say."""
    admin = trial.cluster.admin
    [pod] = trial.pods("web")
    log = admin.call("GET", f"{admin.path('v1', 'Pod', trial.namespace, _name(pod))}/log")
    [key] = re.findall(r"/welcome\?key=(\S+)", log)
    fields = {"key": key, **_ADMIN}
    welcomed = _ask(trial, "POST", "/welcome", fields=fields, encode_multipart=False)
    assert welcomed.status == 303, welcomed.data
    cookie = welcomed.headers["Set-Cookie"].partition(";")[0]
    made = _ask(trial, "POST", "/api/v1/tokens", cookie=cookie, json={"name": "trial"})
    assert made.status < 300, made.data
    return str(made.json()["token"])


def _ask(
    trial: Release, method: str, path: str, token: str = "", cookie: str = "", **more: Any
) -> urllib3.BaseHTTPResponse:
    """Of the Service, as a page of it does."""
    service = trial.cluster.admin.get("v1", "Service", trial.namespace, "podium")
    assert service is not None
    headers = {"Host": "podium", "Origin": "http://podium"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {"Cookie": cookie}
    url = f"http://{service['spec']['clusterIP']}:{_PORT}{path}"
    with urllib3.PoolManager(retries=False) as http:
        return http.request(method, url, headers=headers, **more)


def _reads_the_file(trial: Release, run: str, token: str) -> bool:
    with suppress(urllib3.exceptions.HTTPError):  # nobody is ready
        path = f"/get-artifact?run_id={run}&path=note.txt"
        return _ask(trial, "GET", path, token).status == 200
    return False


def _type_what_the_docs_say(trial: Release) -> None:
    [said] = re.findall(r"^ +(kubectl -n podium delete pvc.*)$", _INSTALLING.read_text(), re.M)
    words = shlex.split(said.replace("-n podium ", f"-n {trial.namespace} "))
    environ = {**os.environ, "KUBECONFIG": str(trial.cluster.kubeconfig)}
    subprocess.run([kubectl(), *words[1:]], env=environ, check=True, timeout=60)


def _in_a_pod(trial: Release, token: str, script: str, **environ: str) -> str:
    """What a script of the client prints, which is in the cluster as the bucket is."""
    environ = {
        "PODIUM_TRACKING_URI": f"http://podium:{_PORT}",
        "PODIUM_TRACKING_TOKEN": token,
        "PODIUM_SPOOL": "/tmp/spool",
        "XDG_STATE_HOME": "/tmp",
        "PODIUM_FINISH_TIMEOUT": "60",
        **environ,
    }
    container = {
        "name": "client",
        "image": "podium:0.1.0",
        "command": ["python", "-c", script],
        "env": [{"name": name, "value": value} for name, value in environ.items()],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "nodeSelector": LABEL,
        "tolerations": [TAINT],
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    admin = trial.cluster.admin
    meta: Object = {"generateName": "client-", "namespace": trial.namespace}
    pod = admin.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

    def phase() -> str | None:
        found: str = admin.again(pod)["status"]["phase"]
        return found if found in ("Succeeded", "Failed") else None

    ended = wait_for("the client has ended", phase)
    path = admin.path("v1", "Pod", trial.namespace, _name(pod))
    log = str(admin.call("GET", f"{path}/log"))
    admin.delete(pod)
    assert ended == "Succeeded", log
    return log


def _replace_the_pod(trial: Release, component: str) -> None:
    [old] = trial.pods(component)
    trial.cluster.admin.delete(old)

    def is_new_and_ready() -> bool:
        uids = {each["metadata"]["uid"]: _is_ready(each) for each in trial.pods(component)}
        return old["metadata"]["uid"] not in uids and any(uids.values())

    wait_for(f"another pod of {component} is ready", is_new_and_ready)


def _taken(folder: Path) -> int:
    """Bytes that are set aside for what is in there; whose it is goes on writing meanwhile."""
    taken = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                taken += 512 * os.lstat(os.path.join(place, name)).st_blocks
    return taken


def _secret(trial: Release) -> Any:
    found = trial.cluster.admin.get("v1", "Secret", trial.namespace, "podium-dev")
    assert found is not None
    return found["data"]


def _left(trial: Release) -> Sequence[str]:
    kinds = ("Pod", "Service", "Secret", "PersistentVolumeClaim")
    admin, labels = trial.cluster.admin, "app.kubernetes.io/instance=podium"
    return sorted(
        f"{kind}/{_name(each)}"
        for kind in kinds
        for each in admin.list("v1", kind, trial.namespace, labels=labels)
    )


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
