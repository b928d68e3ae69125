"""How a file gets to the store: straight to S3 where the server has S3, else through the server.

Every byte is covered by a SHA-256 that the other side checks before it keeps the file: of the whole
file in one request, or of each part. Parts travel in parallel, and those that arrived are not sent
again when the upload is taken up later.
"""

from __future__ import annotations

import hashlib
import posixpath
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import IO, Any, Protocol, TypeAlias
from urllib.parse import quote

from .artifacts import Staged
from .errors import NotFound, NotSupported, PodiumError
from .transport import Transport

SINGLE_LIMIT = 64 * 1024 * 1024
PART_SIZE = 32 * 1024 * 1024
MAX_PARTS = 10_000
PARALLEL = 4
TIMEOUT = 120.0  # of silence: a store may take a while to answer for the last byte
_PROXY = "/api/2.0/mlflow-artifacts"
_READ = 1 << 20

Moved: TypeAlias = Callable[[int], None]


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class StorageError(Exception):
    """The store, not the server, could not be reached or refused; ``cause`` says why."""

    def __init__(self, cause: PodiumError) -> None:
        super().__init__(cause.message)
        self.cause = cause


@dataclass(slots=True)
class Multipart:
    """An upload in parts that has begun: what is signed, and what has arrived."""

    folder: str
    name: str
    upload_id: str
    part_size: int
    signed: list[dict[str, Any]]
    checksums: list[str]
    checksum: str
    etags: dict[int, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[dict[str, Any]]:
        return [part for part in self.signed if int(part["part_number"]) not in self.etags]


class Storage:
    """The ways to the store.

    ``moved`` is told of bytes as they are sent, from any thread, and of 0 while a file is hashed.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._has_s3: bool | None = None

    def put(self, run_id: str, folder: str, file: Staged, moved: Moved) -> None:
        """One request, straight to S3 if there is one. ``folder`` is that of the run's files."""
        if not self.has_s3:
            self.put_through_server(folder, file, moved)
            return
        try:
            signed = self._ask(
                "/api/2.0/mlflow/artifacts/presigned-upload-url",
                run_id=run_id,
                path=file.path,
                content_length=file.size,
                checksum_sha256=_sha256(file, 0, file.size, moved),
            )
        except NotSupported:
            self.put_through_server(folder, file, moved)
            return
        with _Slice(file, 0, file.size, moved) as body:
            self._put_to_s3(signed["presigned_url"], signed.get("headers"), body, file.size)

    def put_through_server(self, folder: str, file: Staged, moved: Moved) -> None:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.size),
            "X-Podium-Checksum-SHA256": _sha256(file, 0, file.size, moved),
        }
        path = f"{_PROXY}/artifacts/{quote(f'{folder}/{file.path}')}"
        with _Slice(file, 0, file.size, moved) as body:
            self._transport.request("PUT", path, body=body, headers=headers, timeout=TIMEOUT).json()

    def begin(self, folder: str, file: Staged, moved: Moved) -> Multipart:
        """Start an upload in parts."""
        folder, name = posixpath.split(f"{folder}/{file.path}")
        part_size = max(PART_SIZE, -(-file.size // MAX_PARTS))
        parts = range(0, file.size, part_size)
        whole = hashlib.sha256()
        checksums = [_sha256(file, start, part_size, moved, whole) for start in parts]
        answer = self._ask(
            f"{_PROXY}/mpu/create/{quote(folder)}",
            path=name,
            num_parts=len(parts),
            part_checksums_sha256=checksums,
        )
        return Multipart(
            folder,
            name,
            answer["upload_id"],
            part_size,
            answer["credentials"],
            checksums,
            b64encode(whole.digest()).decode(),
        )

    def put_parts(self, upload: Multipart, file: Staged, moved: Moved) -> None:
        """Send the parts that are missing, then make one file of all. Can be repeated."""
        left, failed = deque(upload.missing), list[Exception]()

        def work() -> None:
            while not failed:
                try:
                    part = left.popleft()
                except IndexError:
                    return
                try:
                    self._put_part(upload, part, file, moved)
                except (StorageError, OSError) as error:
                    failed.append(error)

        helpers = [
            Thread(target=work, name="podium-part", daemon=True) for _ in range(PARALLEL - 1)
        ]
        started = [helper for helper in helpers[: len(left) - 1] if _start(helper)]
        work()
        for helper in started:
            helper.join()
        if failed:
            raise failed[0]
        self._ask(
            f"{_PROXY}/mpu/complete/{quote(upload.folder)}",
            path=upload.name,
            upload_id=upload.upload_id,
            content_length=file.size,
            checksum_sha256=upload.checksum,
            parts=[
                {
                    "part_number": number,
                    "etag": etag,
                    "checksum_sha256": upload.checksums[number - 1],
                }
                for number, etag in sorted(upload.etags.items())
            ],
        )

    def abort(self, upload: Multipart) -> None:
        """Let S3 forget the parts it has; if it is not told, the bucket's life cycle does it."""
        try:
            self._ask(
                f"{_PROXY}/mpu/abort/{quote(upload.folder)}",
                path=upload.name,
                upload_id=upload.upload_id,
            )
        except PodiumError:
            return

    @property
    def has_s3(self) -> bool:
        """Whether files may go straight to S3; asked once."""
        if self._has_s3 is None:
            try:
                answer = self._transport.request("GET", "/api/3.0/mlflow/server-info").json()
            except NotFound:
                answer = {}
            self._has_s3 = bool(answer.get("multipart_uploads_enabled"))
        return self._has_s3

    def _put_part(
        self, upload: Multipart, part: dict[str, Any], file: Staged, moved: Moved
    ) -> None:
        number = int(part["part_number"])
        start = (number - 1) * upload.part_size
        size = min(upload.part_size, file.size - start)
        with _Slice(file, start, size, moved) as body:
            answered = self._put_to_s3(part["url"], part.get("headers"), body, size)
        upload.etags[number] = answered.get("etag", "")

    def _put_to_s3(
        self, url: str, headers: dict[str, str] | None, body: _Slice, size: int
    ) -> Mapping[str, str]:
        """Returns the headers of the answer."""
        sent = {**(headers or {}), "Content-Length": str(size)}
        try:
            return self._transport.request(
                "PUT", url, body=body, headers=sent, timeout=TIMEOUT
            ).headers
        except PodiumError as error:
            raise StorageError(error) from error

    def _ask(self, call: str, /, **body: Any) -> dict[str, Any]:
        return self._transport.request("POST", call, json=body, timeout=TIMEOUT).json()


class _Slice:
    """A part of a file, read as it is sent."""

    def __init__(self, file: Staged, start: int, size: int, moved: Moved | None = None) -> None:
        self._left = size
        self._moved = moved
        self._stream: IO[bytes] = file.open()
        self._stream.seek(start)

    def __enter__(self) -> _Slice:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def read(self, size: int = _READ) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        if self._moved is not None and data:
            self._moved(len(data))
        return data


def _sha256(file: Staged, start: int, size: int, moved: Moved, whole: Digest | None = None) -> str:
    """Of these bytes, which ``whole`` is told, too."""
    digest = hashlib.sha256()
    with _Slice(file, start, size) as part:
        while data := part.read():
            digest.update(data)
            if whole is not None:
                whole.update(data)
            moved(0)
    return b64encode(digest.digest()).decode()


def _start(thread: Thread) -> bool:
    try:
        thread.start()
    except RuntimeError:  # the interpreter is shutting down: the caller does all the work
        return False
    return True
