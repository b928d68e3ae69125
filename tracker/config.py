"""The server's settings: read once, from the environment, into one immutable object.

``SETTINGS`` is the whole list. docs/configuration.md is checked against it by a test, and a
``PODIUM_`` variable that is on no list is refused at start with the nearest name that is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from podium.client.config import refuse_unknown
from podium.client.errors import ConfigError

from .auth.oidc import settings as oidc
from .auth.oidc.settings import Oidc
from .keyring import parse_keys
from .networks import Network, parse_networks

SETTINGS: Mapping[str, str] = {
    "PODIUM_DATABASE_URL": "Where the data is kept: postgresql://… or sqlite:////absolute/path.db.",
    "PODIUM_ARTIFACTS": "Where files are kept: s3://bucket/prefix or a folder.",
    "PODIUM_S3_ENDPOINT": "URL of an S3 server other than AWS, as in http://minio:9000.",
    "PODIUM_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR. Default INFO.",
    "PODIUM_WORKERS": "Processes of `podium server`. Default 2.",
    "PODIUM_THREADS": "Threads of each process. Default 8.",
    "PODIUM_ALLOWED_HOSTS": "Host names the server answers to, separated by commas. "
    "Default: this machine's loopback names.",
    "PODIUM_SECRET_KEYS": "Keys to encrypt secrets with, separated by commas, newest first.",
    "PODIUM_SECRET_KEYS_FILE": "A file with such keys, one a line, instead.",
    "PODIUM_WEBHOOK_ALLOW": "Private networks webhooks may reach, as in 10.0.0.0/8,fd00::/8.",
    "PODIUM_LAUNCH_SITE": "A file that says which clusters launches go to, and what they may ask "
    "for. Without it nothing is launched.",
    "PODIUM_AUTH": "required: everybody says who he is. off: this machine only, nobody is asked. "
    "Default off.",
    "PODIUM_RATE_LIMIT": "Requests a second that one account may make of each server process; ten "
    "times as many at once. 0: no limit. Default 500.",
    "PODIUM_PROXIES": "How many proxies in front of the server name the caller's address. "
    "Default 0.",
    "PODIUM_OIDC_ISSUER": "Address of an OpenID Connect provider that people sign in at.",
    "PODIUM_OIDC_CLIENT_ID": "What the provider calls this server.",
    "PODIUM_OIDC_CLIENT_SECRET": "By what it knows this server, unless it is a public client.",
    "PODIUM_OIDC_CLIENT_SECRET_FILE": "A file that holds the secret, instead.",
    "PODIUM_OIDC_SCOPES": "What the provider is asked for. Default: openid profile email.",
    "PODIUM_OIDC_GROUPS_CLAIM": "Where its token lists the groups of somebody. Default: groups.",
    "PODIUM_OIDC_ROLES": "What its groups are here, as in ml-leads=approver,vision=group:vision.",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
KEYS_FILE = "secret.keys"

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
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    secret_keys_file: Path | None = None
    webhook_allow: tuple[Network, ...] = ()
    launch_site: Path | None = None
    auth_required: bool = False
    proxies: int = 0
    rate_limit: int = 500
    oidc: Oidc | None = None

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
    hosts = tuple(host.lower() for host in _list(environ, "PODIUM_ALLOWED_HOSTS"))
    keys = parse_keys(_list(environ, "PODIUM_SECRET_KEYS"), "PODIUM_SECRET_KEYS")
    keys_file = environ.get("PODIUM_SECRET_KEYS_FILE")
    if keys and keys_file:
        raise ConfigError("PODIUM_SECRET_KEYS and PODIUM_SECRET_KEYS_FILE are both set: keep one.")
    if data is not None and not keys:
        keys_file = keys_file or str(data / KEYS_FILE)
    return Config(
        database_url=database_url,
        artifacts=artifacts,
        s3_endpoint=environ.get("PODIUM_S3_ENDPOINT") or None,
        log_level=_one_of(environ, "PODIUM_LOG_LEVEL", _LEVELS, default="INFO"),
        workers=_count(environ, "PODIUM_WORKERS", default=2, limit=64),
        threads=_count(environ, "PODIUM_THREADS", default=8, limit=256),
        allowed_hosts=hosts or LOOPBACK,
        secret_keys=keys,
        secret_keys_file=Path(keys_file) if keys_file else None,
        webhook_allow=parse_networks(
            _list(environ, "PODIUM_WEBHOOK_ALLOW"), "PODIUM_WEBHOOK_ALLOW"
        ),
        launch_site=_path(environ, "PODIUM_LAUNCH_SITE"),
        auth_required=_one_of(environ, "PODIUM_AUTH", ("OFF", "REQUIRED"), default="OFF")
        == "REQUIRED",
        rate_limit=_count(environ, "PODIUM_RATE_LIMIT", default=500, limit=1_000_000, least=0),
        proxies=_count(environ, "PODIUM_PROXIES", default=0, limit=16, least=0),
        oidc=oidc.from_environment(environ),
    )


def database_url(environ: Mapping[str, str], given: str | None = None) -> str:
    """For commands that need nothing else: ``given`` on the command line, or the setting."""
    refuse_unknown(environ)
    return given or _required(environ, "PODIUM_DATABASE_URL")


def _list(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigError(f"{name} is not set. {SETTINGS[name]} (On a laptop, type: podium up)")
    return value


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None


def _one_of(
    environ: Mapping[str, str], name: str, choices: Collection[str], *, default: str
) -> str:
    value = environ.get(name, default).upper()
    if value not in choices:
        raise ConfigError(f"{name}={environ[name]!r} must be one of {', '.join(choices)}.")
    return value


def _count(
    environ: Mapping[str, str], name: str, *, default: int, limit: int, least: int = 1
) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= limit:
        raise ConfigError(f"{name}={value!r} must be a whole number between {least} and {limit}.")
    return int(value)
