"""Launch rules: what is launched when a version comes to a stage.

As with policies, of several rules the one counts whose glob says most about the model's name; here
for each purpose, so that a stage may have an evaluation and a serving.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podium.client.errors import NotFound
from podium.client.rules import shown
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..launch.faults import refuse
from ..launch.site import Site
from ..launch.spec import Owner
from ..promotion.globs import check_glob, closest
from ..promotion.locks import lock_rules
from ..promotion.stage_sets import known_stage
from ..read import find_model
from .plan import Json, Plan, make_plan
from .tables import LaunchRule

# What a promotion says itself.
_OF_THE_VERSION = ("source", "name", "run_id", "storage", "canary")


@dataclass(frozen=True, slots=True)
class Rule:
    """``spec`` is as in a file, without what the version says; its target is in it."""

    id: int
    model: str
    stage: str
    purpose: str
    spec: Mapping[str, Any]
    author: str
    created: int


def set_rule(db: Database, site: Site, glob: str, stage: str, spec: Mapping[str, Any]) -> Rule:
    """Let this hold from now on, in place of the rule for the same glob, stage and purpose."""
    with db.writing() as session:
        lock_rules(session)
        stage, tried = checked(session, site, glob, stage, spec)
        purpose = str(tried.spec.purpose)
        before = _retire(session, glob, stage, purpose)
        row = LaunchRule(
            glob=glob,
            stage=stage,
            purpose=purpose,
            spec=json.dumps({**spec, "target": tried.spec.target}),
            author=caller().name,
            created=now_ms(),
        )
        session.add(row)
        session.flush()
        audit.record(
            session,
            "launch-rule.set",
            _subject(row),
            before=before,
            after={"purpose": purpose, "target": tried.spec.target},
        )
        return _told(row)


def checked(
    session: Session, site: Site, glob: str, stage: str, spec: Mapping[str, Any]
) -> tuple[str, Plan]:
    """The stage as it is written, and the plan for a version that may come: what is wrong is said
    now and not then."""
    check_glob(glob)
    refuse(
        f"{name}: is said by the version that is promoted; leave it out"
        for name in _OF_THE_VERSION
        if spec.get(name)
    )
    stage = known_stage(session, stage)
    said = for_version(spec, "model", 1, stage) | _stored(spec)
    return stage, make_plan(said, site, owner=Owner(launch_id="0" * 32))


def delete_rule(db: Database, rule_id: int) -> None:
    with db.writing() as session:
        lock_rules(session)
        row = session.scalar(_in_force().where(LaunchRule.id == rule_id))
        if row is None:
            raise NotFound(f"No launch rule {shown(rule_id)} is in force.")
        row.retired = now_ms()
        audit.record(session, "launch-rule.delete", _subject(row))


def list_rules(db: Database) -> list[Rule]:
    with db.reading() as session:
        return [_told(row) for row in session.scalars(_in_force())]


def rules_for(db: Database, name: str) -> list[Rule]:
    """Those that hold for a model, one a stage and purpose."""
    with db.reading() as session:
        find_model(session, name)
        return every_rule_of(session, name)


def every_rule_of(session: Session, name: str) -> list[Rule]:
    """Those of :func:`rules_of`, for every stage."""
    rows = list(session.scalars(_in_force()))
    stages = sorted({row.stage for row in rows})
    return [_told(row) for stage in stages for row in effective(rows, name, stage)]


def rules_of(session: Session, name: str, stage: str) -> list[LaunchRule]:
    return effective(session.scalars(_in_force().where(LaunchRule.stage == stage)), name, stage)


def effective(rows: Any, name: str, stage: str) -> list[LaunchRule]:
    """Of each purpose the one that says most about the name."""
    by_purpose: dict[str, dict[str, LaunchRule]] = {}
    for row in rows:
        if row.stage == stage:
            by_purpose.setdefault(row.purpose, {})[row.glob] = row
    found = ((globs, closest(globs, name)) for _, globs in sorted(by_purpose.items()))
    return [globs[glob] for globs, glob in found if glob is not None]


def for_version(spec: Mapping[str, Any], name: str, version: int, stage: str) -> Json:
    """The rule's spec for one version."""
    return {**spec, "source": {"model": name, "version": version, "stage": stage}}


def _stored(spec: Mapping[str, Any]) -> Json:
    from ..launch.render import find_target

    takes = find_target(spec.get("target")).TAKES
    return {"storage": "s3://bucket/model"} if "storage" in takes else {}


def _in_force() -> Select[LaunchRule]:
    return (
        select(LaunchRule)
        .where(LaunchRule.retired.is_(None))
        .order_by(LaunchRule.glob, LaunchRule.stage, LaunchRule.purpose)
    )


def _retire(session: Session, glob: str, stage: str, purpose: str) -> Json | None:
    row = session.scalar(
        _in_force().where(
            LaunchRule.glob == glob, LaunchRule.stage == stage, LaunchRule.purpose == purpose
        )
    )
    if row is None:
        return None
    row.retired = now_ms()
    session.flush()
    found: Json = json.loads(row.spec)
    return {"purpose": purpose, "target": found["target"]}


def _told(row: LaunchRule) -> Rule:
    return Rule(
        row.id, row.glob, row.stage, row.purpose, json.loads(row.spec), row.author, row.created
    )


def _subject(row: LaunchRule) -> str:
    return f"launch-rule:{row.glob}/{row.stage}/{row.purpose}"
