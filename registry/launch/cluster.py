"""What Podium asks of a cluster, in plain dicts: apply, list, watch, delete, logs.

Objects are applied on the server's side (SSA) under one field manager, with strict validation, so
an unknown field is refused by name and doing it twice is doing it once. Where a queue starts the
job (Kueue), it is created once and never applied again: an apply would suspend what is running.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .kinds import PLURALS, POD, Kind, kind_of, path
from .kube import READ, ApiServer, Away, Gone, NotNow, Query, Refused, Silent
from .names import LAUNCH, Manifest
from .ownership import LEAVER, MANAGER, leaves_replicas, left
from .site import Connection
from .state import suspended

_PAGE = 500
# Somebody waits for what is only tried; admission webhooks may take 10 s by default.
_PATIENCE = 12
_Items = list[Manifest]


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple[Manifest, ...]
    version: str
    """Where a watch goes on from."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Manifest


@dataclass(frozen=True, slots=True)
class Log:
    """Which log of which container; ``since`` is a time of RFC 3339."""

    pod: str
    container: str | None = None
    since: str | None = None
    tail: int | None = None
    limit: int | None = None
    follow: bool = False

    @property
    def query(self) -> Query:
        said = {
            "container": self.container,
            "sinceTime": self.since,
            "tailLines": self.tail,
            "limitBytes": self.limit,
            "follow": "true" if self.follow else None,
            "timestamps": "true",
        }
        return [(name, str(value)) for name, value in said.items() if value is not None]


class Cluster:
    """One API server; safe to share between threads, not across a fork (:func:`connect`)."""

    def __init__(self, name: str, connection: Connection) -> None:
        self.name, self.connection = name, connection
        self._api = ApiServer(name, connection)
        self._found: dict[Kind, str] = {}
        self.tally = self._api.tally

    def apply(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Make it so, whether it is there or not; what the server has made of it.

        :class:`Refused` names the field. A suspended job is created once: if it is there already
        and of this launch, that is as good.
        """
        if suspended(manifest):
            return self._create(manifest, dry_run=dry_run)
        if leaves_replicas(manifest) and not dry_run:
            self._leave_replicas(manifest)
        query = [("fieldManager", MANAGER), ("force", "true"), *_strict(dry_run)]
        return self._apply(manifest, query, _PATIENCE if dry_run else READ)

    def patch(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> None:
        """A merge patch (RFC 7386); of what is gone nothing is left to change."""
        self._unless_gone(
            "PATCH", kind, namespace, name, body=body, content_type="application/merge-patch+json"
        )

    def delete(self, kind: Kind, namespace: str, name: str, *, uid: str | None = None) -> None:
        """It and what it owns, in the background; with a ``uid``, nothing else of that name."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        self._unless_gone("DELETE", kind, namespace, name, body=body)

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        found = self._unless_gone("GET", kind, namespace, name)
        return None if found is None else _slim(found, kind)

    def list(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> Listing:
        """All that match, in pages."""
        place = self._path(kind, namespace)
        query = [("limit", str(_PAGE)), *_selectors(labels, fields)]
        items: _Items = []
        after: Query = []
        while True:
            page = self._api.call("GET", place, [*query, *after], verb="LIST")
            items += (_slim(each, kind) for each in page.get("items") or ())
            meta = page.get("metadata") or {}
            if not meta.get("continue"):
                return Listing(tuple(items), str(meta.get("resourceVersion") or ""))
            after = [("continue", meta["continue"])]

    def watch(
        self, kind: Kind, namespace: str, version: str, *, seconds: int, labels: str = ""
    ) -> Iterator[Seen]:
        """What happens from ``version`` on, for so long; :class:`Gone` when that is too long ago.

        It ends by itself: a connection that is half open would otherwise be waited on for ever.
        """
        query = [
            ("watch", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(seconds)),
            ("allowWatchBookmarks", "true"),
            *_selectors(labels, ""),
        ]
        place = self._path(kind, namespace)
        for line in self._api.stream(place, query, seconds + READ, "WATCH"):
            event = json.loads(line)
            found = event.get("object") or {}
            if event.get("type") == "ERROR":
                if found.get("code") == 410:
                    raise Gone
                raise Away(f"The watch of {self.name} broke: {found.get('message') or found}")
            yield Seen(str(event["type"]), _slim(found, kind))

    def logs(self, namespace: str, log: Log, *, seconds: float = READ) -> Iterator[str]:
        """The lines of a log, each with its time before it; nothing while there is no container.

        Where the log is followed, it ends when nothing was written for ``seconds``.
        """
        place = self._path(POD, namespace, log.pod, "log")
        try:
            for line in self._api.stream(place, log.query, seconds, "LOG"):
                yield line.decode("utf-8", "replace")
        except Silent:
            if not log.follow:  # it is the node that is silent, not the API server
                raise NotNow(f"The node of the pod {log.pod} does not send its log.") from None
        except Refused as refused:
            # 400: the container is being made; 404: the pod is gone.
            if refused.code_number not in (400, 404):
                raise

    def plural(self, kind: Kind) -> str:
        """As it stands in a path; for a kind that is on no table the server is asked."""
        known = PLURALS.get(kind.api_version, {}).get(kind.kind) or self._found.get(kind)
        if known is None:
            known = self._discover(kind)
            if known is None:
                raise Refused(
                    {
                        "code": 404,
                        "reason": "NotFound",
                        "message": f'no matches for kind "{kind.kind}" in version '
                        f'"{kind.api_version}"',
                    }
                )
            self._found[kind] = known
        return known

    def has(self, kind: Kind) -> bool:
        """Whether it knows the kind now; it may be installed later."""
        try:
            return self._discover(kind) is not None
        except Refused as refused:
            return refused.code_number != 404

    def _discover(self, kind: Kind) -> str | None:
        found = self._api.call("GET", kind.root, [])
        for each in found.get("resources") or ():
            if each.get("kind") == kind.kind and "/" not in str(each.get("name")):
                return str(each["name"])
        return None

    def _create(self, manifest: Manifest, *, dry_run: bool) -> Manifest:
        kind, meta = kind_of(manifest), manifest["metadata"]
        query = [("fieldManager", MANAGER), *_strict(dry_run)]
        seconds = _PATIENCE if dry_run else READ
        there = self.get(kind, meta["namespace"], meta["name"])
        if there is None:
            place = self._path(kind, meta["namespace"])
            try:
                return self._api.call("POST", place, query, manifest, seconds=seconds)
            except Away as away:
                there = self.get(kind, meta["namespace"], meta["name"])
                if there is None:
                    raise away from None
        ours = (there["metadata"].get("labels") or {}).get(LAUNCH)
        if ours != meta["labels"][LAUNCH]:
            raise Refused(
                {
                    "code": 409,
                    "reason": "AlreadyExists",
                    "message": f"There is a {kind.kind} {meta['name']} already, of launch {ours}.",
                }
            )
        return there

    def _apply(self, manifest: Manifest, query: Query, seconds: float = READ) -> Manifest:
        meta = manifest["metadata"]
        place = self._path(kind_of(manifest), meta["namespace"], meta["name"])
        content_type = "application/apply-patch+yaml"
        return self._api.call("PATCH", place, query, manifest, content_type, seconds=seconds)

    def _leave_replicas(self, manifest: Manifest) -> None:
        """As many as there are. Who changes them in between is not forced: it is tried again."""
        meta = manifest["metadata"]
        there = self._unless_gone("GET", kind_of(manifest), meta["namespace"], meta["name"])
        leaving = left(there) if there else None
        if leaving:
            self._apply(leaving, [("fieldManager", LEAVER), *_strict(dry_run=False)])

    def _unless_gone(
        self,
        method: str,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Manifest | None:
        try:
            return self._api.call(method, self._path(kind, namespace, name), [], body, content_type)
        except Refused as refused:
            if refused.code_number == 404:
                return None
            raise

    def _path(self, kind: Kind, namespace: str, name: str = "", below: str = "") -> str:
        return path(kind, self.plural(kind), namespace, name, below)


def _strict(dry_run: bool) -> Query:
    return [("fieldValidation", "Strict"), *([("dryRun", "All")] if dry_run else [])]


def _selectors(labels: str, fields: str) -> Query:
    said = {"labelSelector": labels, "fieldSelector": fields}
    return [(name, value) for name, value in said.items() if value]


def _slim(found: Manifest, kind: Kind) -> Manifest:
    """As it stands alone: the items of a list do not say what they are, and who set which field
    is of no interest here and most of the bytes."""
    found.setdefault("apiVersion", kind.api_version)
    found.setdefault("kind", kind.kind)
    (found.get("metadata") or {}).pop("managedFields", None)
    return found


_open: dict[tuple[int, str, Connection], Cluster] = {}
_lock = threading.Lock()


def connect(name: str, connection: Connection) -> Cluster:
    """The cluster of this process: a fork opens its own connections."""
    key = (os.getpid(), name, connection)
    with _lock:
        if key not in _open:
            _open[key] = Cluster(name, connection)
        return _open[key]
