"""Promoting versions: these calls ask the server, wait for its answer, and raise a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from . import session
from .answers import made, understood
from .errors import BadRequest
from .promotion import (
    Approval,
    GateResult,
    Promotion,
    RequestStatus,
    Transition,
    TransitionKind,
)
from .rules import check_model_name
from .validation import as_int64

_PAGE = 1000
_Json = dict[str, Any]


def promote(
    name: str,
    version: int | str,
    stage: str,
    *,
    comment: str = "",
    archive: bool | None = None,
    override: str | None = None,
) -> Promotion:
    """Ask that a version be in a stage. ``.done`` says that it is; else ``.waits_for`` what for.

    Asking again is no second request: it looks at the first one anew. ``archive`` sends the former
    holders to the archive, where stage and policy leave the choice; ``override`` is the reason for
    which an admin does without approvals and gates.
    """
    body: _Json = {"version": str(as_int64(_number(version), "version")), "stage": stage}
    given = {"comment": comment or None, "archive": archive, "override": override}
    body |= {key: value for key, value in given.items() if value is not None}
    return _promotion(_post(name, "promotions", body))


def approve(name: str, request: int, *, comment: str = "", digest: str | None = None) -> Promotion:
    """Agree to a request; with ``digest``, only if the version's files are still those."""
    body = {"comment": comment} | ({} if digest is None else {"digest": digest})
    return _promotion(_post(name, f"requests/{_id(request)}/approve", body))


def reject(name: str, request: int, reason: str) -> Promotion:
    return _promotion(_post(name, f"requests/{_id(request)}/reject", {"reason": reason}))


def withdraw(name: str, request: int, *, reason: str = "") -> Promotion:
    """Take back what one has asked for."""
    return _promotion(_post(name, f"requests/{_id(request)}/withdraw", {"reason": reason}))


def rollback(
    name: str, stage: str, *, version: int | str | None = None, comment: str = ""
) -> int | None:
    """Let the previous holder have the stage again; its number.

    ``version`` is the one to take back: if another holds the stage by now, nothing is done and
    :class:`Conflict` says so. None where the stage is left to others that are in it besides.
    """
    body = {"stage": stage, "comment": comment}
    if version is not None:
        body["version"] = str(as_int64(_number(version), "version"))
    entered = _post(name, "rollbacks", body).get("entered")
    return None if entered is None else _transition(entered).version


def get_promotion(name: str, request: int) -> Promotion:
    return _promotion(_get(name, f"requests/{_id(request)}"))


def list_promotions(
    name: str, *, status: str = "", max_results: int | None = 100
) -> list[Promotion]:
    """What was asked for, newest first, as with ``status="WAITING"``; ``None`` fetches all."""
    found = _pages(name, "requests", "requests", {"status": status}, max_results)
    return [_promotion(each) for each in found]


def stage_history(
    name: str, *, version: int | str | None = None, max_results: int | None = 100
) -> list[Transition]:
    """What has happened to the stages of a model, newest first; ``None`` fetches all."""
    query = {} if version is None else {"version": str(as_int64(_number(version), "version"))}
    found = _pages(name, "history", "transitions", query, max_results)
    return [_transition(each) for each in found]


def stage_holders(name: str, stage: str, *, at: int | None = None) -> list[Transition]:
    """Who holds the stage, or held it ``at`` a time in ms: the transitions that led there."""
    query = {"stage": stage} | ({} if at is None else {"at": str(at)})
    return [_transition(each) for each in _get(name, "holders", query).get("transitions", [])]


def _pages(
    name: str, path: str, items: str, query: Mapping[str, str], max_results: int | None
) -> list[_Json]:
    if max_results is not None and max_results < 1:
        raise BadRequest(f"'max_results' is {max_results}: it must be 1 or more, or None for all.")
    found: list[_Json] = []
    token = ""
    while max_results is None or len(found) < max_results:
        size = _PAGE if max_results is None else min(_PAGE, max_results - len(found))
        page = {**query, "max_results": str(size), "page_token": token}
        answer = _get(name, path, {key: value for key, value in page.items() if value})
        found += answer.get(items, [])
        token = answer.get("next_page_token", "")
        if not token:
            break
    return found


def _get(name: str, path: str, query: Mapping[str, str] | None = None) -> _Json:
    return session.current().server().request("GET", _path(name, path), query=query).json()


def _post(name: str, path: str, body: Mapping[str, Any]) -> _Json:
    return session.current().server().request("POST", _path(name, path), json=body).json()


def _path(name: str, path: str) -> str:
    return f"/api/v1/models/{quote(check_model_name(name), safe='')}/{path}"


def _number(version: int | str) -> int | str:
    return int(version) if isinstance(version, str) and version.isdecimal() else version


def _id(request: int) -> int:
    return as_int64(request, "request")


def _promotion(found: _Json) -> Promotion:
    def read() -> Promotion:
        told = {
            **found,
            "status": RequestStatus(found["status"]),
            "approvals": tuple(made(Approval, each) for each in found.get("approvals", [])),
            "gates": tuple(made(GateResult, each) for each in found.get("gates", [])),
            "waits_for": tuple(found.get("waits_for", [])),
            "archived": tuple(found.get("archived", [])),
        }
        return made(Promotion, told)

    return understood(read)


def _transition(found: _Json) -> Transition:
    return understood(lambda: made(Transition, {**found, "kind": TransitionKind(found["kind"])}))
