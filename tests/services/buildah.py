"""Images, built as root by Debian's tools: without a daemon, and without a registry for their base.

The base is made by debootstrap and stands in for ``python:3.x-slim``: Debian's smallest system and
its Python, without manuals and translations. It is made once and kept in ``build/image``.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import MissingService
from .registries import volumes

BASE = "localhost/python-of-debian"
_SUITE = "trixie"  # whose Python is 3.13, as that of the Dockerfile's base
_PACKAGES = ("python3", "python3-venv", "ca-certificates", "netbase", "tzdata")
_LEFT_OUT = (
    *(f"./usr/share/{folder}/*" for folder in ("doc", "info", "locale", "man")),
    *("./dev/*", "./var/cache/apt/*", "./var/lib/apt/lists/*", "./var/log/*", "__pycache__"),
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS = 1500


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it is pushed, a tar compressed by gzip; sizes are in bytes."""

    blob: Path
    size: int
    uncompressed: int


class Buildah:
    """Buildah over a storage of its own; needs root, as its chroots and debootstrap do.

    Raises MissingService where one of them is missing.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            raise MissingService("Images are built in chroots. Run it as root: make test-image")
        for tool in ("buildah", "debootstrap"):
            if shutil.which(tool) is None:
                raise MissingService(
                    f"No {tool} here. Install it with: apt-get install -y buildah debootstrap"
                )
        self._folder = folder.absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self("images", "--quiet", "--filter", f"reference={BASE}").strip():
            self._make_base()

    def __call__(self, *arguments: str | Path) -> str:
        """What a command of buildah's prints; AssertionError with its complaint if it fails."""
        storage = ("--root", self._folder / "storage", "--runroot", self._folder / "run")
        return _run("buildah", *storage, *arguments)

    def build(self, image: str, context: Path, scratch: Path) -> None:
        """Run the Dockerfile of a folder over the stand-in; pip and npm fetch as they do here."""
        scratch.mkdir()
        named = ("--build-arg", f"PYTHON={BASE}", "--tag", image)
        how = ("--isolation", "chroot", "--pull=never", *volumes(scratch))
        self("build", *how, *named, context)
        self("rmi", "--prune")  # what had this name before

    def config(self, image: str) -> dict[str, Any]:
        """What the image says of how it is to be run, in OCI's words."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))
        config: dict[str, Any] = found["OCIv1"]["config"]
        return config

    def layers(self, image: str, scratch: Path) -> list[Layer]:
        """The image's layers from the base upwards, pushed to a folder as to a registry."""
        self("push", "--quiet", image, f"oci:{scratch}")
        manifest = json.loads((scratch / "index.json").read_text())["manifests"][0]
        described = json.loads(_blob(scratch, manifest).read_text())["layers"]
        return [
            Layer(blob, blob.stat().st_size, _uncompressed(blob))
            for blob in (_blob(scratch, each) for each in described)
        ]

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The image's file system, of a container that is removed afterwards."""
        container = self("from", "--pull=never", image).strip()
        try:
            yield Path(self("mount", container).strip())
        finally:
            self("rm", container)

    def _make_base(self) -> None:
        root = self._folder / "base"
        shutil.rmtree(root, ignore_errors=True)  # of a run that was stopped
        included = f"--include={','.join(_PACKAGES)}"
        _run("debootstrap", "--variant=minbase", included, _SUITE, root)
        (root / "usr/bin/python").symlink_to("python3")
        archive = self._folder / "base.tar"
        without = [f"--exclude={each}" for each in _LEFT_OUT]
        _run("tar", "--create", "--file", archive, "--directory", root, *without, ".")
        container = self("from", "scratch").strip()
        self("add", container, archive, "/")
        self("config", "--env", f"PATH={_PATH}", container)
        self("commit", "--rm", container, BASE)
        archive.unlink()
        shutil.rmtree(root)


def _blob(folder: Path, described: dict[str, Any]) -> Path:
    return folder / "blobs" / str(described["digest"]).replace(":", "/")


def _uncompressed(blob: Path) -> int:
    with gzip.open(blob) as content:
        return sum(len(part) for part in iter(lambda: content.read(1 << 20), b""))


def _run(*command: str | Path) -> str:
    done = subprocess.run(
        ["nice", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
