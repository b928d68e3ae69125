"""Sweeps: these calls ask the server, wait for its answer, and raise a refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from . import session
from .answers import made, understood
from .errors import BadRequest
from .sweeps import Sweep, SweepState, SweepTrial, TrialState

_PAGE = 1000
_SWEEPS = "/api/v1/sweeps"
_Json = dict[str, Any]


def sweep(spec: Mapping[str, Any] | None = None, **more: Any) -> Sweep:
    """Begin a sweep: a mapping as in a file, keyword arguments, or both.

    As in ``sweep(target="job", name="churn", image=…, args=["--lr=${sweep.lr}"], sweep={"metric":
    "loss", "goal": "minimize", "parameters": […]})``. Each trial is a launch with a run of its own.
    """
    return _sweep(_post("", {"spec": {**(spec or {}), **more}}))


def get_sweep(sweep_id: str) -> Sweep:
    return _sweep(_get(f"/{quote(sweep_id, safe='')}"))


def list_sweeps(
    *,
    name: str | None = None,
    run_id: str | None = None,
    active: bool | None = None,
    max_results: int | None = 100,
) -> list[Sweep]:
    """The newest first: of a model or a name, the one of a run, or all there are; ``None`` fetches
    all."""
    if max_results is not None and max_results < 1:
        raise BadRequest(f"'max_results' is {max_results}: it must be 1 or more, or None for all.")
    query = {key: value for key, value in (("name", name), ("run_id", run_id)) if value is not None}
    if active is not None:
        query["active"] = "true" if active else "false"
    found: list[Sweep] = []
    for each in _pages("", "sweeps", query, max_results):
        found.append(_sweep(each))
        if len(found) == max_results:
            break
    return found


def sweep_trials(sweep_id: str) -> list[SweepTrial]:
    """All of them, in the order of their numbers."""
    path = f"/{quote(sweep_id, safe='')}/trials"
    return [_trial(each) for each in _pages(path, "trials", {}, None)]


def stop_sweep(sweep_id: str) -> Sweep:
    """Begin no more trials, and stop those under way. What they have logged is kept."""
    return _sweep(_post(f"/{quote(sweep_id, safe='')}/stop", {}))


def wait_for_sweep(sweep_id: str, *, timeout: float | None = None, every: float = 5.0) -> Sweep:
    """Until it has ended; :class:`TimeoutError` after so many seconds.

    How it stands then is in ``state``, and ``best`` has its best trial.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        found = get_sweep(sweep_id)
        if not found.active:
            return found
        if end is not None and time.monotonic() + every > end:
            raise TimeoutError(f"Sweep {sweep_id} is still {found.state}.")
        time.sleep(every)


def _pages(
    path: str, what: str, query: Mapping[str, str], max_results: int | None
) -> Iterator[_Json]:
    size = _PAGE if max_results is None else min(_PAGE, max_results)
    token = ""
    while True:
        page = {**query, "max_results": str(size)} | ({"page_token": token} if token else {})
        answer = _get(path, page)
        yield from answer.get(what, [])
        token = answer.get("next_page_token", "")
        if not token:
            return


def _get(path: str, query: Mapping[str, str] | None = None) -> _Json:
    return session.current().server().request("GET", _SWEEPS + path, query=query).json()


def _post(path: str, body: Mapping[str, Any]) -> _Json:
    return session.current().server().request("POST", _SWEEPS + path, json=body).json()


def _sweep(found: _Json) -> Sweep:
    def read() -> Sweep:
        best = found.get("best")
        told = {
            **found,
            "state": SweepState(found["state"]),
            "best": None if best is None else _trial(best),
        }
        return made(Sweep, told)

    return understood(read)


def _trial(found: _Json) -> SweepTrial:
    return understood(lambda: made(SweepTrial, {**found, "state": TrialState(found["state"])}))
