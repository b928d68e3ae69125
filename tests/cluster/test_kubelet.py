"""The test kubelet: what a launched process gets, and what the API server knows of it."""

from __future__ import annotations

import signal
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from podium.registry.launch.cluster import Cluster as Door
from podium.registry.launch.cluster import Log
from podium.registry.launch.site import Connection, Toleration
from podium.registry.launch.state import Phase

from ..registry.launch.samples import IMAGE, minimal
from . import confined
from .control_plane import Cluster
from .kubelet import LABEL, TAINT, Kubelet
from .launched import SITE, Launched
from .pods import Image
from .processes import wait_for
from .rest import Object

LOCAL = replace(SITE, node_selector=LABEL, tolerations=(Toleration(key=TAINT["key"]),))
_PYTHON = Image(path=(Path(sys.executable).parent, Path("/usr/bin"), Path("/bin")))


@pytest.fixture(scope="module")
def kubelet(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    folder = tmp_path_factory.mktemp("kubelet")
    started = Kubelet(cluster.admin, "local-0", {IMAGE: _PYTHON}, folder)
    started.start()
    yield started
    started.stop()
    cluster.admin.delete({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "local-0"}})


@pytest.fixture
def run(cluster: Cluster, namespace: str, kubelet: Kubelet) -> Callable[..., Launched]:
    def start(script: str, target: str = "job", **more: Any) -> Launched:
        data = {**minimal(target), "command": ["python", "-uc", script], **more}
        launched = Launched(cluster.admin, namespace, data, site=LOCAL)
        launched.apply()
        return launched

    return start


def test_a_process_has_its_environment_and_its_volumes(
    cluster: Cluster, namespace: str, run: Callable[..., Launched]
) -> None:
    _secret(cluster, namespace, "s3", AWS_ACCESS_KEY_ID="AK")
    job = run(
        "import os; open(os.environ['HOME'] + '/x', 'w').close(); "
        "print(os.environ['AWS_ACCESS_KEY_ID'], os.environ['RANK'], os.environ['X'])",
        workers=2,
        secrets=["s3"],
        env={"X": "a b"},
    )
    job.reaches(Phase.SUCCEEDED)
    logs = {_log(job, pod["metadata"]["name"]) for pod in job.pods()}
    assert logs == {"AK 0 a b\n", "AK 1 a b\n"}


def test_one_that_fails_says_its_last_words(run: Callable[..., Launched]) -> None:
    job = run("import sys; print('no such file'); sys.exit(3)")
    job.reaches(Phase.FAILED)
    found = job.is_diagnosed("Crashed")
    assert (found.sentence, found.said) == ("main ended with status 3.", "no such file")


def test_a_log_is_followed_to_its_end(
    cluster: Cluster, run: Callable[..., Launched], tmp_path: Path
) -> None:
    go = tmp_path / "go"
    script = (
        f"print(0)\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)\nprint(1); print(2)"
    )
    job = run(f"import os, time\n{script}")
    job.reaches(Phase.RUNNING)
    [pod] = job.pods()
    door = Door("test", Connection(kubeconfig=str(cluster.kubeconfig)))
    lines = door.logs(job.namespace, Log(pod["metadata"]["name"], follow=True))
    assert next(lines).endswith("Z 0")
    go.touch()
    assert [line.partition("Z ")[2] for line in lines] == ["1", "2"]
    assert _log(job, pod["metadata"]["name"]) == "0\n1\n2\n"
    stamped = _log(job, pod["metadata"]["name"], "?timestamps=true&tailLines=1")
    assert stamped.startswith("20")
    assert stamped.endswith("Z 2\n")


def test_a_secret_that_is_not_there(
    cluster: Cluster, namespace: str, run: Callable[..., Launched]
) -> None:
    job = run("print(1)", secrets=["s3"])
    assert "s3" in job.is_diagnosed("MissingSecret").sentence
    _secret(cluster, namespace, "s3", A="1")
    job.reaches(Phase.SUCCEEDED)  # it is tried again


def test_an_image_that_is_not_there(run: Callable[..., Launched]) -> None:
    job = run("print(1)", image=f"{IMAGE[:-1]}0")
    assert job.is_diagnosed("ImagePull")
    job.stop()


def test_a_server_is_ready_and_crashes_and_comes_again(
    kubelet: Kubelet, run: Callable[..., Launched], cluster: Cluster
) -> None:
    serve = (
        "import http.server, os, threading\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        if self.path == '/die': os._exit(7)\n"
        "        self.send_response(200); self.end_headers()\n"
        "http.server.HTTPServer((os.environ['IP'], 8080), H).serve_forever()"
    )
    kubelet.images = {IMAGE: replace(_PYTHON, environ={"IP": "{ip}"})}
    service = run(serve, "deployment")
    service.reaches(Phase.READY)
    made = cluster.admin.again(service.manifests[0])
    address = kubelet.address(made)
    with pytest.raises(OSError, match=r"closed|reset"):
        urllib.request.urlopen(f"http://{address}/die", timeout=5).close()
    wait_for("it is started again", lambda: _restarts(service) == 1)
    service.reaches(Phase.READY)
    service.stop()
    wait_for("it is gone", lambda: not service.pods())


def test_init_containers_run_one_after_another(
    cluster: Cluster, namespace: str, kubelet: Kubelet
) -> None:
    """The first waits for a Secret and fails once; the others wait for it."""
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    add = "open('/shared/all', 'a').write({!r}); sys.exit({})"
    first = _container("first", add.format("1", "os.path.getsize('/shared/all') < 2"), mounts)
    first["envFrom"] = [{"secretRef": {"name": "late"}}]
    made = _pod(
        cluster,
        namespace,
        _container("main", "print(open('/shared/all').read())", mounts),
        initContainers=[first, _container("second", add.format("2", 0), mounts)],
        restartPolicy="OnFailure",
        volumes=[{"name": "shared", "emptyDir": {}}],
    )

    def reason(kind: str, number: int) -> str | None:
        found = cluster.admin.again(made)["status"].get(kind)
        return str(found[number]["state"]["waiting"]["reason"]) if found else None

    wait_for(
        "the first is not made",
        lambda: reason("initContainerStatuses", 0) == "CreateContainerConfigError",
    )
    assert reason("initContainerStatuses", 1) == "PodInitializing"
    assert reason("containerStatuses", 0) == "PodInitializing"
    assert _conditions(cluster.admin.again(made))["Initialized"] == "False"
    assert cluster.admin.again(made)["status"]["phase"] == "Pending"
    _secret(cluster, namespace, "late", A="1")
    status = _ended(cluster, made)["status"]
    assert status["phase"] == "Succeeded"
    assert _conditions({"status": status})["Initialized"] == "True"
    inits = status["initContainerStatuses"]
    assert [(each["ready"], each["restartCount"]) for each in inits] == [(True, 1), (True, 0)]
    path = cluster.admin.path("v1", "Pod", namespace, "main")
    assert cluster.admin.call("GET", f"{path}/log") == "112\n"


def test_a_pod_that_never_restarts_fails_with_its_init_container(
    cluster: Cluster, namespace: str, kubelet: Kubelet
) -> None:
    made = _pod(
        cluster,
        namespace,
        _container("main", "print(1)"),
        initContainers=[_container("first", "sys.exit(3)")],
        restartPolicy="Never",
    )
    status = _ended(cluster, made)["status"]
    assert status["phase"] == "Failed"
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"


@pytest.mark.skipif(not confined.is_possible(), reason="needs Landlock: Linux 5.13 with it on")
def test_a_read_only_root_file_system(cluster: Cluster, namespace: str, kubelet: Kubelet) -> None:
    script = (
        "for place in ('/data/x', 'x', '/config/x'):\n"
        "    try: open(place, 'w').close(); print('written')\n"
        "    except OSError as error: print(error.strerror)\n"
        "os.rename('/data/x', '/data/y')"
    )
    places = ("data", "config")
    mounts: Sequence[Object] = [{"name": name, "mountPath": f"/{name}"} for name in places]
    mounts[1]["readOnly"] = True
    container = _container("main", script, mounts)
    container["securityContext"]["readOnlyRootFilesystem"] = True
    volumes = [{"name": name, "emptyDir": {}} for name in places]
    made = _pod(cluster, namespace, container, restartPolicy="Never", volumes=volumes)
    assert _ended(cluster, made)["status"]["phase"] == "Succeeded"
    path = cluster.admin.path("v1", "Pod", namespace, "main")
    log = cluster.admin.call("GET", f"{path}/log")
    assert log == "written\nPermission denied\nPermission denied\n"


def test_what_is_claimed_outlives_the_pod(
    cluster: Cluster, namespace: str, kubelet: Kubelet
) -> None:
    """And a probe may be a command, and an image may name the signal by which it is stopped."""
    kubelet.images = {
        IMAGE: replace(
            _PYTHON, environ={"IP": "{ip}"}, own=("localhost",), stop_signal=signal.SIGINT
        )
    }
    claim = cluster.admin.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "kept", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    )
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "kept"}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    serve = (
        "import socket\n"
        "with socket.create_server((os.environ['IP'], 5000)) as server:\n"
        "    try:\n"
        "        while True: server.accept()\n"
        "    except KeyboardInterrupt: open('/data/said', 'w').write('until then')"
    )
    writer = _container("main", serve, mounts)
    ask = "import socket; socket.create_connection(('localhost', 5000))"
    writer["readinessProbe"] = {
        "exec": {"command": ["python", "-c", ask]},
        "timeoutSeconds": 10,
    }
    first = _pod(cluster, namespace, writer, volumes=volumes)
    wait_for("it is ready", lambda: _conditions(cluster.admin.again(first)).get("Ready") == "True")
    name = cluster.admin.again(claim)["spec"]["volumeName"]
    cluster.admin.delete(first)
    wait_for("it is gone", lambda: cluster.admin.get("v1", "Pod", namespace, "main") is None)
    reader = _container("main", "print(open('/data/said').read())", mounts)
    second = _pod(cluster, namespace, reader, volumes=volumes, restartPolicy="Never")
    assert _ended(cluster, second)["status"]["phase"] == "Succeeded"
    path = cluster.admin.path("v1", "Pod", namespace, "main")
    assert cluster.admin.call("GET", f"{path}/log") == "until then\n"
    cluster.admin.delete(second)
    cluster.admin.delete(claim)
    wait_for(
        "the volume is gone",
        lambda: cluster.admin.get("v1", "PersistentVolume", None, name) is None,
    )
    assert not (kubelet.folder / "claimed" / name).exists()


def _pod(cluster: Cluster, namespace: str, container: Object, **more: Any) -> Object:
    """A pod ``main`` on the node of the kubelet, as Pod Security wants it."""
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "automountServiceAccountToken": False,
        "nodeSelector": LABEL,
        "tolerations": [TAINT],
        "securityContext": security,
        "containers": [container],
        **more,
    }
    meta = {"name": "main", "namespace": namespace}
    return cluster.admin.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def _container(name: str, script: str, mounts: Sequence[Object] = ()) -> Object:
    return {
        "name": name,
        "image": IMAGE,
        "command": ["python", "-uc", f"import os, sys\n{script}"],
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _ended(cluster: Cluster, pod: Object) -> Object:
    def ended() -> Object | None:
        found = cluster.admin.again(pod)
        return found if found["status"]["phase"] in ("Succeeded", "Failed") else None

    return wait_for("the pod has ended", ended)


def _conditions(pod: Object) -> dict[str, str]:
    return {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}


def _restarts(launched: Launched) -> int:
    [pod] = launched.pods()
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def _log(job: Launched, pod: str, query: str = "") -> str:
    path = job.admin.path("v1", "Pod", job.namespace, pod)
    return str(job.admin.call("GET", f"{path}/log{query}"))


def _secret(cluster: Cluster, namespace: str, name: str, **data: str) -> None:
    meta = {"name": name, "namespace": namespace}
    encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    cluster.admin.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded})
