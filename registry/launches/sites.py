"""The administrator's file, which PODIUM_LAUNCH_SITE names: read again when it has changed."""

from __future__ import annotations

import threading
from pathlib import Path

from podium.client.errors import BadRequest, ConfigError

from ..launch.faults import InvalidLaunch
from ..launch.files import read_file
from ..launch.render import load_site
from ..launch.site import Site

_read: dict[Path, tuple[int, Site]] = {}
_lock = threading.Lock()


def read_site(path: Path | None) -> Site:
    """:class:`ConfigError` says what is wrong with the file; without one nothing can be asked."""
    if path is None:
        return Site()
    try:
        changed = path.stat().st_mtime_ns
        with _lock:
            if path not in _read or _read[path][0] != changed:
                _read[path] = changed, load_site(read_file(path.read_text("utf-8"), "site"))
            return _read[path][1]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"PODIUM_LAUNCH_SITE={path} cannot be read: {error}.") from None
    except InvalidLaunch as wrong:
        raise ConfigError(f"PODIUM_LAUNCH_SITE={path}: {wrong.message}") from None


def require_site(path: Path | None) -> Site:
    """For whoever wants to launch: :class:`BadRequest` where nothing is set up for it."""
    site = read_site(path)
    if not site.clusters:
        raise BadRequest(
            "This server launches nothing: no cluster is named. An administrator lists them under "
            "'clusters' in the file that PODIUM_LAUNCH_SITE names (docs/launch.md)."
        )
    return site
