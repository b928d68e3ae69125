"""Client-supplied paths and URIs, parsed once at the edge.

A store takes an :class:`ArtifactPath`, never a string: what was not parsed here cannot become a
file name or an S3 key, and the type checker says so.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from podium.client.errors import BadRequest, ConfigError
from podium.client.rules import fault_of_path, fault_of_segments, shown

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
LOCATION = "mlflow-artifacts:/"


@dataclass(frozen=True, slots=True, order=True)
class ArtifactPath:
    """A relative path with ``/`` between segments, none of which can lead out of a store.

    The constructor takes a path that is canonical already; :meth:`parse` takes what a client sent.
    """

    key: str

    def __post_init__(self) -> None:
        if self.key:
            _check(self.key, self.key, "path")

    @classmethod
    def parse(cls, raw: str, *, field: str = "path") -> ArtifactPath:
        """The file or folder a client names; :class:`BadRequest` says what is wrong in ``field``.

        Percent-encoding is undone until none is left, so no later layer can find a ``..`` in it.
        """
        if not raw:
            raise BadRequest(f"Invalid path: {field} is empty. Name a file or folder.")
        key = _decode(raw, field)
        _check(key, raw, field)
        return cls(key)

    @classmethod
    def parse_folder(cls, raw: str, *, field: str = "path") -> ArtifactPath:
        """As :meth:`parse`, but nothing at all is the root and one trailing ``/`` is allowed."""
        return cls.parse(raw.removesuffix("/"), field=field) if raw else ROOT

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.key.split("/")) if self.key else ()

    @property
    def name(self) -> str:
        """The last segment; empty for the root."""
        return self.key.rpartition("/")[2]

    def __truediv__(self, below: ArtifactPath) -> ArtifactPath:
        """``below`` seen from this folder."""
        return ArtifactPath("/".join(part for part in (self.key, below.key) if part))

    def __str__(self) -> str:
        return self.key


ROOT = ArtifactPath("")


@dataclass(frozen=True, slots=True)
class S3Location:
    """``s3://bucket/prefix`` of the setting PODIUM_ARTIFACTS."""

    bucket: str
    prefix: ArtifactPath = ROOT

    @classmethod
    def parse(cls, uri: str) -> S3Location:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise ConfigError(
                f"PODIUM_ARTIFACTS={uri!r} names no S3 bucket. Write s3://bucket or "
                "s3://bucket/prefix: a bucket has 3 to 63 of a-z, 0-9, '.' and '-'."
            )
        try:
            return cls(bucket, ArtifactPath.parse_folder(prefix))
        except BadRequest as wrong:
            raise ConfigError(f"PODIUM_ARTIFACTS={uri!r}: {wrong.message}") from None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".removesuffix("/")


def check_endpoint(url: str) -> str:
    """PODIUM_S3_ENDPOINT without a trailing slash; :class:`ConfigError` unless it is a bare URL."""
    try:
        parts = urlsplit(url)
        bare = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        bare = ""
    if not re.match(r"https?://[^/]", bare) or bare.lower() != url.lower().rstrip("/"):
        raise ConfigError(
            f"PODIUM_S3_ENDPOINT={url!r} is not the URL of an S3 server. "
            "Write http(s)://host:port with nothing after it."
        )
    return bare


def parse_artifact_uri(uri: str, *, field: str = "artifact_uri") -> ArtifactPath:
    """The key prefix of ``mlflow-artifacts:/<experiment>/<run>/artifacts``.

    Any other URI is refused: another scheme, a host, a query, a fragment.
    """
    rest = uri.removeprefix(LOCATION)
    if rest == uri or rest.startswith("/"):
        raise BadRequest(
            f"Invalid path: {field}={uri!r} must be of the form {LOCATION}<experiment>/… with no "
            "host: the server keeps artifacts in one place, set by PODIUM_ARTIFACTS."
        )
    return ArtifactPath.parse_folder(rest, field=field)


def parse_location(uri: str, *, field: str = "artifact_location") -> str:
    """An experiment's location as it is stored: a checked ``mlflow-artifacts:/…`` URI."""
    return f"{LOCATION}{parse_artifact_uri(uri, field=field)}"


def _decode(raw: str, field: str) -> str:
    # Each round that changes anything makes the text shorter, so this ends.
    text = raw
    while "%" in text:
        try:
            decoded = unquote(text, errors="strict")
        except UnicodeDecodeError:
            raise BadRequest(
                f"Invalid path: {field}={raw!r} is not UTF-8 once its percent-encoding is undone. "
                "Encode the file name as UTF-8."
            ) from None
        if decoded == text:
            break
        text = decoded
    return text


def _check(key: str, raw: str, field: str) -> None:
    # Again as it reads to whoever folds look-alikes (NFKC): full-width dots are dots then.
    reason = fault_of_path(key) or fault_of_segments(_fold(key))
    if reason:
        raise BadRequest(
            f"Invalid path: {field}={shown(raw)} {reason}. Send a relative path such as "
            "model/weights.bin."
        )


def _fold(key: str) -> str:
    folded = unicodedata.normalize("NFKC", key)
    decoded = unquote(folded, errors="replace")
    return decoded if decoded == folded else _fold(decoded)
