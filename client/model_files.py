"""The files of a registered version, each of them as it was when it was registered.

The server has read every file once and knows its size and SHA-256 (its *manifest*). A file that is
another by now is refused, whoever has changed it and wherever it is kept.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from . import session
from .errors import BadRequest, FilesChanged, NotFound, PodiumError, Unavailable
from .registry import get_model_version
from .retry import Backoff, may_pass
from .storage import Storage
from .transport import Transport

# Words of the refusal by which a launch's diagnosis knows it.
CHANGED = "is not the file that was registered"
# A new version's files are read by the server's worker; large ones take their time.
_READING_SECONDS = 600.0
_POLL_SECONDS = 1.0
_CHUNK = 16 * 2**20
_TIMEOUT = 120.0
_TRIES = 8
_STORE = "mlflow-artifacts:/"


@dataclass(frozen=True, slots=True)
class File:
    """A line of the manifest; ``path`` is below the version's folder."""

    path: str
    size: int
    sha256: str


def download_model(name: str, version: int | str, folder: str | os.PathLike[str]) -> Path:
    """Put the files of a version into ``folder``, verified; what is there already and right stays.

    :class:`FilesChanged` names the file that is not what was registered. Nothing else in the folder
    is touched, and a file appears whole or not at all.
    """
    server = session.current().server()
    found = get_model_version(name, version)
    files = manifest(name, found.version)
    if not found.storage_location.startswith(_STORE):
        raise BadRequest(
            f"Version {found.version} of {name} is kept at {found.storage_location!r}, which is no "
            "place of this server's. Log the files to it and register them."
        )
    root = found.storage_location.removeprefix(_STORE).strip("/")
    source = _Source(server, f"Version {found.version} of {name}")
    for file in files:
        target = Path(folder) / _safe(file.path)
        if not _is(target, file):
            alone = len(files) == 1 and root.endswith(f"/{file.path}")
            source.fetch(file, root if alone else f"{root}/{file.path}", target)
    return Path(folder)


def manifest(name: str, version: int) -> list[File]:
    """What the server found in a version's files; waits while it has not read them."""
    server = session.current().server()
    path = f"/api/v1/models/{quote(name, safe='')}/versions/{version}/inspection"
    deadline = time.monotonic() + _READING_SECONDS
    while True:
        found = server.request("GET", path).json()
        if found.get("status") == "DONE":
            return [File(each["path"], each["size"], each["sha256"]) for each in found["files"]]
        problem = found.get("problem") or "its worker has not come to it; look at the server's log"
        if found.get("status") == "FAILED" or time.monotonic() > deadline:
            raise Unavailable(f"The server has not read version {version} of {name}: {problem}")
        time.sleep(_POLL_SECONDS)


class _Source:
    """Straight from S3 where the server hands out presigned URLs, else through it."""

    def __init__(self, server: Transport, of: str) -> None:
        self._server, self._of = server, of
        self._direct = Storage(server).has_s3

    def fetch(self, file: File, place: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.unfinished")
        digest = hashlib.sha256()
        with unfinished.open("wb") as output:
            for chunk in self._chunks(file, place):
                digest.update(chunk)
                output.write(chunk)
        if digest.hexdigest() != file.sha256:
            unfinished.unlink()
            self._refuse(file, f"its SHA-256 is {digest.hexdigest()} instead of {file.sha256}")
        unfinished.replace(target)

    def _chunks(self, file: File, place: str) -> Iterator[bytes]:
        at = 0
        while at < file.size:
            chunk = self._chunk(file, place, at)
            at += len(chunk)
            yield chunk

    def _chunk(self, file: File, place: str, at: int) -> bytes:
        """From a byte on; tried again as long as that may help."""
        backoff = Backoff()
        while True:
            try:
                return self._ask(file, place, at)
            except NotFound:
                self._refuse(file, "it is gone")
            except FilesChanged:
                raise
            except PodiumError as error:
                if backoff.failures >= _TRIES or not may_pass(error, backoff.failures):
                    raise
                time.sleep(backoff.after(error))

    def _ask(self, file: File, place: str, at: int) -> bytes:
        below = quote(place)
        url = f"/api/2.0/mlflow-artifacts/artifacts/{below}"
        headers = {"Range": f"bytes={at}-{min(at + _CHUNK, file.size) - 1}"}
        if self._direct:
            signed = self._server.request("GET", f"/api/2.0/mlflow-artifacts/presigned/{below}")
            said = signed.json()
            self._check_size(file, int(said["file_size"]))
            url, headers = said["url"], {**(said.get("headers") or {}), **headers}
        answer = self._server.request("GET", url, headers=headers, timeout=_TIMEOUT)
        total = answer.headers.get("content-range", "").rpartition("/")[2]
        self._check_size(file, int(total) if total.isdigit() else len(answer.body))
        return answer.body

    def _check_size(self, file: File, size: int) -> None:
        if size != file.size:
            self._refuse(file, f"it has {size} bytes instead of {file.size}")

    def _refuse(self, file: File, why: str) -> None:
        raise FilesChanged(
            f"{self._of}: {file.path} {CHANGED}: {why}. Register the files as they are now as "
            "another version, or put back what was there."
        )


def _is(target: Path, file: File) -> bool:
    """Whether it is there, byte for byte."""
    if not target.is_file() or target.stat().st_size != file.size:
        return False
    with target.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


def _safe(path: str) -> PurePosixPath:
    """A path that stays in its folder."""
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts or not found.parts:
        raise BadRequest(f"The manifest names {path!r}, which leads out of the folder.")
    return found
