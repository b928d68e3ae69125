"""The client's settings: read once, from the environment, into one immutable object.

``SETTINGS`` and ``SERVER_SETTINGS`` are all there are, so that either side can tell a misspelt
variable from one that is meant for the other.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import ConfigError

SETTINGS = (
    "PODIUM_TRACKING_URI",
    "PODIUM_TRACKING_TOKEN",
    "PODIUM_EXPERIMENT",
    "PODIUM_RUN_ID",
    "PODIUM_FINISH_TIMEOUT",
    "PODIUM_SPOOL",
    "PODIUM_SPOOL_LIMIT",
    "PODIUM_HEARTBEAT",
)
SERVER_SETTINGS = (
    "PODIUM_DATABASE_URL",
    "PODIUM_ARTIFACTS",
    "PODIUM_S3_ENDPOINT",
    "PODIUM_LOG_LEVEL",
    "PODIUM_WORKERS",
    "PODIUM_THREADS",
    "PODIUM_ALLOWED_HOSTS",
    "PODIUM_SECRET_KEYS",
    "PODIUM_SECRET_KEYS_FILE",
    "PODIUM_WEBHOOK_ALLOW",
    "PODIUM_LAUNCH_SITE",
    "PODIUM_AUTH",
    "PODIUM_PROXIES",
    "PODIUM_RATE_LIMIT",
    "PODIUM_OIDC_ISSUER",
    "PODIUM_OIDC_CLIENT_ID",
    "PODIUM_OIDC_CLIENT_SECRET",
    "PODIUM_OIDC_CLIENT_SECRET_FILE",
    "PODIUM_OIDC_SCOPES",
    "PODIUM_OIDC_GROUPS_CLAIM",
    "PODIUM_OIDC_ROLES",
)
HOW_TO_NAME_A_SERVER = (
    "Set PODIUM_TRACKING_URI, as in http://127.0.0.1:5080, or call client.configure(tracking_uri). "
    "To start a server on this machine, type: podium up"
)
_RUN_ID = re.compile(r"[0-9a-f]{32}")
# What Kubernetes puts into every pod beside a Service called podium or podium-…: the documented
# {NAME}_SERVICE_HOST, {NAME}_SERVICE_PORT[_{PORT}], {NAME}_PORT and {NAME}_PORT_{N}_{PROTO}…
_SERVICE_LINK = re.compile(
    r"PODIUM_(?:[A-Z0-9_]+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)


@dataclass(frozen=True, slots=True)
class Config:
    tracking_uri: str | None = None
    """Where the server is: PODIUM_TRACKING_URI, else MLFLOW_TRACKING_URI, else configure()."""
    token: str | None = None
    """Sent as a Bearer token: PODIUM_TRACKING_TOKEN, else MLFLOW_TRACKING_TOKEN."""
    experiment: str | None = None
    """Name of the experiment new runs go to: PODIUM_EXPERIMENT. Default: the server's "Default"."""
    run_id: str | None = None
    """Run the first start_run() of the process joins, or creates: PODIUM_RUN_ID."""
    finish_timeout: float = 30.0
    """Seconds that end_run() and the end of the process wait for the server:
    PODIUM_FINISH_TIMEOUT."""
    spool: str = ""
    """Folder where what is logged waits for the server: PODIUM_SPOOL, else the user's state folder.
    """
    spool_limit: int = 4 * 1024**3
    """Bytes all that waits on this machine may take of the disk: PODIUM_SPOOL_LIMIT."""
    heartbeat: float = 30.0
    """Seconds between two signs of life of a run: PODIUM_HEARTBEAT; 0: none."""


def from_environment(environ: Mapping[str, str]) -> Config:
    """Read and check every setting; :class:`ConfigError` names the wrong one and the fix."""
    refuse_unknown(environ)
    uri = None
    for name in ("PODIUM_TRACKING_URI", "MLFLOW_TRACKING_URI"):
        if environ.get(name):
            uri = check_uri(environ[name], name)
            break
    token = environ.get("PODIUM_TRACKING_TOKEN") or environ.get("MLFLOW_TRACKING_TOKEN")
    return Config(
        tracking_uri=uri,
        token=check_token(token, "PODIUM_TRACKING_TOKEN") if token else None,
        experiment=environ.get("PODIUM_EXPERIMENT") or None,
        run_id=_run_id(environ),
        finish_timeout=check_timeout(
            environ.get("PODIUM_FINISH_TIMEOUT") or "30", "PODIUM_FINISH_TIMEOUT"
        ),
        spool=os.path.abspath(environ.get("PODIUM_SPOOL") or _state_folder(environ) + "/spool"),
        spool_limit=_bytes(environ.get("PODIUM_SPOOL_LIMIT") or "4G", "PODIUM_SPOOL_LIMIT"),
        heartbeat=check_timeout(environ.get("PODIUM_HEARTBEAT") or "30", "PODIUM_HEARTBEAT"),
    )


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Raise :class:`ConfigError` for a ``PODIUM_`` variable that is no setting of anything here."""
    settings = (*SETTINGS, *SERVER_SETTINGS)
    for name in sorted(environ):
        if not name.startswith("PODIUM_") or name in settings or _SERVICE_LINK.fullmatch(name):
            continue
        from difflib import get_close_matches

        # The prefix is common to all: it says nothing of which one was meant.
        ends = [setting.removeprefix("PODIUM_") for setting in settings]
        near = get_close_matches(name.removeprefix("PODIUM_"), ends, n=1, cutoff=0.6)
        hint = "docs/configuration.md lists the settings."
        if near:
            hint = f"Did you mean PODIUM_{near[0]}?"
        raise ConfigError(f"{name} is no setting of Podium. {hint} Otherwise unset it.")


def check_uri(uri: str, name: str) -> str:
    """The server's address without a trailing slash; ``name`` is the setting it came from."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(uri.strip())
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ConfigError(
            f"{name}={uri!r} is no address of a server. Write it as http://host:port or https://host."
        )
    if parts.username is not None:
        raise ConfigError(
            f"{name} holds a user name or password. Put a token into PODIUM_TRACKING_TOKEN instead."
        )
    if parts.query or parts.fragment:
        raise ConfigError(f"{name}={uri!r} has a '?' or '#'. Write it as http://host:port.")
    return uri.strip().rstrip("/")


def check_token(token: str, name: str) -> str:
    """A header cannot carry every character, and a line break in it would start another one."""
    if not token.strip().isascii() or not token.strip().isprintable():
        raise ConfigError(f"{name} holds a character that no token has. Copy the token again.")
    return token.strip()


def _run_id(environ: Mapping[str, str]) -> str | None:
    run_id = environ.get("PODIUM_RUN_ID") or None
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        raise ConfigError(
            f"PODIUM_RUN_ID={run_id!r} is no run id: it has 32 lower-case hexadecimal digits."
        )
    return run_id


def _state_folder(environ: Mapping[str, str]) -> str:
    """Where programs keep what outlives them: https://specifications.freedesktop.org/basedir-spec"""
    state = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "podium")


def _bytes(text: str, name: str) -> int:
    found = re.fullmatch(r"(\d{1,15})([KMGT]?)", text.strip().upper().removesuffix("B"))
    if found is None:
        raise ConfigError(f"{name}={text!r} must be a count of bytes, as in 500M or 4G.")
    return int(found[1]) << 10 * " KMGT".index(found[2] or " ")


def check_timeout(value: object, name: str) -> float:
    """Seconds, from 0 to a day; ``name`` is the setting they came from."""
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 86_400:
        raise ConfigError(f"{name}={value!r} must be seconds, from 0 to 86400.")
    return seconds
