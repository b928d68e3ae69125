"""Where files are kept: a local folder or a bucket of any S3 server, behind one protocol."""

from __future__ import annotations

from pathlib import Path

from podium.client.errors import ConfigError

from .base import ArtifactStore
from .files import FolderStore
from .paths import S3Location

__all__ = ["open_store"]


def open_store(uri: str, s3_endpoint: str | None = None) -> ArtifactStore:
    """The store PODIUM_ARTIFACTS names: ``s3://bucket/prefix`` or a folder, made when absent.

    Asks nothing of an S3 server yet: :meth:`ArtifactStore.ready` does. Raises
    :class:`ConfigError` for a setting that cannot be right.
    """
    if not uri.strip():
        raise ConfigError("PODIUM_ARTIFACTS is empty. Set it to s3://bucket/prefix or a folder.")
    if uri.startswith("s3:"):
        # boto3 takes longer to import than the rest of the server: a folder needs none of it.
        from .s3_direct import DirectS3Store

        return DirectS3Store(S3Location.parse(uri), s3_endpoint)
    if ":/" in uri:
        raise ConfigError(
            f"PODIUM_ARTIFACTS={uri!r} starts with a scheme Podium does not know. "
            "Write s3://bucket/prefix or the path of a folder."
        )
    return FolderStore(Path(uri))
