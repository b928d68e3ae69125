"""What an artifact store promises, and the pieces both stores are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self, TypeAlias, runtime_checkable

from podium.client.entities import FileInfo
from podium.client.errors import BadRequest, Unavailable

from .paths import ROOT, ArtifactPath

CHUNK = 256 * 1024
MAX_PRESIGNED_SECONDS = 900
MAX_PARTS = 10_000  # S3's limit
ABANDONED_SECONDS = 24 * 3600  # after which an unfinished upload is taken for one that died

Body = BinaryIO | Iterable[bytes]
Announce: TypeAlias = "Callable[[Stored], None]"


class Away(Unavailable):
    """It does not answer, or not just now: that may pass, and nobody has to change anything."""


class ArtifactStore(Protocol):
    """Files by path, on a disk or in a bucket.

    Promises, kept by every store and tested on each:

    - **Whole or not at all.** What ``put`` stores becomes visible at once when it returns, with the
      length and checksum that were announced. After an error or a crash the path holds what it
      held before. Two puts to one path leave one of the two.
    - **Folders are only paths.** They come and go with the files in them. A folder store refuses
      (:class:`BadRequest`) a path below a file or in place of a folder, as the disk does; S3 keeps
      both, and some servers (SeaweedFS) go on listing a folder that has been emptied.
    - **Order.** ``list`` returns immediate children sorted by name, by code point.
    - **Missing.** ``open`` and ``stat`` raise :class:`NotFound` for what is no file; ``list`` of
      what is no folder is empty; ``delete`` of nothing does nothing.
    - **Errors.** A wrong request is a :class:`BadRequest`; :class:`Unavailable` says what an
      administrator has to do. No other error of the disk or of S3 comes through.
    - **Threads.** One store may be used by any number of threads.
    """

    def put(
        self,
        path: ArtifactPath,
        body: Body,
        *,
        length: int | None = None,
        sha256: bytes | None = None,
        announce: Announce | None = None,
    ) -> Stored:
        """Store ``body``, replacing what was there; memory use does not grow with its length.

        :class:`BadRequest`, and nothing stored, when it differs from ``length`` or ``sha256``.
        ``announce`` is told what will be visible, before it is; what it raises stops it.
        """
        ...

    def open(
        self, path: ArtifactPath, *, start: int | None = None, stop: int | None = None
    ) -> Content:
        """Read a file, or its bytes from ``start`` up to ``stop``; close it after."""
        ...

    def list(self, folder: ArtifactPath) -> Sequence[FileInfo]:
        """The files and folders directly in ``folder``; ``path`` is the bare name."""
        ...

    def walk(self, folder: ArtifactPath = ROOT) -> Iterator[StoredFile]:
        """Every file below ``folder``, by path and code point; memory does not grow with them.

        What is stored or removed meanwhile may be among them or not.
        """
        ...

    def stat(self, path: ArtifactPath) -> FileInfo:
        """One file's size; ``path`` is the bare name."""
        ...

    def delete(self, path: ArtifactPath) -> None:
        """Remove the file at ``path`` and all below it."""
        ...

    def whereabouts(self) -> str:
        """What names the place of the files, as a folder's path or a server, bucket and prefix."""
        ...

    def ready(self) -> None:
        """Raise :class:`Unavailable`, with the fix, unless files can be stored and read now.

        :class:`Away` where that may be otherwise in a moment.
        """
        ...

    def sweep(self) -> int:
        """Remove what uploads that ended a day ago or more left unfinished; returns how many."""
        ...


@runtime_checkable
class DirectTransfer(Protocol):
    """What only S3 can do: let the client exchange bytes with it and pass the server by.

    A URL is a permission for one request that lasts ``expires`` seconds, at most 15 minutes.
    Its ``headers`` are part of the signature: the client must send them as they are.
    """

    def presign_put(
        self, path: ArtifactPath, *, length: int, sha256: bytes, expires: int = ...
    ) -> SignedRequest:
        """One PUT of exactly this many bytes with exactly this digest; S3 refuses any other."""
        ...

    def presign_get(self, path: ArtifactPath, *, expires: int = ...) -> SignedDownload:
        """One GET; :class:`NotFound` when there is no such file."""
        ...

    def create_multipart(
        self,
        path: ArtifactPath,
        *,
        parts: int,
        checksums: Sequence[bytes] | None = None,
        expires: int = ...,
    ) -> MultipartUpload:
        """Begin an upload in ``parts`` PUTs; with ``checksums``, S3 refuses a part that differs."""
        ...

    def complete_multipart(self, path: ArtifactPath, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the uploaded parts one visible file."""
        ...

    def abort_multipart(self, path: ArtifactPath, upload_id: str) -> None:
        """Drop the uploaded parts; an upload that has ended already is left as it is."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """What a put has stored."""

    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a walk.

    ``key`` is its whole path in the store, which other tools may have given a name that is no
    :class:`ArtifactPath`. ``modified`` is in ms since 1970; ``tag`` changes when the content does.
    """

    key: str
    size: int
    modified: int
    tag: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class SignedDownload(SignedRequest):
    size: int


@dataclass(frozen=True, slots=True)
class SignedPart(SignedRequest):
    part_number: int


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    upload_id: str
    parts: tuple[SignedPart, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part the client has uploaded: its number from 1 and the ETag S3 answered with.

    ``sha256`` is its digest, where the upload was begun with checksums: S3 compares it once more,
    and not every server of its protocol tells which digests it has.
    """

    part_number: int
    etag: str
    sha256: bytes | None = None


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Content:
    """Bytes ``start`` up to ``stop`` of a file that has ``size``: read once, in chunks."""

    def __init__(self, source: Readable, *, size: int, start: int, stop: int) -> None:
        self._source = source
        self.size = size
        self.start = start
        self.stop = stop

    def __iter__(self) -> Iterator[bytes]:
        left = self.stop - self.start
        while left:
            try:
                chunk = self._source.read(min(CHUNK, left))
            except OSError as error:
                raise Unavailable(f"The artifact cannot be read: {error.strerror}.") from error
            if not chunk:
                raise Unavailable(f"The artifact ended {left} bytes early. Download it again.")
            left -= len(chunk)
            yield chunk

    def read(self) -> bytes:
        """All of it at once, for what is known to be small."""
        return b"".join(self)

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Measured:
    """A body on its way into a store: counts and digests its chunks, then compares."""

    def __init__(
        self,
        body: Body,
        *,
        length: int | None,
        sha256: bytes | None,
        announce: Announce | None = None,
    ) -> None:
        self._chunks = _chunks(body)
        self._announce = announce
        self._length = length
        self._expected = sha256
        self._digest = hashlib.sha256()
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._size += len(chunk)
            # Not one byte more than announced is written, however long the body goes on.
            if self._length is not None and self._size > self._length:
                raise BadRequest(
                    f"length says {self._length} bytes, but the body is longer. "
                    "Send the length of the whole body."
                )
            self._digest.update(chunk)
            yield chunk

    def verified(self) -> Stored:
        """What was read, once it is known to be what was announced; whoever waits is told."""
        if self._length is not None and self._size != self._length:
            raise BadRequest(
                f"length says {self._length} bytes, but the body has {self._size}. "
                "The upload was cut short: send it again."
            )
        digest = self._digest.digest()
        if self._expected is not None and digest != self._expected:
            raise BadRequest(
                f"sha256 says {self._expected.hex()}, but the body's is {digest.hex()}. "
                "The upload was damaged on its way, or the file changed: send it again."
            )
        stored = Stored(self._size, digest)
        if self._announce is not None:
            self._announce(stored)
        return stored


def resolve_range(size: int, start: int | None, stop: int | None) -> tuple[int, int]:
    """The bytes meant of a file of ``size``: all when both are None, never more than there are."""
    first, last = start or 0, size if stop is None else min(stop, size)
    if (start is None and stop is None) or 0 <= first < last:
        return first, last
    raise BadRequest(
        f"The range {first}-{'' if stop is None else stop} is outside the file, which has {size} "
        "bytes. Ask for bytes that exist."
    )


def _chunks(body: Body) -> Iterator[bytes]:
    if not hasattr(body, "read"):
        yield from body
        return
    while chunk := body.read(CHUNK):
        yield chunk
