"""Builds the programs of the test cluster, once, into the user's cache.

    python -m tests.cluster.build [kubernetes] [mlserver] [operators]

Each module below ``tools/`` pins programs by its go.mod and go.sum. What has been built lies in a
folder named by those two files and the flags, so it is never built again and never stale. A second
builder waits for the first; one that is interrupted leaves nothing half-built, and Go's own cache
keeps what it had compiled. ``make test`` starts this in the background, and the fixture of the
cluster waits for it by building what is there by then. Operators are built when they are asked for:
`make test-operators`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..services import MissingService

TOOLS = Path(__file__).parent / "tools"
KUBERNETES = "1.36.3"
INSTALL = (
    "No Go 1.26 here, which builds the Kubernetes of the cluster tests. "
    "Install it from https://go.dev/dl, for example: "
    "curl -sL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | tar -C /usr/local -xz "
    "&& export PATH=$PATH:/usr/local/go/bin"
)
_WHOLE = "whole"
_VERSION = "k8s.io/component-base/version.git"
_MAJOR, _MINOR, _ = KUBERNETES.split(".")


@dataclass(frozen=True, slots=True)
class Tool:
    """A module below ``tools/``: the packages of its programs, each named as its program."""

    module: str
    programs: dict[str, str]
    ldflags: str = "-s -w"

    @property
    def flags(self) -> tuple[str, ...]:
        return ("-trimpath", "-buildvcs=false", "-ldflags", self.ldflags)

    @property
    def folder(self) -> Path:
        """Where its programs are, or will be."""
        said = "\0".join([*self.flags, *self.programs.values()]).encode()
        for name in ("go.mod", "go.sum"):
            said += (TOOLS / self.module / name).read_bytes()
        return cache() / f"{self.module}-{hashlib.sha256(said).hexdigest()[:12]}"


KUBE = Tool(
    "kube",
    {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    },
    # Without a version the server says v0.0.0, and whoever asks for a minimum refuses it.
    f"-s -w -X {_VERSION}Version=v{KUBERNETES} -X {_VERSION}Major={_MAJOR} "
    f"-X {_VERSION}Minor={_MINOR}",
)
ETCD = Tool("etcd", {"etcd": "go.etcd.io/etcd/server/v3"})
KWOK = Tool("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
EVERY = (ETCD, KWOK, KUBE)
_KUBEFLOW = "github.com/kubeflow"
JOBSET = Tool("jobset", {"jobset": "sigs.k8s.io/jobset"})
TRAINER = Tool("trainer", {"trainer": f"{_KUBEFLOW}/trainer/v2/cmd/trainer-controller-manager"})
TRAINING_OPERATOR = Tool(
    "training-operator",
    {"training-operator": f"{_KUBEFLOW}/training-operator/cmd/training-operator.v1"},
)
OPERATORS = (JOBSET, TRAINER, TRAINING_OPERATOR)
# In an environment of its own: it asks for other versions than Podium's server.
_MLSERVER = ("mlserver==1.7.1", "mlserver-mlflow==1.7.1", "mlflow==3.17.2", "scikit-learn>=1.5")


def cache() -> Path:
    """Outside the tree: a clean checkout need not build again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "podium" / "cluster"


def built(tool: Tool) -> Path:
    """The folder of the tool's programs, after they are built. :class:`MissingService` if not."""
    if tool.folder.exists():
        return tool.folder
    if not shutil.which("go"):
        raise MissingService(INSTALL)
    cache().mkdir(parents=True, exist_ok=True)
    with _alone(tool.module):
        if not tool.folder.exists():
            _build(tool)
    return tool.folder


def is_complete() -> bool:
    """Whether nothing is left to be built or installed."""
    return all(tool.folder.exists() for tool in EVERY) and (_mlserver() / _WHOLE).exists()


def mlserver() -> Path:
    """The folder of MLServer's programs, after it is installed. :class:`MissingService` if not."""
    folder = _mlserver()
    whole = folder / _WHOLE
    if whole.exists():
        return folder / "bin"
    cache().mkdir(parents=True, exist_ok=True)
    with _alone("mlserver"):
        if not whole.exists():
            # Its scripts name the folder, so it is made where it stays.
            venv.create(folder, clear=True, with_pip=True)
            command = [str(folder / "bin" / "pip"), "install", "--quiet", *_MLSERVER]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or [""])[-1]
                raise MissingService(
                    f"No MLServer here: {last}. Try: pip install {' '.join(_MLSERVER)}"
                )
            whole.touch()
    return folder / "bin"


def _mlserver() -> Path:
    said = "\0".join([sys.version, *_MLSERVER]).encode()
    return cache() / f"mlserver-{hashlib.sha256(said).hexdigest()[:12]}"


def _build(tool: Tool) -> None:
    unfinished = tool.folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for name, package in tool.programs.items():
        command = ["go", "build", *tool.flags, "-o", str(unfinished / name), package]
        subprocess.run(command, cwd=TOOLS / tool.module, check=True)
    unfinished.rename(tool.folder)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """While others wait. The kernel gives the lock back however this process ends."""
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kubernetes() -> dict[str, Path]:
    """Each program of the test cluster, by its name. :class:`MissingService` if not."""
    return {name: built(tool) / name for tool in EVERY for name in tool.programs}


def operators() -> dict[str, Path]:
    """Kubeflow's controllers, by their names. :class:`MissingService` if not."""
    return {name: built(tool) / name for tool in OPERATORS for name in tool.programs}


def main(what: Sequence[str]) -> int:
    # In a shell's background an interrupt is ignored, by children as well, unless one asks for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 0
    for each in what or ("kubernetes", "mlserver"):
        try:
            _MAKES[each]()
        except MissingService as missing:
            status = 1
            sys.stderr.write(f"{missing}\n")
        except KeyboardInterrupt:
            return 130
    return status


_MAKES: Mapping[str, Callable[[], object]] = {
    "kubernetes": kubernetes,
    "mlserver": mlserver,
    "operators": operators,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
