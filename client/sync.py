"""``podium sync``: send what waits on this machine, of processes that ended before it was sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import leftovers
from .backlog import Backlog
from .config import HOW_TO_NAME_A_SERVER, Config
from .journal import Root
from .lane import Lane
from .report import Reporter
from .retry import Outage
from .sender import GRACE, Sender
from .transport import Transport


def sync(config: Config, *, any_server: bool, say: Callable[[str], None]) -> bool:
    """Send it all; whether nothing is left that should have been sent.

    What was logged for another server than the configured one stays, unless ``any_server``.
    """
    root = Root(Path(config.spool), config.spool_limit)
    found = list(leftovers.take_over(root, None))
    alive = len(leftovers.folders(root)) - len(found)
    if alive:
        say(f"{_count(alive, 'process')} still running: what they log they send themselves.")
    if not found:
        say(f"nothing waits in {root.path}.")
    by_server: dict[str | None, list[Backlog]] = {}
    for spool in found:
        to = config.tracking_uri if any_server else spool.server or config.tracking_uri
        by_server.setdefault(to, []).append(spool)
    sent = [_send(config, server, spools, say) for server, spools in by_server.items()]
    return all(sent)


def _send(
    config: Config, server: str | None, spools: Sequence[Backlog], say: Callable[[str], None]
) -> bool:
    points = sum(spool.waiting_points for spool in spools)
    runs = len({spool.run_id for spool in spools})
    what = f"{_count(points, 'point')} of {_count(runs, 'run')}"
    problem = None
    if server is None:
        problem = f"no server is named. {HOW_TO_NAME_A_SERVER}"
    elif config.tracking_uri not in (None, server):
        problem = (
            f"they were logged for {server}. Set PODIUM_TRACKING_URI to it, or type "
            f"podium sync --any-server to send them to {config.tracking_uri}."
        )
    if server is None or problem:
        say(f"{what} wait in {config.spool}: {problem}")
        for spool in spools:
            spool.release()
        return False
    say(f"sending {what} to {server} …")
    left = _deliver(config, Transport(server, config.token), spools)
    torn = sum(spool.torn for spool in spools)
    if torn:
        say(f"{_count(torn, 'record')} had been cut off when the process died: skipped.")
    if left is None:
        say("done.")
        return True
    waiting = sum(spool.waiting_points for spool in spools)
    say(f"{_count(waiting, 'point')} still wait in {config.spool}: {left}")
    return False


def _deliver(config: Config, transport: Transport, spools: Sequence[Backlog]) -> str | None:
    """Send until all is sent, or for so long nothing got through; what was the matter then."""
    reporter = Reporter()
    outage = Outage(reporter)
    sender = Sender(transport, reporter, outage)
    lanes = [Lane(spool) for spool in spools]
    for lane in lanes:
        lane.closed_at = time.monotonic() - GRACE
        sender.open(lane)
    before, deadline, problem = -1, 0.0, None
    while problem is None and not sender.flush(1.0, lanes):
        waiting = sum(spool.waiting_points for spool in spools)
        if waiting != before:
            before, deadline = waiting, time.monotonic() + config.finish_timeout
        if time.monotonic() >= deadline or outage.hopeless:
            problem = str(outage.error or "the server takes too long.")
    sender.close()
    transport.close()
    return problem


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 'es' if word.endswith('s') else 's'}"
