"""Stages a team has chosen: their names and order, what may follow what, which have one holder.

A set is for the models that a glob matches; where none is, the canonical four are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text, shown
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..read import find_model
from ..stages import CANONICAL, Stage, Stages
from .globs import check_glob, closest
from .locks import lock_rules
from .tables import StageSetRow
from .waking import wake_all

MAX_STAGES = 20
MAX_NAME = 64
_FIELDS = {"name", "follows", "held", "exclusive"}


def stages_of(session: Session, name: str) -> Stages:
    """The stages of the model of this name."""
    row = set_for(session, name)
    return CANONICAL if row is None else parse(json.loads(row.stages))


def set_for(session: Session, name: str) -> StageSetRow | None:
    """Where they are from; None for the canonical ones."""
    rows = {row.glob: row for row in session.scalars(select(StageSetRow))}
    found = closest(rows, name)
    return None if found is None else rows[found]


def effective_stages(db: Database, name: str) -> Stages:
    with db.reading() as session:
        return stages_of(session, find_model(session, name).name)


def list_stage_sets(db: Database) -> dict[str, Stages]:
    with db.reading() as session:
        rows = session.scalars(select(StageSetRow).order_by(StageSetRow.glob))
        return {row.glob: parse(json.loads(row.stages)) for row in rows}


def set_stages(db: Database, glob: str, told: Mapping[str, Any]) -> Stages:
    """Give the models that match ``glob`` these stages. A version keeps the stage it has: one that
    the new set lacks counts as its first.
    """
    check_glob(glob)
    found = parse(told)
    written = json.dumps(render(found))
    with db.writing() as session:
        lock_rules(session)
        row = _find(session, glob)
        before = None if row is None else json.loads(row.stages)
        if row is None:
            row = StageSetRow(glob=glob)
            session.add(row)
        row.stages, row.author, row.created = written, caller().name, now_ms()
        wake_all(session)
        audit.record(session, "stages.set", f"models:{glob}", before=before, after=render(found))
    return found


def delete_stages(db: Database, glob: str) -> None:
    with db.writing() as session:
        lock_rules(session)
        row = _find(session, glob)
        if row is None:
            raise NotFound(f"No stages are set for models {shown(glob)}.")
        audit.record(session, "stages.delete", f"models:{glob}", before=json.loads(row.stages))
        session.delete(row)
        wake_all(session)


def known_stage(session: Session, stage: str) -> str:
    """The stage as some set writes it: a rule for a stage that no model has is a slip."""
    check_text(stage, "stage", limit=MAX_NAME)
    told = [json.loads(each) for each in session.scalars(select(StageSetRow.stages))]
    names = [*CANONICAL.table, *(name for each in told for name in parse(each).table)]
    for name in names:
        if name.lower() == stage.lower():
            return name
    raise BadRequest(
        f"Invalid Model Version stage: {shown(stage)[1:-1]}. "
        f"Value must be one of {', '.join(dict.fromkeys(names))}."
    )


def is_edge(stages: Stages, before: str, after: str) -> bool:
    """Whether a version may go this way; a stage that the set lacks counts as its first."""
    if before not in stages.table:
        before = stages.first
    return before != after and before in stages.table[after].follows


def parse(told: Mapping[str, Any]) -> Stages:
    """``{"stages": [{"name", "follows", "held", "exclusive"}, …], "first", "archive"}``.

    Without ``follows`` a stage may be reached from every other. ``first`` is by default the first
    of the list, ``archive`` the last.
    """
    rows = told.get("stages")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not 2 <= len(rows) <= MAX_STAGES:
        raise BadRequest(f"'stages' must be a list of 2 to {MAX_STAGES} stages.")
    names = [_name(row, f"stages[{index}]") for index, row in enumerate(rows)]
    if len({name.lower() for name in names}) < len(names):
        raise BadRequest("'stages' names a stage twice; capitals make no difference.")
    table = {
        name: _stage(row, name, names, f"stages[{index}]")
        for index, (row, name) in enumerate(zip(rows, names, strict=True))
    }
    first = _one_of(told.get("first", names[0]), names, "first")
    archive = _one_of(told.get("archive", names[-1]), names, "archive")
    if table[archive].held:
        raise BadRequest(f"'archive' is {archive!r}: former holders go there, so it has none.")
    return Stages(table, first=first, archive=archive)


def render(stages: Stages) -> dict[str, Any]:
    order = list(stages.table)
    return {
        "stages": [
            {
                "name": stage.name,
                "follows": sorted(stage.follows, key=order.index),
                "held": stage.held,
                "exclusive": stage.exclusive,
            }
            for stage in stages.table.values()
        ],
        "first": stages.first,
        "archive": stages.archive,
    }


def _name(row: Any, at: str) -> str:
    if not isinstance(row, Mapping) or not row.get("name"):
        raise BadRequest(f"'{at}' must be an object with a 'name'.")
    unknown = sorted(set(row) - _FIELDS)
    if unknown:
        raise BadRequest(f"'{at}' has {unknown[0]!r}; it may have {', '.join(sorted(_FIELDS))}.")
    name = check_text(row["name"], f"{at}.name", limit=MAX_NAME)
    if name != name.strip() or not name.isprintable() or "/" in name:
        raise BadRequest(f"'{at}.name' is {shown(name)}: give printable text without '/'.")
    return name


def _stage(row: Mapping[str, Any], name: str, names: Sequence[str], at: str) -> Stage:
    follows = row.get("follows")
    if follows is None:
        follows = [each for each in names if each != name]
    if not isinstance(follows, Sequence) or isinstance(follows, str):
        raise BadRequest(f"'{at}.follows' must be a list of names of stages.")
    for each in follows:
        _one_of(each, names, f"{at}.follows")
    exclusive = _flag(row.get("exclusive", False), f"{at}.exclusive")
    held = _flag(row.get("held", exclusive), f"{at}.held")
    if exclusive and not held:
        raise BadRequest(f"'{at}.held' is false: a stage that is exclusive has a holder.")
    return Stage(name, frozenset(follows) - {name}, held=held, exclusive=exclusive)


def _one_of(value: Any, names: Sequence[str], field: str) -> str:
    if value not in names:
        raise BadRequest(f"'{field}' is {shown(value)}, which is none of {', '.join(names)}.")
    return str(value)


def _flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"'{field}' must be true or false.")
    return value


def _find(session: Session, glob: str) -> StageSetRow | None:
    return session.scalar(select(StageSetRow).where(StageSetRow.glob == glob))
