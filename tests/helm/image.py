"""The Dockerfile's image, built and run: `make test-image`, as root and for some six minutes.

Its base is made by debootstrap, so that no registry of images is asked.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urljoin

import pytest
from podium import client

from ..cluster.processes import wait_for
from ..services import MissingService, free_ports
from ..services.buildah import Buildah, Layer
from .container import Container
from .test_image import PROJECT, ROOT

pytestmark = pytest.mark.timeout(2400)  # whoever comes first builds
_IMAGE = "localhost/podium"
_PEER = "localhost/mlflow"
[_MLFLOW] = (each for each in PROJECT["optional-dependencies"]["dev"] if "mlflow" in each)
# As ours in all but what is installed: in a virtual environment, without pip, above the base.
_PEER_S_DOCKERFILE = f"""
ARG PYTHON
FROM ${{PYTHON}} AS build
ENV PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/mlflow \\
 && /opt/mlflow/bin/pip install {_MLFLOW} psycopg2-binary boto3 \\
 && /opt/mlflow/bin/pip uninstall --yes pip
FROM ${{PYTHON}}
COPY --from=build /opt/mlflow /opt/mlflow
"""


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    """With the image built from this folder."""
    try:
        found = Buildah(ROOT / "build" / "image")
    except MissingService as missing:
        pytest.skip(str(missing))
    found.build(_IMAGE, ROOT, tmp_path_factory.mktemp("build") / "configuration")
    return found


@pytest.fixture(scope="module")
def layers(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> list[Layer]:
    return buildah.layers(_IMAGE, tmp_path_factory.mktemp("podium"))


@pytest.fixture(scope="module")
def root(buildah: Buildah) -> Iterator[Path]:
    with buildah.mounted(_IMAGE) as root:
        yield root


@pytest.fixture
def container(buildah: Buildah, root: Path, tmp_path: Path) -> Container:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    tmp.chmod(0o1777)
    return Container(root, buildah.config(_IMAGE), tmp)


def test_it_adds_one_folder_and_nothing_of_the_build(buildah: Buildah, layers: list[Layer]) -> None:
    """Nor how this machine's pip and npm are set up, which the build was told."""
    [_, added] = layers
    with tarfile.open(added.blob) as archive:
        names = [f"/{member.name.removeprefix('./').rstrip('/')}" for member in archive]
    assert {"/opt/podium/bin/podium", "/opt/podium/sbom.cdx.json"} <= set(names)
    assert not [name for name in names if not f"{name}/".startswith(("/opt/", "/tmp/"))]
    assert {name.partition("=")[0] for name in buildah.config(_IMAGE)["Env"]} == {
        *("PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOME")
    }


def test_it_runs_as_its_user_and_writes_to_tmp_alone(container: Container) -> None:
    assert container.run("--version") == f"podium {client.__version__}\n"
    assert container.shell("id -u; id -g; pwd; grep CapEff /proc/self/status").split() == [
        *("10001", "10001", "/tmp", "CapEff:", "0000000000000000")
    ]
    container.shell("touch /tmp/mine; ! touch /opt/podium/x; ! touch /var/tmp/x")
    assert "Read-only file system" in container.shell("touch /var/tmp/x 2>&1 || true")


def test_it_migrates_serves_and_ends_when_told_to(container: Container) -> None:
    assert "schema is now at" in container.run("db", "upgrade")
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with container.started("server", "--port", str(port)) as process:

        def page(path: str) -> str | None:
            assert process.poll() is None, (container.tmp / "log").read_text()[-4000:]
            try:
                with urllib.request.urlopen(urljoin(url, path), timeout=10) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError:
                raise
            except OSError:
                return None

        wait_for("the server's health", lambda: page("/health"))
        start = page("/")
        assert start
        needed = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js))"', start)
        assert {Path(each).suffix for each in needed} == {".css", ".js"}
        assert all(page(each) for each in needed)

        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        [first] = map(int, children)
        os.kill(first, signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_the_bill_of_materials_is_what_is_installed(root: Path) -> None:
    bill = json.loads((root / "opt/podium/sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    named = {(each["name"].lower(), each["version"]) for each in bill["components"]}
    [installed] = (root / "opt/podium/lib").glob("python3.*/site-packages")
    found = distributions(path=[str(installed)])
    assert named == {(each.metadata["Name"].lower(), each.version) for each in found}
    names = {name for name, _ in named}
    assert {"podium", "flask", "sqlalchemy"} <= names
    assert "pip" not in names
    assert not list((root / "opt/podium/bin").glob("pip*"))


def test_its_size(
    buildah: Buildah,
    layers: list[Layer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside MLflow, over the same base; what is printed is docs/kubernetes-install.md's table."""
    peer = tmp_path / "peer"
    peer.mkdir()
    (peer / "Dockerfile").write_text(_PEER_S_DOCKERFILE)
    buildah.build(_PEER, peer, tmp_path / "configuration")
    theirs = buildah.layers(_PEER, tmp_path / "mlflow")
    buildah("rmi", _PEER)
    assert [each.blob.name for each in layers[:1]] == [each.blob.name for each in theirs[:1]]
    rows = {
        "the stand-in of the base": layers[:1],
        "Podium's layer": layers[1:],
        "Podium's image": layers,
        f"{_MLFLOW}'s layer": theirs[1:],
        f"{_MLFLOW}'s image": theirs,
    }
    with capsys.disabled():
        for name, of in rows.items():
            size, pushed = (sum(each) / 1e6 for each in zip(*map(_sizes, of), strict=True))
            sys.stdout.write(f"\n{name:<28} {size:>6.0f} MB, as pushed {pushed:>6.0f} MB")
    assert layers[1].size < theirs[1].size


def _sizes(layer: Layer) -> tuple[int, int]:
    return layer.uncompressed, layer.size
