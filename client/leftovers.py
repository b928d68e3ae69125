"""What processes of this machine have logged and did not live to send."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from .backlog import Backlog
from .journal import UNBORN, Journal, Root

# Its maker died before it had written anything.
_STILLBORN_SECONDS = 3600.0


def take_over(root: Root, wanted: str | None, *, run_id: str | None = None) -> Iterator[Backlog]:
    """The spools of dead writers that may be sent to the server ``wanted``; None: all of them.

    Those without anything to send are removed on the way, those of others let go of.
    """
    for path in folders(root, run_id):
        journal = Journal.take_over(root, path)
        if journal is None:
            continue
        try:
            found = Backlog.take_over(journal)
        except (OSError, ValueError, KeyError, TypeError):  # somebody has written into it
            found = None
        if found is None or (wanted is not None and found.server not in (None, wanted)):
            journal.release()
        elif found.waiting:
            yield found
        else:
            journal.remove()


def folders(root: Root, run_id: str | None = None) -> list[Path]:
    """Of all writers, dead or alive."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for path in root.path.glob(f"{run_id or '*'}/*"):
            if not path.name.startswith(UNBORN):
                found.append(path)
            elif time.time() - path.stat().st_mtime > _STILLBORN_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
    return sorted(found)
