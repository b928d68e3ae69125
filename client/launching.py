"""Launching: these calls ask the server, wait for its answer, and raise a refusal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from . import session
from .answers import made, understood
from .errors import BadRequest, Unavailable
from .launches import (
    Cost,
    DryRun,
    ForeignObject,
    Foreseen,
    Launch,
    LaunchDiagnosis,
    LaunchObject,
    LaunchPreview,
    LaunchState,
    LostLaunch,
    Orphans,
    RunUsage,
    Verdict,
)
from .rules import check_model_name
from .validation import as_int64

_PAGE = 1000
_WAIT = 10  # seconds the server waits for lines
_LAUNCHES = "/api/v1/launches"
_ORPHANS = "/api/v1/launch-orphans"
_Json = dict[str, Any]


def launch(spec: Mapping[str, Any] | None = None, **more: Any) -> Launch:
    """Launch a spec: a mapping as in a file, keyword arguments, or both.

    As in ``launch(target="job", purpose="train", source={"model": "churn", "version": 7}, …)``. It
    has begun when the worker has brought it to the cluster: see :func:`wait_for_launch`.
    """
    return _launch(_post("", {"spec": {**(spec or {}), **more}}))


def dry_run(spec: Mapping[str, Any] | None = None, **more: Any) -> DryRun:
    """What would be launched, and what the cluster says to it. Nothing is left there."""
    found = _post("/dry-run", {"spec": {**(spec or {}), **more}})
    return understood(lambda: _tried(found))


def preview_promotion(name: str, request: int) -> LaunchPreview:
    """What a request that waits would launch, and what the cluster says to that."""
    place = f"/api/v1/models/{quote(check_model_name(name), safe='')}"
    path = f"{place}/requests/{as_int64(request, 'request')}/launches"
    found: _Json = session.current().server().request("GET", path).json()

    def read() -> LaunchPreview:
        launches = found.get("launches", [])
        return LaunchPreview(
            tuple(made(Foreseen, {**each, "tried": _tried(each["tried"])}) for each in launches),
            tuple(map(_launch, found.get("stops", []))),
        )

    return understood(read)


def get_launch(launch_id: str) -> Launch:
    return _launch(_get(f"/{quote(launch_id, safe='')}"))


def list_launches(
    *,
    name: str | None = None,
    version: int | None = None,
    run_id: str | None = None,
    active: bool | None = None,
    max_results: int | None = 100,
) -> list[Launch]:
    """The newest first: of a model, a version or a run, or of all; ``None`` fetches all."""
    if max_results is not None and max_results < 1:
        raise BadRequest(f"'max_results' is {max_results}: it must be 1 or more, or None for all.")
    said = {"name": name, "version": version, "run_id": run_id}
    query = {key: str(value) for key, value in said.items() if value is not None}
    if active is not None:
        query["active"] = "true" if active else "false"
    found: list[Launch] = []
    token = ""
    while max_results is None or len(found) < max_results:
        size = _PAGE if max_results is None else min(_PAGE, max_results - len(found))
        page = {**query, "max_results": str(size)} | ({"page_token": token} if token else {})
        answer = _get("", page)
        found += map(_launch, answer.get("launches", []))
        token = answer.get("next_page_token", "")
        if not token:
            break
    return found


def stop_launch(launch_id: str) -> Launch:
    """Ask that it end. What it has written is kept."""
    return _launch(_post(f"/{quote(launch_id, safe='')}/stop", {}))


def run_usage(run_id: str) -> RunUsage:
    """GPU-seconds and cost of a run, over all the launches that log to it."""
    path = f"/api/v1/runs/{quote(run_id, safe='')}/usage"
    found: _Json = session.current().server().request("GET", path).json()

    def read() -> RunUsage:
        return made(
            RunUsage, {**found, "costs": tuple(made(Cost, each) for each in found["costs"])}
        )

    return understood(read)


def find_orphans() -> Orphans:
    """What clusters have of launches that the server does not know, and launches whose objects are
    not there. What is younger than a quarter of an hour is left out."""
    found: _Json = session.current().server().request("GET", _ORPHANS).json()

    def read() -> Orphans:
        told = {
            "objects": _foreign(found["objects"]),
            "launches": tuple(made(LostLaunch, each) for each in found["launches"]),
            "unseen": tuple(found["unseen"]),
        }
        return made(Orphans, told)

    return understood(read)


def delete_orphans(uids: Iterable[str]) -> tuple[ForeignObject, ...]:
    """Delete objects that :func:`find_orphans` has told of, if they still are what they were."""
    body = {"uids": sorted(uids)}
    found: _Json = (
        session.current().server().request("POST", f"{_ORPHANS}/delete", json=body).json()
    )
    return understood(lambda: _foreign(found["objects"]))


def wait_for_launch(launch_id: str, *, timeout: float | None = None, every: float = 2.0) -> Launch:
    """Until it has ended or serves; :class:`TimeoutError` after so many seconds.

    How it stands then is in ``state``: a launch that failed raises nothing.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        found = get_launch(launch_id)
        if not found.active or found.state is LaunchState.READY:
            return found
        if end is not None and time.monotonic() + every > end:
            raise TimeoutError(f"Launch {launch_id} is still {found.state}.")
        time.sleep(every)


def launch_logs(launch_id: str, *, follow: bool = False, pod: str = "") -> Iterator[str]:
    """The last lines; with ``follow``, those that come, until the launch is over.

    Of several workers the first one's, or those of ``pod``.
    """
    path, since = f"/{quote(launch_id, safe='')}/logs", ""
    while True:
        query = {"since": since, "pod": pod, "wait": str(_WAIT if follow else 0)}
        try:
            page = _get(path, {key: value for key, value in query.items() if value})
        except Unavailable:
            if not follow:
                raise
            time.sleep(2)  # the server, or the cluster behind it, is away for a while
            continue
        yield from (str(line["text"]) for line in page["lines"])
        if not follow or page["over"]:
            return
        since = page["cursor"]
        if not page["lines"]:
            time.sleep(1)


def _get(path: str, query: Mapping[str, str] | None = None) -> _Json:
    return session.current().server().request("GET", _LAUNCHES + path, query=query).json()


def _foreign(found: Iterable[_Json]) -> tuple[ForeignObject, ...]:
    return tuple(made(ForeignObject, each) for each in found)


def _post(path: str, body: Mapping[str, Any]) -> _Json:
    return session.current().server().request("POST", _LAUNCHES + path, json=body).json()


def _launch(found: _Json) -> Launch:
    def read() -> Launch:
        why = found.get("diagnosis")
        told = {
            **found,
            "state": LaunchState(found["state"]),
            "diagnosis": None if why is None else made(LaunchDiagnosis, why),
            "objects": tuple(made(LaunchObject, each) for each in found.get("objects", [])),
            "logs": tuple(found.get("logs", [])),
        }
        return made(Launch, told)

    return understood(read)


def _tried(found: _Json) -> DryRun:
    verdicts = (
        {**each, "refused": made(LaunchDiagnosis, each["refused"]) if each["refused"] else None}
        for each in found["verdicts"]
    )
    return made(DryRun, {**found, "verdicts": tuple(made(Verdict, each) for each in verdicts)})
