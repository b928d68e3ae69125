"""A cluster for the session, and a namespace of its own for each test.

These tests come last: their programs are being built while the others run.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from podium import client
from podium.client import session

from ..registry.launch.samples import IMAGE
from ..services import MissingService, free_ports
from ..services.podium import PodiumServer, podium_up
from . import build, crds, nodes, processes
from .control_plane import Cluster, control_plane
from .kubelet import LABEL, TAINT, Kubelet
from .pods import Image
from .world import write_site

_HERE = Path(__file__).parent
# Compiling Kubernetes takes that long on a slow machine.
_BUILD_SECONDS = 2400
PYTHON = Image((Path(sys.executable).parent, Path("/usr/bin"), Path("/bin")), {})
_RUNNING = (("batch/v1", "Job"), ("apps/v1", "Deployment"), ("v1", "Pod"))
_numbers = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.is_relative_to(_HERE))
    if not build.is_complete():
        for item in items:
            if item.path.is_relative_to(_HERE):
                item.add_marker(pytest.mark.timeout(_BUILD_SECONDS))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """etcd, API server, controllers, scheduler, and kwok with nodes that have GPUs."""
    try:
        with control_plane() as started:
            nodes.create(started.admin, started.kwok)
            yield started
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def custom(cluster: Cluster) -> Callable[..., None]:
    """Makes the cluster know custom resources, by the names of their definitions."""
    there: set[str] = set()

    def install(*names: str) -> None:
        crds.install(cluster.admin, *sorted(set(names) - there))
        there.update(names)

    return install


@pytest.fixture
def new_namespace(cluster: Cluster) -> Iterator[Callable[[], str]]:
    """Makes namespaces that take what Pod Security calls restricted, and nothing else.

    What runs in them is taken away with the test: it has GPUs and CPUs that the next one counts on.
    """
    made: list[str] = []

    def make() -> str:
        name = f"team-{next(_numbers)}"
        made.append(name)
        enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
        cluster.admin.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": enforce},
            }
        )
        # No pod can be made before the controller has made this.
        processes.wait_for(
            "the namespace's service account",
            lambda: cluster.admin.get("v1", "ServiceAccount", name, "default"),
        )
        return name

    yield make
    for name, (version, kind) in itertools.product(made, _RUNNING):
        path = cluster.admin.path(version, kind, name)
        cluster.admin.call("DELETE", f"{path}?propagationPolicy=Background")


@pytest.fixture
def namespace(new_namespace: Callable[[], str]) -> str:
    return new_namespace()


@pytest.fixture
def image() -> Image:
    """What the pods of :func:`kubelet` find on their path: Podium's own environment."""
    return PYTHON


@pytest.fixture
def kubelet(cluster: Cluster, image: Image, tmp_path: Path) -> Iterator[Kubelet]:
    """A node whose pods are processes on this machine."""
    folder = tmp_path / "pods"
    folder.mkdir()
    started = Kubelet(cluster.admin, "local-1", {IMAGE: image}, folder)
    started.start()
    yield started
    started.stop()
    cluster.admin.delete({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "local-1"}})


@pytest.fixture
def podium(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[PodiumServer]:
    """A server and its worker that launch on the node of :func:`kubelet`, by their Role's rights.

    Trainings log to it, and so does the client of this process.
    """
    [port] = free_ports(1)
    site = tmp_path / "site.json"
    write_site(
        site,
        cluster,
        namespace,
        tmp_path,
        tracking={"uri": f"http://127.0.0.1:{port}"},
        node_selector=LABEL,
        tolerations=[{"key": TAINT["key"]}],
    )
    environ = {"PODIUM_LAUNCH_SITE": str(site)}
    with podium_up(tmp_path / "data", port=port, environ=environ) as server:
        client.configure(server.url, finish_timeout=60)
        yield server
        session.current().close()
        session.end()


@pytest.fixture(scope="session")
def mlserver() -> Path:
    """The folder of MLServer's programs."""
    try:
        return build.mlserver()
    except MissingService as missing:
        pytest.skip(str(missing))
