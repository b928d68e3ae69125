"""The only door to ``kubernetes``: what an API server is asked, and what it says when it refuses.

The library knows how to log in and keeps connections; what is asked and answered are plain dicts.
It takes a second and 50 MB to import, so it is imported when a cluster is first used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from podium.client.errors import BadRequest, ConfigError, Unavailable

from .names import Manifest
from .site import Connection

Query = list[tuple[str, str]]
READ = 30
"""Seconds for which an answer is waited for."""
_CONNECT = 5  # seconds
_POOL = 64  # more than there are watches
# Answers that say "not now" and nothing of the object.
_LATER = frozenset({401, 408, 409, 429})
# To a body that its schema does not know, an apply is answered 500, as if it might work later.
_UNTYPED = "failed to create typed patch object"


class Refused(BadRequest):
    """The API server will not have it; ``status`` is its Status object, for ``diagnose``."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self.answer: Mapping[str, Any] = {"kind": "Status", **status}
        self.code_number = int(status.get("code") or 0)
        super().__init__(str(status.get("message") or status.get("reason") or "It was refused."))


class Away(Unavailable):
    """The API server does not answer, or not now."""


class NotNow(Away):
    """It answers that it cannot do this one thing now."""


class Silent(Away):
    """Nothing came for as long as was waited for."""


class Gone(Exception):
    """What was asked to go on from is no longer kept (410): list again."""


@dataclass(slots=True)
class Tally:
    """How many calls there were, by verb: what 500 launches cost is counted, not guessed."""

    calls: dict[str, int] = field(default_factory=dict)

    def add(self, verb: str) -> None:
        self.calls[verb] = self.calls.get(verb, 0) + 1


class ApiServer:
    """Calls of one API server; safe to share between threads, not across a fork."""

    def __init__(self, name: str, connection: Connection) -> None:
        from kubernetes.client import ApiClient

        self.name = name
        self._api = ApiClient(_configuration(name, connection))
        self.tally = Tally()

    def call(
        self,
        method: str,
        place: str,
        query: Query,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        *,
        verb: str | None = None,
        seconds: float = READ,
    ) -> Manifest:
        """The answer, within so many seconds. It counts as ``verb``, by itself as the method.

        :class:`Refused`, :class:`Away` and :class:`Gone` say why there is none.
        """
        self.tally.add(verb or method)
        with _answers(self.name):
            found: Manifest = self._api.call_api(
                place,
                method,
                query_params=query,
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=dict(body) if body else None,
                auth_settings=["BearerToken"],
                response_types_map={200: "object", 201: "object", 202: "object"},
                _return_http_data_only=True,
                _request_timeout=(_CONNECT, seconds),
            )
        return found

    def stream(self, place: str, query: Query, seconds: float, verb: str) -> Iterator[bytes]:
        """The lines of an answer that goes on for ``seconds``, each as soon as it is whole."""
        self.tally.add(verb)
        with _answers(self.name):
            answer = self._api.call_api(
                place,
                "GET",
                query_params=query,
                header_params={"Accept": "*/*"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=(_CONNECT, seconds),
            )
            rest = b""
            try:
                for chunk in answer.stream(64 * 1024, decode_content=True):
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from (line for line in lines if line)
                if rest:
                    yield rest
            finally:
                answer.close()
                answer.release_conn()


class _answers:  # noqa: N801  (a context manager, read as a sentence)
    """What goes wrong on the way becomes :class:`Away`, :class:`Refused` or :class:`Gone`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        if isinstance(error, ApiException):
            raise _refusal(self._name, error) from None
        if isinstance(error, (HTTPError, OSError)):
            kind = Silent if isinstance(error, ReadTimeoutError) else Away
            raise kind(
                f"The API server of the cluster {self._name} does not answer: "
                f"{' '.join(str(error).split())[:300]}"
            ) from None


def _refusal(name: str, error: Any) -> Exception:
    status = _status(error)
    code = int(error.status or 0)
    if code == 410:
        return Gone()
    message = str(status.get("message") or error.reason)[:500]
    if (code in _LATER or code >= 500 or code == 0) and _UNTYPED not in message:
        after = (error.headers or {}).get("Retry-After")
        kind = Away if code in (0, 401) else NotNow
        return kind(
            f"The API server of the cluster {name} says {code or 'nothing'}: {message}",
            retry_after=float(after) if after and str(after).isdigit() else None,
        )
    return Refused({**status, "code": code})


def _status(error: Any) -> dict[str, Any]:
    """The Status object that came with it; a proxy in between may have sent something else."""
    body = error.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and found.get("kind") == "Status":
        return found
    return {"reason": str(error.reason or ""), "message": text[:500] or str(error.reason or "")}


def _configuration(name: str, connection: Connection) -> Any:
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    made = client.Configuration()
    made.connection_pool_maxsize = _POOL
    made.retries = False  # who calls knows when to try again, and of redirects there are none
    try:
        if connection.kubeconfig:
            config.load_kube_config(
                connection.kubeconfig,
                context=connection.context,
                client_configuration=made,
                persist_config=False,
            )
        else:
            config.load_incluster_config(client_configuration=made)
    except (ConfigException, OSError) as error:
        raise ConfigError(
            f"The cluster {name} cannot be reached: {error} Give it a kubeconfig in the site's "
            "file (PODIUM_LAUNCH_SITE), or run in a pod whose service account has a token."
        ) from None
    return made
