"""An API server for unit tests: small, in this process, over real HTTP.

It keeps objects by path and does honestly what launches rely on: server-side apply under a field
manager, generations, resource versions, lists in pages, watches from a version on and 410 where
that is forgotten, dry runs, logs. It knows no schemas and runs nothing; tests/cluster has the real
one. What is to go wrong is said by ``down``, ``fail`` and ``forget``.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from podium.registry.launch.kinds import PLURALS

from . import fields

Object = dict[str, Any]


class ApiServer:
    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.calls: Counter[str] = Counter()
        self.made: list[str] = []
        """Every object that came to be, by its path, in order."""
        self.logs: dict[str, str] = {}
        """By pod, or by pod and container (``pod/proxy``) of one with several."""
        self.down = False
        self.fail: list[tuple[int, str]] = []
        """Answers (status, message) of the next changes, instead of doing them."""
        self.fail_tries: list[tuple[int, str]] = []
        """As ``fail``, of the next dry runs: a worker beside changes what it likes."""
        self.silent: set[str] = set()
        """Pods whose node does not answer."""
        self.denied: set[str] = set()
        """What the account may not, as in ``delete jobs``."""
        self.unable: set[str] = set()
        """What it answers 500 to, as in ``list jobs``."""
        self.missing: set[str] = set()
        """Plurals of kinds that are not installed."""
        self.changed = threading.Condition()
        self._counting = threading.Lock()
        self._versions = itertools.count(1)
        self._version = 0
        self._history: list[tuple[int, str, str, Object]] = []
        self._oldest = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def count(self, verb: str) -> None:
        """A call; two may come at once."""
        with self._counting:
            self.calls[verb] += 1

    @contextmanager
    def running(self) -> Iterator[ApiServer]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()

    def kubeconfig(self, folder: Path) -> str:
        """A file that leads here."""
        path = folder / "kubeconfig"
        named = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "secret"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path.write_text(json.dumps(named))
        return str(path)

    def find(self, kind: str, name: str | None = None) -> Object:
        """The only one of a kind, or the one of that name."""
        [found] = [
            each
            for each in self.objects.values()
            if each["kind"] == kind and name in (None, each["metadata"]["name"])
        ]
        return found

    def all(self, kind: str) -> list[Object]:
        return [each for each in self.objects.values() if each["kind"] == kind]

    def say(self, found: Object, **status: Any) -> None:
        """Set an object's status, as a controller does."""
        with self.changed:
            found["status"] = {**(found.get("status") or {}), **status}
            self._note("MODIFIED", _path_of(found), found)

    def put(self, plural: str, found: Object) -> Object:
        """An object that somebody else has made: a pod, an event, a Workload."""
        root = (
            f"/api/{found['apiVersion']}"
            if "/" not in found["apiVersion"]
            else (f"/apis/{found['apiVersion']}")
        )
        meta = found["metadata"]
        place = f"{root}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
        with self.changed:
            meta.setdefault("uid", str(uuid.uuid4()))
            event = "MODIFIED" if place in self.objects else "ADDED"
            self.objects[place] = found
            _PLACES[meta["uid"]] = place
            self._note(event, place, found)
        return found

    def remove(self, found: Object) -> None:
        with self.changed:
            place = _path_of(found)
            self.objects.pop(place, None)
            self._note("DELETED", place, found)

    def forget(self) -> None:
        """What happened up to now cannot be watched any more."""
        with self.changed:
            self._oldest = self._version
            self._history.clear()
            self.changed.notify_all()

    def _note(self, event: str, place: str, found: Object) -> None:
        self._version = next(self._versions)
        found["metadata"]["resourceVersion"] = str(self._version)
        self._history.append((self._version, event, place, deepcopy(found)))
        self.changed.notify_all()

    def apply(self, place: str, body: Object, query: dict[str, str]) -> tuple[int, Object]:
        """PATCH: what this manager had set before and leaves out goes, unless another owns it."""
        there, by = self.objects.get(place), (query["fieldManager"], "Apply")
        if there is None:
            return self.create(place, body, query, by)
        made = deepcopy(there)
        said = {name: each for name, each in fields.leaves(body).items() if name not in _NAMES}
        if query.get("force") != "true" and fields.disputed(made, said, by):
            return 409, _status(409, "Conflict", "Apply failed with 1 conflict")
        fields.apply(made, said, by)
        if "dryRun" not in query and made != there:
            made["metadata"]["generation"] += made.get("spec") != there.get("spec")
            self.objects[place] = made
            self._note("MODIFIED", place, made)
        return 200, made

    def create(
        self, place: str, body: Object, query: dict[str, str], by: fields.Manager | None = None
    ) -> tuple[int, Object]:
        if place in self.objects:
            name = body["metadata"]["name"]
            return 409, _status(409, "AlreadyExists", f'jobs "{name}" already exists')
        made = deepcopy(body)
        made["metadata"] |= {"uid": str(uuid.uuid4()), "generation": 1}
        made["metadata"]["creationTimestamp"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        fields.own(
            made,
            fields.leaves(body).keys() - _NAMES,
            by or (query.get("fieldManager", ""), "Update"),
        )
        if "dryRun" not in query:
            self.objects[place] = made
            _PLACES[made["metadata"]["uid"]] = place
            self.made.append(place)
            self._note("ADDED", place, made)
        return 201, made

    def merge(self, place: str, body: Object) -> tuple[int, Object]:
        found = self.objects.get(place)
        if found is None:
            return 404, _status(404, "NotFound", "not found")
        fields.change(found, fields.leaves(body), ("OpenAPI-Generator", "Update"))
        self._note("MODIFIED", place, found)
        return 200, found

    def page(self, place: str, query: dict[str, str]) -> Object:
        found = [
            each
            for path, each in sorted(self.objects.items())
            if path.startswith(place + "/") and _matches(each, query.get("labelSelector", ""))
        ]
        start, size = int(query.get("continue") or 0), int(query.get("limit") or 500)
        meta = {"resourceVersion": str(self._version)}
        if start + size < len(found):
            meta["continue"] = str(start + size)
        # As a real list has them: an item does not say what it is.
        items = [
            {name: each[name] for name in each if name not in ("apiVersion", "kind")}
            for each in found[start : start + size]
        ]
        return {"metadata": meta, "items": items}

    def events(self, place: str, query: dict[str, str]) -> Iterator[Object]:
        """What happens below ``place`` after a version; a wait of at most a second at a time."""
        seen, end = int(query["resourceVersion"]), float(query["timeoutSeconds"])
        waited = 0.0
        while waited < end and not self.down:
            with self.changed:
                if seen < self._oldest:
                    yield {"type": "ERROR", "object": _status(410, "Expired", "too old")}
                    return
                new = [each for each in self._history if each[0] > seen]
                if not new:
                    self.changed.wait(0.2)
                    waited += 0.2
            for version, event, path, found in new:
                seen = version
                if path.startswith(place + "/") and _matches(found, query.get("labelSelector", "")):
                    yield {"type": event, "object": found}


_NAMES = {
    *(("apiVersion",), ("kind",)),
    *(("metadata", name) for name in ("name", "namespace", "uid")),
}
_PLACES: dict[str, str] = {}


def _path_of(found: Object) -> str:
    return _PLACES[found["metadata"]["uid"]]


def _matches(found: Object, selector: str) -> bool:
    labels = found["metadata"].get("labels") or {}
    wanted = (each.split("=", 1) for each in selector.split(",") if each)
    return all(labels.get(name) == value for name, value in wanted)


def _asked_of(log: str, query: dict[str, str]) -> str:
    """As a kubelet does: the lines since a time, the last of those, and no more bytes than that."""
    lines = [
        each
        for each in log.splitlines(keepends=True)
        if each[:19] >= query.get("sinceTime", "")[:19]
    ]
    if "tailLines" in query:
        lines = lines[-int(query["tailLines"]) :]
    return "".join(lines)[: int(query.get("limitBytes", sys.maxsize))]


def _status(code: int, reason: str, message: str) -> Object:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


_VERSION = re.compile(r"/apis?/((?:[^/]+/)?v[^/]+)")
_RESOURCE = re.compile(r"/(?:api|apis/([^/]+))/[^/]+/namespaces/([^/]+)/([^/]+)(?:/[^/]+)?")


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def handle_expect_100(self) -> bool:
            return True

        def do_GET(self) -> None:
            place, query = self._asked()
            if server.down:
                return self._hang_up()
            if place.split("/")[-1] == "log":
                server.count("LOG")
                pod = place.split("/")[-2]
                if pod in server.silent:
                    return self._answer(500, _status(500, "InternalError", "no kubelet"))
                other = f"{pod}/{query.get('container')}"
                text = server.logs.get(other if other in server.logs else pod)
                if text is None:
                    return self._answer(404, _status(404, "NotFound", "no such pod"))
                return self._send(200, _asked_of(text, query).encode(), "text/plain")
            if version := _VERSION.fullmatch(place):
                return self._discover(version[1])
            listing = "watch" if query.get("watch") else "list" if "limit" in query else "get"
            if self._not_installed(place) or self._denied(listing, place):
                return None
            if query.get("watch"):
                server.count("WATCH")
                return self._watch(place, query)
            if place in server.objects:
                server.count("GET")
                return self._answer(200, server.objects[place])
            if "limit" in query:
                server.count("LIST")
                with server.changed:
                    found = server.page(place, query)
                return self._answer(200, found)
            server.count("GET")
            return self._answer(404, _status(404, "NotFound", "not found"))

        def _discover(self, version: str) -> None:
            there = {
                kind: plural
                for kind, plural in PLURALS.get(version, {}).items()
                if plural not in server.missing
            }
            if not there:
                return self._answer(404, _status(404, "NotFound", "not found"))
            resources = [{"name": plural, "kind": kind} for kind, plural in there.items()]
            return self._answer(200, {"resources": resources})

        def do_POST(self) -> None:
            place, query = self._asked()
            body = self._body()
            if server.down:
                return self._hang_up()
            self._change(
                "POST",
                place,
                lambda: server.create(f"{place}/{body['metadata']['name']}", body, query),
            )
            return None

        def do_PATCH(self) -> None:
            place, query = self._asked()
            body = self._body()
            if server.down:
                return self._hang_up()
            merges = "merge-patch" in self.headers["Content-Type"]
            if not merges:
                assert query["fieldManager"]
                assert query["fieldValidation"] == "Strict"
            self._change(
                "PATCH",
                place,
                lambda: server.merge(place, body) if merges else server.apply(place, body, query),
            )
            return None

        def do_DELETE(self) -> None:
            place, _ = self._asked()
            uid = (self._body().get("preconditions") or {}).get("uid")
            if server.down:
                return self._hang_up()
            self._change("DELETE", place, lambda: self._delete(place, uid))
            return None

        def _delete(self, place: str, uid: str | None) -> tuple[int, Object]:
            found = server.objects.get(place)
            if found is None:
                return 404, _status(404, "NotFound", "not found")
            if uid not in (None, found["metadata"]["uid"]):
                return 409, _status(409, "Conflict", "the UID is another")
            server.remove(found)
            return 200, found

        def _change(self, verb: str, place: str, do: Any) -> None:
            server.count(verb)
            if self._not_installed(place) or self._denied(verb.lower(), place):
                return
            with server.changed:
                tries = "dryRun" in self._asked()[1]
                answers = server.fail_tries if tries and server.fail_tries else server.fail
                if answers:
                    code, message = answers.pop(0)
                    status, found = code, _status(code, "Failed", message)
                else:
                    status, found = do()
                found = deepcopy(found)
            self._answer(status, found)

        def _not_installed(self, place: str) -> bool:
            if not server.missing & set(place.split("/")):
                return False
            message = "the server could not find the requested resource"
            self._answer(404, _status(404, "NotFound", message))
            return True

        def _denied(self, verb: str, place: str) -> bool:
            """In the words of the real one."""
            group, namespace, plural = _RESOURCE.fullmatch(place).groups("")  # type: ignore[union-attr]
            if f"{verb} {plural}" in server.unable:
                message = "etcdserver: request timed out"
                self._answer(500, _status(500, "InternalError", message))
                return True
            if f"{verb} {plural}" not in server.denied:
                return False
            message = (
                f'{plural} is forbidden: User "system:serviceaccount:podium:podium" cannot {verb} '
                f'resource "{plural}" in API group "{group}" in the namespace "{namespace}"'
            )
            self._answer(403, _status(403, "Forbidden", message))
            return True

        def _watch(self, place: str, query: dict[str, str]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            try:
                for event in server.events(place, query):
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                pass

        def _asked(self) -> tuple[str, dict[str, str]]:
            parts = urlsplit(self.path)
            return parts.path, {name: each[-1] for name, each in parse_qs(parts.query).items()}

        def _body(self) -> Object:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found: Object = json.loads(text or b"{}")
            return found

        def _answer(self, status: int, found: Object) -> None:
            self._send(status, json.dumps(found).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _hang_up(self) -> None:
            self.close_connection = True

    return Handler
