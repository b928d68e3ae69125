"""What must be right before the server says it is up: numbered checks, each with its fix.

A check that fails stops the start with one line, instead of a stack trace at the first request.

    P001  the settings are known and well-formed
    P002  the database answers
    P003  its schema is this version's
    P004  the artifact store can be used, if it answers
    P005  nobody but this machine can reach a server that asks nobody who they are
    P006  the keys that secrets are encrypted with can be read
    P007  people can sign in at the OpenID Connect provider, if there is one, and safely
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from podium.client.errors import ConfigError, PodiumError

from .artifacts import open_store
from .artifacts.base import Away
from .artifacts.watch import Watch
from .config import LOOPBACK, Config, from_environment
from .db import Database
from .keyring import Keyring
from .schema_history import History, check_schema, upgrade

_STORE_SECONDS = 15.0  # in which also one far away says what is wrong


def read_config(environ: Mapping[str, str], *, data: Path | None = None) -> Config:
    with _numbered("P001"):
        return from_environment(environ, data=data)


def check_start(
    config: Config, histories: Sequence[History], *, host: str, migrate: bool
) -> str | None:
    """Run P002 to P007; ``migrate`` brings an older schema up instead of refusing it.

    Returns what is wrong and stops nothing: an artifact store that does not answer. If that did, no
    server could be started or moved while it is away, and metrics could not be logged either.
    """
    with _numbered("P005"):
        _check_bind(host, config)
    with _numbered("P006"):
        Keyring(config.secret_keys, config.secret_keys_file).keys()
    with _numbered("P007"):
        if config.oidc is not None:
            config.oidc.check(auth_required=config.auth_required)
    with _numbered("P002"):
        db = Database(config.database_url, pool_size=1)
        db.ping()
    try:
        with _numbered("P003"):
            _current(db, histories, migrate=migrate)
    finally:
        db.close()
    with _numbered("P004"):
        try:
            store = open_store(config.artifacts, config.s3_endpoint)
            Watch(store, seconds=_STORE_SECONDS).ready()
        except Away as away:
            return f"P004: {away.message}"
    return None


def _current(db: Database, histories: Sequence[History], *, migrate: bool) -> None:
    try:
        check_schema(db, histories)
    except ConfigError:
        if not migrate:
            raise
        upgrade(db, histories)


def _check_bind(host: str, config: Config) -> None:
    if config.auth_required or host in LOOPBACK:
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ConfigError(
            f"--host {host} would let other machines in, and this server asks nobody who they are. "
            "Set PODIUM_AUTH=required, and PODIUM_ALLOWED_HOSTS to the names it goes by; or bind "
            "127.0.0.1."
        )


@contextmanager
def _numbered(number: str) -> Iterator[None]:
    try:
        yield
    except PodiumError as error:
        raise ConfigError(f"{number}: {error.message}") from error
