"""What a cluster has of us, kept up to date: lists as the truth, watches to hear of it sooner.

One list and one watch of a kind and namespace serve all its launches, however many. Lists are made
by whoever asks, every 45 seconds or when a watch broke; what a watch tells goes into what was
listed, and wakes the worker.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from ..launch.cluster import Cluster
from ..launch.kinds import EVENT, POD, WORKLOAD, Kind
from ..launch.kube import Away, Gone, NotNow, Refused
from ..launch.names import INSTANCE, LAUNCH, MANAGER, Manifest

RELIST_SECONDS = 45.0
_WARNINGS_SECONDS = 10.0
_SOONEST = 1.0  # a watch that breaks at once must not have its list made without a pause
_PAUSE = 5.0  # before a list that could not be had is asked for again
_OURS = f"app.kubernetes.io/managed-by={MANAGER}"

log = structlog.get_logger("podium.launches")

Place = tuple[Kind, str]
"""A kind in a namespace."""


@dataclass(slots=True)
class _Kept:
    """What was listed, by uid. ``begun`` is when the list was asked for (monotonic seconds).

    ``refused``: it may not be listed, so ``items`` are as old as when it might; ``unwatched``: it
    may not be watched. ``away``: it cannot be listed now, and is not asked for before ``later``.
    """

    items: dict[str, Manifest] = field(default_factory=dict)
    begun: float = 0.0
    number: int = 0
    stale: bool = True
    refused: Refused | None = None
    unwatched: Refused | None = None
    missing: bool = False
    """The cluster does not know the kind: its system is not installed."""
    away: NotNow | None = None
    later: float = 0.0


class View:
    def __init__(
        self, cluster: Cluster, wake: Callable[[], None] = lambda: None, *, watches: bool = True
    ) -> None:
        self._cluster, self._wake, self._watches = cluster, wake, watches
        self._kept: dict[Place, _Kept] = defaultdict(_Kept)
        self._warnings: dict[str, tuple[float, tuple[Manifest, ...]]] = {}
        self._unread: dict[str, Refused] = {}
        self._lock = threading.Lock()
        self._closed = False

    def refresh(self, places: Iterable[Place]) -> None:
        """List what was never listed, or not for a while.

        What cannot be listed now is left as it was. :class:`Away`: that is so of everything.
        """
        wanted = set(places)
        with self._lock:
            for place in set(self._kept) - wanted:
                del self._kept[place]
        for place in sorted(wanted, key=lambda each: (each[1], each[0].kind)):
            kept = self._kept[place]
            now = time.monotonic()
            age, soon = now - kept.begun, _SOONEST if kept.number else 0
            if now >= kept.later and (age >= RELIST_SECONDS or (kept.stale and age >= soon)):
                self._list(place, kept)
        answers = [self._kept[place].away for place in wanted]
        if answers and all(answers):
            self.look_again()
            raise Away(str(answers[0]))

    def look_again(self) -> None:
        """At the next turn everything is listed, whatever is known."""
        with self._lock:
            for kept in self._kept.values():
                kept.begun, kept.stale, kept.later = 0.0, True, 0.0

    def listed_since(self, kinds: Iterable[Kind], namespace: str, moment: float) -> bool:
        """Whether what is not there is truly not: it was listed after the moment."""
        kept = [self._kept[kind, namespace] for kind in kinds]
        return all(each.begun > moment and each.refused is None for each in kept)

    def unlisted(self, places: Iterable[Place]) -> Refused | None:
        """With what words one of them may not be listed, if any may not."""
        return next((each.refused for each in self._of(places) if each.refused), None)

    def unwatched(self, places: Iterable[Place]) -> Refused | None:
        return next((each.unwatched for each in self._of(places) if each.unwatched), None)

    def is_missing(self, kind: Kind, namespace: str) -> bool:
        """Whether the cluster does not know the kind."""
        return any(each.missing for each in self._of([(kind, namespace)]))

    def unread(self, namespace: str) -> Refused | None:
        """With what words the namespace's events may not be read, if they may not."""
        return self._unread.get(namespace)

    def of_launches(self) -> Mapping[tuple[str, str], list[Manifest]]:
        """The objects by their labels: of which launch, and of which of its attempts."""
        found: dict[tuple[str, str], list[Manifest]] = defaultdict(list)
        with self._lock:
            for (kind, _), kept in self._kept.items():
                if kind == WORKLOAD:
                    continue
                for each in kept.items.values():
                    labels = each["metadata"].get("labels") or {}
                    found[labels.get(LAUNCH, ""), labels.get(INSTANCE, "")].append(each)
        return found

    def workloads(self, namespace: str) -> Mapping[str, Manifest]:
        """Kueue's, by the uid of the job that each is of."""
        with self._lock:
            kept = self._kept.get((WORKLOAD, namespace), _Kept())
            return {
                owner["uid"]: each
                for each in kept.items.values()
                for owner in each["metadata"].get("ownerReferences") or ()
            }

    def warnings(self, namespace: str) -> tuple[Manifest, ...]:
        """The namespace's events that warn, of the last seconds."""
        at, found = self._warnings.get(namespace, (-_WARNINGS_SECONDS, ()))
        if time.monotonic() - at >= _WARNINGS_SECONDS:
            try:
                found = self._cluster.list(EVENT, namespace, fields="type=Warning").items
                self._unread.pop(namespace, None)
            except Refused as refused:  # without the right there are fewer reasons to tell
                self._unread[namespace] = refused
                log.info("events not read", namespace=namespace, reason=refused.message)
            except NotNow as later:
                log.info("events not read", namespace=namespace, reason=later.message)
            self._warnings[namespace] = time.monotonic(), found
        return found

    def close(self) -> None:
        self._closed = True

    def _of(self, places: Iterable[Place]) -> list[_Kept]:
        with self._lock:
            return [self._kept[place] for place in sorted(places, key=repr) if place in self._kept]

    def _list(self, place: Place, kept: _Kept) -> None:
        kind, namespace = place
        begun = time.monotonic()
        labels = "" if kind == WORKLOAD else _OURS
        try:
            listing = self._cluster.list(kind, namespace, labels=labels)
        except NotNow as later:
            log.info("not listed", kind=kind.kind, namespace=namespace, reason=later.message)
            with self._lock:
                kept.away, kept.later = later, begun + max(_PAUSE, later.retry_after or 0)
            return
        except Refused as refused:
            log.info("not listed", kind=kind.kind, namespace=namespace, reason=refused.message)
            with self._lock:
                kept.begun, kept.stale, kept.away = begun, False, None
                kept.number += 1
                kept.missing = refused.code_number == 404
                if kept.missing:
                    kept.items, kept.refused = {}, None
                else:  # what is there is not known
                    kept.refused = refused
            return
        with self._lock:
            kept.items = {each["metadata"]["uid"]: each for each in listing.items}
            kept.begun, kept.stale, kept.refused, kept.away = begun, False, None, None
            kept.missing = False
            kept.number += 1
            number = kept.number
        if self._watches:
            threading.Thread(
                target=self._follow,
                args=(place, listing.version, number, labels),
                name=f"podium-watch-{kind.kind}",
                daemon=True,
            ).start()

    def _follow(self, place: Place, version: str, number: int, labels: str) -> None:
        """Take in what happens, until the next list takes over."""
        kind, namespace = place
        broken = False
        refused: Refused | None = None
        try:
            events = self._cluster.watch(
                kind, namespace, version, seconds=int(RELIST_SECONDS) + 15, labels=labels
            )
            for event in events:
                if event.type != "BOOKMARK" and not self._take(place, number, event):
                    return
        except Gone:
            broken = True
        except (Away, Refused) as error:
            log.info("watch ended", kind=kind.kind, namespace=namespace, reason=error.message)
            broken = True
            refused = error if isinstance(error, Refused) else None
        except Exception:
            log.exception("watch ended", kind=kind.kind, namespace=namespace)
            broken = True
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None and kept.number == number:
                kept.stale, kept.unwatched = kept.stale or broken, refused
        if broken:
            self._wake()

    def _take(self, place: Place, number: int, event: Any) -> bool:
        with self._lock:
            kept = self._kept.get(place)
            if self._closed or kept is None or kept.number != number:
                return False
            kept.unwatched = None
            uid = event.object["metadata"]["uid"]
            if event.type == "DELETED":
                kept.items.pop(uid, None)
            else:
                kept.items[uid] = event.object
        self._wake()
        return True


def complaints_about(
    warnings: Iterable[Manifest], objects: Iterable[Mapping[str, Any]]
) -> Iterator[Manifest]:
    """Those of the events that are of these objects, or of what a controller makes of them."""
    names = tuple(str(each["metadata"]["name"]) for each in objects)
    for event in warnings:
        name = str((event.get("involvedObject") or {}).get("name") or "")
        if name in names or name.startswith(tuple(f"{each}-" for each in names)):
            yield event


def needed(kinds: Iterable[Kind], namespace: str, *, queued: bool) -> set[Place]:
    """What has to be listed for a launch of such objects."""
    found = {(kind, namespace) for kind in kinds} | {(POD, namespace)}
    return found | {(WORKLOAD, namespace)} if queued else found
