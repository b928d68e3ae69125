"""Kubeflow Pipelines' REST API, which is no Kubernetes API: runs of pipelines, v2beta1.

Its address is the administrator's, in the site's file; of what a user says nothing becomes part of
an address, and redirects are not followed. Where it does not answer, the cluster it is of may be
there all the same: that is :class:`.kube.NotNow`, and it is left alone for a while.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from ..launch.kube import NotNow, Refused
from ..launch.names import Manifest
from ..launch.site import Connection
from ..launch.state import Request
from ..launch.targets.kfp import RUNS
from .leases import backoff

EXPERIMENTS = "/apis/v2beta1/experiments"
_RUN = re.compile(r"[A-Za-z0-9-]{1,64}")
_LARGEST = 16 * 1024 * 1024
_LONGEST_MS = 30_000


class Pipelines:
    """Those of a connection, which names their address. One thread at a time asks. ``clock`` counts
    seconds."""

    def __init__(
        self, cluster: str, connection: Connection, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster, self._connection = cluster, connection
        self._address = (connection.pipelines or "").rstrip("/")
        self._clock, self._failures, self._retry, self._problem = clock, 0, 0.0, ""
        self._http = urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=5, read=30), maxsize=4
        )

    def ensure(self, body: Mapping[str, Any]) -> Manifest:
        """The run of this name, which is made if there is none: the API has no names of its own
        choice, so it is looked for first."""
        there = self.find(str(body["display_name"]))
        if there is not None:
            return there
        self._check_namespace(str(body.get("experiment_id") or ""))
        return self._ask("POST", RUNS, body)

    def find(self, name: str) -> Manifest | None:
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        said = {"page_size": 1, "filter": json.dumps({"predicates": [predicate]})}
        if self._connection.pipelines_namespace:
            said["namespace"] = self._connection.pipelines_namespace
        found = self._ask("GET", f"{RUNS}?{urlencode(said)}").get("runs") or ()
        return dict(found[0]) if found else None

    def _check_namespace(self, experiment: str) -> None:
        """A run is where its experiment is, which a user names: elsewhere nobody would find it."""
        wanted = self._connection.pipelines_namespace
        if wanted is None:
            return
        found = self._ask("GET", f"{EXPERIMENTS}/{quote(experiment, safe='')}").get("namespace")
        if found != wanted:
            message = f"options.experiment_id: is of the namespace {found}; name one of {wanted}."
            raise Refused({"code": 400, "reason": "BadRequest", "message": message})

    def get(self, run: str) -> Manifest | None:
        if not _RUN.fullmatch(run):
            return None
        try:
            return self._ask("GET", f"{RUNS}/{run}")
        except Refused as refused:
            if refused.code_number == 404:
                return None
            raise

    def do(self, request: Request) -> None:
        try:
            self._ask(request.method, request.path, request.body)
        except Refused as refused:
            if refused.code_number != 404:
                raise

    def _ask(self, method: str, path: str, sent: Mapping[str, Any] | None = None) -> Manifest:
        if self._clock() < self._retry:
            raise NotNow(self._problem)
        headers = self._headers()
        try:
            answer = self._http.request(
                method,
                self._address + path,
                body=None if sent is None else json.dumps(sent),
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            text = answer.read(_LARGEST, decode_content=True).decode("utf-8", "replace")
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._failures += 1
            self._retry = self._clock() + backoff(self._failures, longest=_LONGEST_MS) / 1000
            said = " ".join(str(error).split())[:300]
            self._problem = f"Kubeflow Pipelines of {self._cluster} does not answer: {said}"
            raise NotNow(self._problem) from None
        self._failures = 0
        try:
            found = json.loads(text or "{}")
        except ValueError:
            found = {"message": text[:500]}
        if answer.status in (408, 429) or answer.status >= 500:
            raise NotNow(
                f"Kubeflow Pipelines of {self._cluster} says {answer.status}: {text[:300]}"
            )
        if answer.status >= 300:
            body = found if isinstance(found, dict) else {}
            message = body.get("error_message") or body.get("message")
            message = message or f"It answered {answer.status}: {text[:500]}"
            raise Refused({"code": answer.status, "reason": "BadRequest", "message": message})
        return found if isinstance(found, dict) else {}

    def _headers(self) -> dict[str, str]:
        """The token is read anew: Kubernetes replaces those it gives out."""
        found = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._connection.pipelines_user:
            found["kubeflow-userid"] = self._connection.pipelines_user
        if self._connection.pipelines_token:
            try:
                token = Path(self._connection.pipelines_token).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = f"The token {self._connection.pipelines_token} cannot be read: {error}."
                raise NotNow(f"Kubeflow Pipelines of {self._cluster}: {why}") from None
            found["Authorization"] = f"Bearer {token}"
        return found
