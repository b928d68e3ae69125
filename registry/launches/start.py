"""Starting and stopping a launch by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from podium.client.errors import Conflict, PermissionDenied
from podium.client.launches import Launch
from podium.tracker.auth.caller import begin, caller, visit
from podium.tracker.auth.permissions import LOG
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from podium.tracker.runs.read import find_active
from sqlalchemy.orm import Session

from ..launch.site import Site
from ..launch.spec import Owner
from ..models import ModelVersion
from ..read import find_version
from .plan import Json, Plan, complete, make_plan
from .read import find_launch, tell
from .write import add, ask_to_stop


def start(db: Database, site: Site, spec: Mapping[str, Any], *, artifacts: str) -> Launch:
    """What is wrong with the spec is said now, with all its fields; nothing is started then."""
    with db.writing() as session:
        version, name = subject_of(session, spec)
        plan = plan_of(session, site, spec, artifacts=artifacts)
        said = {**spec, "target": plan.spec.target}
        return tell(add(session, said, name=name or plan.spec.name, version=version))


def stop(db: Database, launch_id: str) -> Launch:
    """Ask that it end; of one that has ended, :class:`Conflict`."""
    with db.writing() as session:
        row = find_launch(session, launch_id, change=True)
        if row.ended is not None:
            raise Conflict(f"Launch {launch_id} has ended: it is {row.state}.")
        ask_to_stop(session, row)
        session.flush()
        return tell(row)


def subject_of(session: Session, spec: Mapping[str, Any]) -> tuple[ModelVersion | None, str]:
    """The version it is of, which the caller may change; without one he is asked for more."""
    source = spec.get("source")
    found = source if isinstance(source, Mapping) else {}
    runs = [each for each in (spec.get("run_id"), found.get("run")) if each]
    with logging():
        for run in runs:
            find_active(session, str(run))
    if found.get("model") and found.get("version"):
        version = find_version(session, str(found["model"]), found["version"])
        return version, version.registered.name
    if caller().role < Role.EDITOR:
        raise PermissionDenied(
            "source.model: is missing. You may launch what is of a model that you may change; to "
            "launch anything else takes the role editor on everything."
        )
    return None, ""


@contextmanager
def logging() -> Iterator[None]:
    """Whoever names a run must be able to log to it himself."""
    before = visit()
    begin(replace(before, permission=LOG))
    try:
        yield
    finally:
        begin(before)


def plan_of(session: Session, site: Site, spec: Mapping[str, Any], *, artifacts: str) -> Plan:
    """As the plan of a launch will be that nobody has started yet."""
    said: Json = complete(session, spec, artifacts=artifacts)
    return make_plan(said, site, owner=Owner(launch_id="0" * 32))
