"""Reading the log of a launch while it runs; of one that is over, what was kept of it."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from podium.client.errors import BadRequest, ConfigError, NotFound, Unavailable
from podium.client.rules import shown
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from ..launch.cluster import Cluster, Log, connect
from ..launch.names import label_value
from ..launch.site import Site
from .logs import KEPT_LINES, Line, containers, files_of, folder, lines, pods_of, read_file
from .read import find_launch
from .tables import LaunchRow

MAX_WAIT = 20
MAX_LINES = 5000
# Whoever waits for lines holds a thread of the server: the others answer requests meanwhile.
_waiting = threading.BoundedSemaphore(3)


@dataclass(frozen=True, slots=True)
class LogPage:
    """``pods`` are all that there are to choose from; ``pod`` is whose lines these are. ``cursor``
    is where the next page goes on; ``over``: no line will come any more.
    """

    lines: tuple[Line, ...]
    cursor: str
    over: bool
    pod: str = ""
    pods: tuple[str, ...] = ()


def read_log(
    db: Database,
    store: ArtifactStore,
    site: Site,
    launch_id: str,
    *,
    pod: str = "",
    since: str = "",
    wait: int = 0,
) -> LogPage:
    """The last lines or, with the cursor of a page before as ``since``, those that came after it.

    With ``wait`` it is waited so many seconds for the first of them. Until the log of one that has
    ended is kept, its pods are asked, and more may come.
    """
    if not 0 <= wait <= MAX_WAIT:
        raise BadRequest(f"'wait' is {wait}: give 0 to {MAX_WAIT} seconds.")
    with db.reading() as session:
        row = find_launch(session, launch_id)
    if row.closed:
        return _kept(db, store, row, pod, since)
    if row.target == "kfp" or row.uid is None or row.cluster not in site.clusters:
        return LogPage((), since, over=row.ended is not None)
    return _live(cluster_of(site, row.cluster), row, pod, since, wait)


def _kept(db: Database, store: ArtifactStore, row: LaunchRow, pod: str, since: str) -> LogPage:
    """The few lines of the row; what somebody has yet to see of a pod comes from its file."""
    files = files_of(json.loads(row.logs))
    names = tuple(files)
    if not names:
        return LogPage((), since, over=True)
    chosen = _choose(names, pod)
    if not since and not pod:
        few = tuple(Line("", chosen, text) for text in row.log.splitlines())
        return LogPage(few, "over", over=True, pod=chosen, pods=names)
    try:
        with store.open(folder(db, row.run_id, row.launch_id) / files[chosen]) as content:
            told = read_file(content, chosen)
            if since:
                lines = tuple(islice(_after(told, since), MAX_LINES))
            else:
                lines = tuple(deque(told, KEPT_LINES))
    except NotFound:  # its run was purged, and its files with it
        lines = ()
    over = len(lines) < MAX_LINES
    return LogPage(lines, lines[-1].at if lines else since, over, pod=chosen, pods=names)


def _choose(names: Sequence[str], pod: str) -> str:
    if pod and pod not in names:
        raise NotFound(f"No pod {shown(pod)} of this launch; there are {', '.join(names)}.")
    return pod or names[0]


def cluster_of(site: Site, name: str) -> Cluster:
    """For somebody who asks: a cluster that is not set up right is as good as one that is away."""
    try:
        return connect(name, site.clusters[name])
    except ConfigError as error:
        raise Unavailable(error.message) from None


def _live(cluster: Cluster, row: LaunchRow, pod: str, since: str, wait: int) -> LogPage:
    found = pods_of(cluster, row.namespace, label_value(row.launch_id), row.object_name)
    names = tuple(str(each["metadata"]["name"]) for each in found)
    if not names:
        return LogPage((), since, over=False)
    chosen = _choose(names, pod)
    container = containers(found[names.index(chosen)])[0]
    # The API server counts in seconds: what was seen of this one is left out.
    log = Log(
        chosen,
        container,
        since=f"{since[:19]}Z" if since else None,
        tail=None if since else KEPT_LINES,
    )
    new = list(_after(lines(cluster, row.namespace, log), since))
    if not new and wait:
        with _turn() as free:
            if free:
                follow = Log(chosen, container, since=log.since, tail=log.tail, follow=True)
                told = lines(cluster, row.namespace, follow, seconds=wait)
                new = [each for each in [next(_after(told, since), None)] if each]
    new = new[:MAX_LINES]
    return LogPage(tuple(new), new[-1].at if new else since, over=False, pod=chosen, pods=names)


def _after(found: Iterator[Line], since: str) -> Iterator[Line]:
    bound = _moment(since) if since else ""
    return (line for line in found if _moment(line.at) > bound)


def _moment(at: str) -> str:
    """RFC 3339 in UTC, comparable as text: with all the digits of a nanosecond."""
    return at.rstrip("Z").replace(",", ".").ljust(20, ".").ljust(29, "0")


@contextmanager
def _turn() -> Iterator[bool]:
    free = _waiting.acquire(blocking=False)
    try:
        yield free
    finally:
        if free:
            _waiting.release()
