"""The server's settings: read once, from the environment, into one immutable object.

``SETTINGS`` is the whole list. docs/configuration.md is checked against it by a test, and a
``PODIUM_`` variable that is on no list is refused at start with the nearest name that is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from podium.client.config import refuse_unknown
from podium.client.errors import ConfigError

SETTINGS: Mapping[str, str] = {
    "PODIUM_DATABASE_URL": "Where the data is kept: postgresql://… or sqlite:////absolute/path.db.",
    "PODIUM_ARTIFACTS": "Where files are kept: s3://bucket/prefix or a folder.",
    "PODIUM_S3_ENDPOINT": "URL of an S3 server other than AWS, as in http://minio:9000.",
    "PODIUM_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR. Default INFO.",
    "PODIUM_WORKERS": "Processes of `podium server`. Default 2.",
    "PODIUM_THREADS": "Threads of each process. Default 8.",
    "PODIUM_ALLOWED_HOSTS": "Host names the server answers to, separated by commas. "
    "Default: this machine's loopback names.",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Config:
    database_url: str
    artifacts: str
    s3_endpoint: str | None = None
    log_level: str = "INFO"
    workers: int = 2
    threads: int = 8
    allowed_hosts: tuple[str, ...] = LOOPBACK

    def with_overrides(
        self, *, database_url: str | None = None, artifacts: str | None = None
    ) -> Config:
        """This configuration with what the command line says instead."""
        return replace(
            self,
            database_url=database_url or self.database_url,
            artifacts=artifacts or self.artifacts,
        )


def from_environment(environ: Mapping[str, str], *, data: Path | None = None) -> Config:
    """Read and check every setting; :class:`ConfigError` names the wrong one and the fix.

    ``data`` is the folder `podium up` keeps its SQLite file and artifacts in when the environment
    does not say otherwise. Without it both settings must be there.
    """
    refuse_unknown(environ)
    if data is not None:
        database_url = environ.get("PODIUM_DATABASE_URL") or f"sqlite:///{data / 'podium.db'}"
        artifacts = environ.get("PODIUM_ARTIFACTS") or str(data / "artifacts")
    else:
        database_url = _required(environ, "PODIUM_DATABASE_URL")
        artifacts = _required(environ, "PODIUM_ARTIFACTS")
    hosts = tuple(
        host.strip().lower()
        for host in environ.get("PODIUM_ALLOWED_HOSTS", "").split(",")
        if host.strip()
    )
    return Config(
        database_url=database_url,
        artifacts=artifacts,
        s3_endpoint=environ.get("PODIUM_S3_ENDPOINT") or None,
        log_level=_one_of(environ, "PODIUM_LOG_LEVEL", _LEVELS, default="INFO"),
        workers=_count(environ, "PODIUM_WORKERS", default=2, limit=64),
        threads=_count(environ, "PODIUM_THREADS", default=8, limit=256),
        allowed_hosts=hosts or LOOPBACK,
    )


def database_url(environ: Mapping[str, str], given: str | None = None) -> str:
    """For commands that need nothing else: ``given`` on the command line, or the setting."""
    refuse_unknown(environ)
    return given or _required(environ, "PODIUM_DATABASE_URL")


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigError(f"{name} is not set. {SETTINGS[name]} (On a laptop, type: podium up)")
    return value


def _one_of(
    environ: Mapping[str, str], name: str, choices: Collection[str], *, default: str
) -> str:
    value = environ.get(name, default).upper()
    if value not in choices:
        raise ConfigError(f"{name}={environ[name]!r} must be one of {', '.join(choices)}.")
    return value


def _count(environ: Mapping[str, str], name: str, *, default: int, limit: int) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= limit:
        raise ConfigError(f"{name}={value!r} must be a whole number between 1 and {limit}.")
    return int(value)
