"""The API server as a test speaks to it: plain dicts over HTTPS, nothing of Podium's client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3

Object = dict[str, Any]


class Refused(AssertionError):
    """An answer that is no success: its status, and what the server says."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message


class Rest:
    def __init__(self, url: str, ca: Path, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(
            ca_certs=str(ca), timeout=urllib3.Timeout(30), retries=False, maxsize=8
        )
        self._kinds: dict[tuple[str, str], Mapping[str, Any]] = {}

    def call(self, method: str, path: str, body: Any = None, *, type_: str = "json") -> Any:
        """The answer's object; the text of one that is not JSON. :class:`Refused` else."""
        content = {"Content-Type": f"application/{type_}"}
        answer = self._pool.request(
            method,
            self._url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers=self._headers | (content if body is not None else {}),
        )
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        found = json.loads(answer.data) if is_json else answer.data.decode()
        if answer.status >= 300:
            said = found if isinstance(found, dict) else {"message": found}
            raise Refused(answer.status, said.get("reason", ""), said.get("message", ""))
        return found

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        try:
            return self._found("GET", self.path(api_version, kind, namespace, name))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def list(
        self, api_version: str, kind: str, namespace: str | None = None, *, labels: str = ""
    ) -> Sequence[Object]:
        query = f"?labelSelector={labels}" if labels else ""
        path = self.path(api_version, kind, namespace) + query
        items: list[Object] = self._found("GET", path)["items"]
        return [{"apiVersion": api_version, "kind": kind, **each} for each in items]

    def create(
        self, made: Mapping[str, Any], *, namespace: str | None = None, dry_run: bool = False
    ) -> Object:
        """Create it with strict field validation: a field nobody knows is refused."""
        space = namespace or made["metadata"].get("namespace")
        path = self.path(made["apiVersion"], made["kind"], space)
        query = "fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self._found("POST", f"{path}?{query}", made)

    def apply(self, made: Mapping[str, Any]) -> Object:
        """As Podium does it: on the server's side, by one field manager, with strict validation."""
        path = f"{self._of(made)}?fieldManager=podium&force=true&fieldValidation=Strict"
        return self._found("PATCH", path, made, type_="apply-patch+yaml")

    def again(self, found: Mapping[str, Any]) -> Object:
        """The object as it is now."""
        return self._found("GET", self._of(found))

    def patch(self, found: Mapping[str, Any], body: Mapping[str, Any], *, at: str = "") -> Object:
        """A merge patch; ``at`` is a subresource, as in ``/status``."""
        return self._found("PATCH", self._of(found) + at, body, type_="merge-patch+json")

    def set_status(self, found: Mapping[str, Any], status: Mapping[str, Any]) -> Object:
        """As its controller does: by the subresource, where the kind has one."""
        has = f"{self._kind(found['apiVersion'], found['kind'])['name']}/status"
        at = "/status" if has in self._subresources(found["apiVersion"]) else ""
        return self.patch(found, {"status": status}, at=at)

    def delete(self, found: Mapping[str, Any], *, propagation: str = "Background") -> None:
        self.call("DELETE", f"{self._of(found)}?propagationPolicy={propagation}")

    def path(
        self, api_version: str, kind: str, namespace: str | None = None, name: str = ""
    ) -> str:
        said = self._kind(api_version, kind)
        space = f"/namespaces/{namespace or 'default'}" if namespace and said["namespaced"] else ""
        path = f"{_group(api_version)}{space}/{said['name']}"
        return f"{path}/{name}" if name else path

    def _of(self, found: Mapping[str, Any]) -> str:
        meta = found["metadata"]
        return self.path(found["apiVersion"], found["kind"], meta.get("namespace"), meta["name"])

    def _kind(self, api_version: str, kind: str) -> Mapping[str, Any]:
        if (api_version, kind) not in self._kinds:
            self._discover(api_version)
        if (api_version, kind) not in self._kinds:
            raise LookupError(f"the cluster has no {api_version} {kind}")
        return self._kinds[api_version, kind]

    def _subresources(self, api_version: str) -> set[str]:
        return {
            name
            for (version, _), each in self._kinds.items()
            if version == api_version
            for name in each["subresources"]
        }

    def _discover(self, api_version: str) -> None:
        resources = self.call("GET", _group(api_version))["resources"]
        below = {each["name"] for each in resources if "/" in each["name"]}
        for each in resources:
            if "/" not in each["name"]:
                mine = {name for name in below if name.startswith(f"{each['name']}/")}
                self._kinds[api_version, each["kind"]] = each | {"subresources": mine}

    def _found(self, method: str, path: str, body: Any = None, **more: Any) -> Object:
        found = self.call(method, path, body, **more)
        assert isinstance(found, dict), found
        return found


def _group(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
