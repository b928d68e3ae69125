"""``podium doctor``: what lies between a training script and its server, looked at one by one.

Each check says what it saw and, where that is not well, the fix.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from . import leftovers
from .config import HOW_TO_NAME_A_SERVER, Config, from_environment
from .errors import ConfigError, PodiumError
from .journal import Journal, Root
from .transport import Reply, Transport, proxy_for
from .version import __version__

_SKEW_SECONDS = 60.0
_LITTLE_SPACE = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    well: bool
    text: str


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        config = from_environment(environ)
    except ConfigError as error:
        yield Finding("settings", False, error.message)
        return
    yield Finding("settings", True, f"podium {__version__}")
    yield from _spool(config)
    if config.tracking_uri is None:
        yield Finding("server", False, f"none is named. {HOW_TO_NAME_A_SERVER}")
        return
    yield _proxy(config.tracking_uri)
    with closing(Transport(config.tracking_uri, config.token)) as transport:
        yield from _server(transport, config)


def _spool(config: Config) -> Iterator[Finding]:
    root = Root(Path(config.spool), config.spool_limit)
    fix = "Set PODIUM_SPOOL to a folder on a local disk that this user may write."
    try:
        root.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=root.path) as probe:
            Journal.create(Root(Path(probe), 0), "probe", bytes(16), {}).remove()
    except OSError as error:
        yield Finding("spool", False, f"{root.path} cannot be used: {error}. {fix}")
        return
    free = shutil.disk_usage(root.path).free
    if free < _LITTLE_SPACE:
        yield Finding("spool", False, f"{root.path}: {free >> 20} MB of disk are free. {fix}")
    else:
        yield Finding("spool", True, f"{root.path}, {free >> 30} GB free")
    waiting = list(leftovers.take_over(root, None))
    points = sum(spool.waiting_points for spool in waiting)
    for spool in waiting:
        spool.release()
    if waiting:
        yield Finding("unsent", False, f"{points:,} points wait there. Type: podium sync")


def _proxy(uri: str) -> Finding:
    proxy = proxy_for(urlsplit(uri))
    if proxy is None:
        return Finding("proxy", True, "none for this server")
    host = urlsplit(uri).hostname
    return Finding(
        "proxy",
        host not in ("localhost", "127.0.0.1", "::1"),
        f"requests go through {proxy.hostname}. If it does not know {host}, add that to NO_PROXY.",
    )


def _server(transport: Transport, config: Config) -> Iterator[Finding]:
    try:
        reply = transport.request("GET", "/version")
        version = reply.body.decode(errors="replace").strip()
    except PodiumError as error:
        yield Finding(
            "server", False, f"{error.message} Is it running? On this machine, type: podium up"
        )
        return
    ours = version[:1].isdigit() and len(version) < 40
    yield Finding(
        "server",
        ours,
        f"{transport.uri}, podium {version}"
        if ours
        else f"{transport.uri} is no Podium server. Check PODIUM_TRACKING_URI.",
    )
    if not ours:
        return
    yield _clock(reply)
    try:
        asked = {"max_results": 1}
        transport.request("POST", "/api/2.0/mlflow/experiments/search", json=asked).json()
        yield Finding("token", True, "is taken" if config.token else "none is needed")
    except PodiumError as error:
        fix = "Set PODIUM_TRACKING_TOKEN to a token of this server."
        yield Finding("token", False, f"{error.message} {fix}")
    try:
        transport.request("GET", "/ready")
        yield Finding("storage", True, "the server reaches its database and its artifact store")
    except PodiumError as error:
        yield Finding(
            "storage", False, f"{error.message} It is the server's to mend: see its /ready page."
        )


def _clock(reply: Reply) -> Finding:
    try:
        theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except ValueError:
        return Finding("clock", True, "the server does not say what time it has")
    ahead = time.time() - theirs
    if abs(ahead) <= _SKEW_SECONDS:
        return Finding("clock", True, "agrees with the server's")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        "clock",
        False,
        f"is {abs(ahead):.0f} s {way} the server's, and so is every point's time. "
        "Let both set their clocks by NTP.",
    )
