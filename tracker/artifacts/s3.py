"""Artifacts in a bucket of any S3 server. The only module that imports boto3.

Credentials and region come from where boto3 looks for them: AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, a profile, or the role of the pod or machine.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import Any

import boto3
from botocore.config import Config
from podium.client.entities import FileInfo
from podium.client.errors import BadRequest, NotFound, PodiumError, TooLarge, Unavailable

from .base import (
    ABANDONED_SECONDS,
    MAX_PARTS,
    Announce,
    Body,
    Content,
    Measured,
    Stored,
    StoredFile,
    resolve_range,
)
from .paths import ROOT, ArtifactPath, S3Location, check_endpoint
from .s3_errors import reporting

PART_BYTES = 8 * 1024 * 1024
_CONFIG = {
    "signature_version": "s3v4",
    # boto's own default, a checksum in a trailer, is refused by most servers but AWS's.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "connect_timeout": 5,
    "read_timeout": 30,
    "max_pool_connections": 32,
}
_DELETE_AT_ONCE = 1000  # S3's limit


class S3Store:
    """An :class:`~.base.ArtifactStore` below a prefix of a bucket."""

    def __init__(self, location: S3Location, endpoint: str | None = None) -> None:
        self.location = location
        self.endpoint = check_endpoint(endpoint) if endpoint else None

    @cached_property
    def _client(self) -> Any:
        # Made on first use, so that a server that forks its workers shares no connection.
        session = boto3.session.Session()
        # A server of one's own is addressed by path: its buckets have no host names.
        style = {"addressing_style": "path" if self.endpoint else "auto"}
        return session.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=session.region_name or "us-east-1",
            config=Config(s3=style, **_CONFIG),
        )

    def put(
        self,
        path: ArtifactPath,
        body: Body,
        *,
        length: int | None = None,
        sha256: bytes | None = None,
        announce: Announce | None = None,
    ) -> Stored:
        target = self._object(path)
        measured = Measured(body, length=length, sha256=sha256, announce=announce)
        pieces = _pieces(measured, length)
        first, second = next(pieces, b""), next(pieces, None)
        if second is not None:
            return self._put_multipart(path, chain((first, second), pieces), measured)
        stored = measured.verified()
        with self._reporting(path):
            self._client.put_object(**target, Body=first, ChecksumSHA256=base64_of(stored.sha256))
        return stored

    def open(
        self, path: ArtifactPath, *, start: int | None = None, stop: int | None = None
    ) -> Content:
        wanted = self._object(path)
        if (start, stop) != (None, None):
            size = self.stat(path).file_size or 0
            first, last = resolve_range(size, start, stop)
            wanted["Range"] = f"bytes={first}-{last - 1}"
        with self._reporting(path):
            answer = self._client.get_object(**wanted)
        source = _Download(answer["Body"], self, path)
        if "Range" in wanted:
            return Content(source, size=size, start=first, stop=last)
        size = int(answer["ContentLength"])
        return Content(source, size=size, start=0, stop=size)

    def list(self, folder: ArtifactPath) -> Sequence[FileInfo]:
        prefix = self._prefix(folder)
        found = []
        with self._reporting(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.location.bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                for entry in page.get("CommonPrefixes", ()):
                    name = entry["Prefix"].removeprefix(prefix).removesuffix("/")
                    found.append(FileInfo(name, is_dir=True))
                for entry in page.get("Contents", ()):
                    # The folder itself, as S3 consoles make one, is no file in it.
                    if name := entry["Key"].removeprefix(prefix):
                        found.append(FileInfo(name, is_dir=False, file_size=entry["Size"]))
        return sorted(found, key=lambda info: info.path)

    def walk(self, folder: ArtifactPath = ROOT) -> Iterator[StoredFile]:
        root = self._prefix(ROOT)
        with self._reporting(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.location.bucket, Prefix=self._prefix(folder)
            )
            for entry in (each for page in pages for each in page.get("Contents", ())):
                if entry["Key"].endswith("/"):  # a folder, as S3 consoles make one
                    continue
                yield StoredFile(
                    entry["Key"].removeprefix(root),
                    entry["Size"],
                    int(entry["LastModified"].timestamp() * 1000),
                    entry["ETag"].strip('"'),
                )

    def stat(self, path: ArtifactPath) -> FileInfo:
        target = self._object(path)
        with self._reporting(path):
            answer = self._client.head_object(**target)
        return FileInfo(path.name, is_dir=False, file_size=int(answer["ContentLength"]))

    def delete(self, path: ArtifactPath) -> None:
        target = self._object(path)
        with self._reporting(path):
            self._client.delete_object(**target)
            self._delete_below(path, target["Key"])

    def _delete_below(self, path: ArtifactPath, key: str) -> None:
        bucket = self.location.bucket
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{key}/", PaginationConfig={"PageSize": _DELETE_AT_ONCE}
        )
        for page in pages:
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
            if not keys:
                continue
            answer = self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": keys, "Quiet": True}
            )
            if failed := answer.get("Errors"):
                raise Unavailable(
                    f"S3 did not delete {len(failed)} files below {path.key!r} "
                    f"({failed[0].get('Code')}). Delete it again."
                )

    def whereabouts(self) -> str:
        return f"{self.endpoint or ''} {self.location}"

    def ready(self) -> None:
        with self._reporting():
            self._client.list_objects_v2(
                Bucket=self.location.bucket, Prefix=self.location.prefix.key, MaxKeys=1
            )

    def sweep(self) -> int:
        limit = datetime.now(UTC) - timedelta(seconds=ABANDONED_SECONDS)
        swept = 0
        with self._reporting():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.location.bucket, Prefix=self._prefix(ROOT)
            )
            for upload in (each for page in pages for each in page.get("Uploads", ())):
                if upload["Initiated"] < limit:
                    with suppress(NotFound), self._reporting():
                        self._client.abort_multipart_upload(
                            Bucket=self.location.bucket,
                            Key=upload["Key"],
                            UploadId=upload["UploadId"],
                        )
                        swept += 1
        return swept

    def _put_multipart(
        self, path: ArtifactPath, pieces: Iterable[bytes], measured: Measured
    ) -> Stored:
        target = self._object(path)
        with self._reporting(path):
            created = self._client.create_multipart_upload(**target, ChecksumAlgorithm="SHA256")
        upload_id = str(created["UploadId"])
        try:
            parts = []
            for number, piece in enumerate(pieces, 1):
                if number > MAX_PARTS:
                    raise TooLarge(
                        "The body is larger than S3 takes. Announce its length, or split it."
                    )
                checksum = base64_of(hashlib.sha256(piece).digest())
                with self._reporting(path):
                    answer = self._client.upload_part(
                        **target,
                        UploadId=upload_id,
                        PartNumber=number,
                        Body=piece,
                        ChecksumSHA256=checksum,
                    )
                parts.append(
                    {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}
                )
            stored = measured.verified()
            with self._reporting(path):
                self._complete(path, upload_id, parts)
        except BaseException:
            with suppress(PodiumError):
                self._abort(path, upload_id)
            raise
        return stored

    def _abort(self, path: ArtifactPath, upload_id: str) -> None:
        with suppress(NotFound), self._reporting(path):
            self._client.abort_multipart_upload(**self._object(path), UploadId=upload_id)

    def _complete(
        self, path: ArtifactPath, upload_id: str, parts: Sequence[dict[str, Any]]
    ) -> None:
        self._client.complete_multipart_upload(
            **self._object(path), UploadId=upload_id, MultipartUpload={"Parts": parts}
        )

    def _key(self, path: ArtifactPath) -> str:
        return (self.location.prefix / path).key

    def _prefix(self, folder: ArtifactPath) -> str:
        """What the keys of all files in a folder begin with."""
        key = self._key(folder)
        return f"{key}/" if key else ""

    def _object(self, path: ArtifactPath) -> dict[str, Any]:
        if not path.key:
            raise BadRequest("Invalid path: path is empty. Name a file or folder.")
        return {"Bucket": self.location.bucket, "Key": self._key(path)}

    def _reporting(self, path: ArtifactPath | None = None) -> AbstractContextManager[None]:
        return reporting(self.location, self.endpoint, path.key if path else "")


class _Download:
    """The body of a GET whose connection may fail while it is read."""

    def __init__(self, body: Any, store: S3Store, path: ArtifactPath) -> None:
        self._body = body
        self._store = store
        self._path = path

    def read(self, size: int, /) -> bytes:
        with reporting(self._store.location, self._store.endpoint, self._path.key):
            return bytes(self._body.read(size))

    def close(self) -> None:
        self._body.close()


def _pieces(chunks: Iterable[bytes], length: int | None) -> Iterator[bytes]:
    """Chunks joined to the size of a part; parts grow slowly, as there can only be so many."""
    smallest = max(PART_BYTES, -(-(length or 0) // MAX_PARTS))
    piece: list[bytes] = []
    held = number = 0
    for chunk in chunks:
        piece.append(chunk)
        held += len(chunk)
        if held >= smallest * (1 + number // 1000):
            yield b"".join(piece)
            piece, held, number = [], 0, number + 1
    if piece:
        yield b"".join(piece)


def base64_of(digest: bytes) -> str:
    """A digest as S3 writes checksums."""
    return b64encode(digest).decode()
