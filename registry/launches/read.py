"""Finding launches, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Collection

from podium.client.entities import Page
from podium.client.errors import NotFound
from podium.client.launches import (
    Cost,
    Launch,
    LaunchDiagnosis,
    LaunchEvent,
    LaunchObject,
    LaunchState,
    RunUsage,
)
from podium.client.rules import shown
from podium.tracker.db import Database
from podium.tracker.paging import MAX_PAGE, cut, newest_first
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .tables import LaunchEventRow, LaunchRow


def find_launch(session: Session, launch_id: str, *, change: bool = False) -> LaunchRow:
    statement = select(LaunchRow).where(LaunchRow.launch_id == launch_id)
    if change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NotFound(f"No launch with id={shown(launch_id)} found")
    return found


def get_launch(db: Database, launch_id: str) -> Launch:
    with db.reading() as session:
        return tell(find_launch(session, launch_id))


def launch_events(db: Database, launch_id: str) -> list[LaunchEvent]:
    """What happened to it, the first thing first."""
    with db.reading() as session:
        row = find_launch(session, launch_id)
        found = session.scalars(
            select(LaunchEventRow)
            .where(LaunchEventRow.launch == row.id)
            .order_by(LaunchEventRow.id)
        )
        return [
            LaunchEvent(each.at, each.actor, each.attempt, each.state, each.reason, each.message)
            for each in found
        ]


def kept_log(db: Database, launch_id: str) -> list[str]:
    """The last lines, as far as they have been fetched from the cluster."""
    with db.reading() as session:
        return find_launch(session, launch_id).log.splitlines()


def list_launches(
    db: Database,
    *,
    name: str | None = None,
    version: int | None = None,
    run_id: str | None = None,
    active: bool | None = None,
    max_results: int = 100,
    page_token: str = "",
) -> Page[Launch]:
    """The newest first: of a model, a version or a run, or of all."""
    statement = newest_first(select(LaunchRow), LaunchRow.id, max_results, page_token)
    if name is not None:
        statement = statement.where(LaunchRow.name == name)
    if version is not None:
        statement = statement.where(LaunchRow.version == version)
    if run_id is not None:
        statement = statement.where(LaunchRow.run_id == run_id)
    if active is not None:
        ended = LaunchRow.ended.is_(None)
        statement = statement.where(ended if active else ~ended)
    with db.reading() as session:
        rows, token = cut(session.scalars(statement).all(), max_results)
        return Page(tuple(tell(row) for row in rows), token)


def usage_of_run(db: Database, run_id: str) -> RunUsage:
    """Over all launches that log to it, those of every attempt and those still going on."""
    counts = (func.sum(LaunchRow.gpu_seconds), func.sum(LaunchRow.cost), func.count())
    statement = (
        select(LaunchRow.currency, *counts)
        .where(LaunchRow.run_id == run_id)
        .group_by(LaunchRow.currency)
        .order_by(LaunchRow.currency)
    )
    with db.reading() as session:
        found = session.execute(statement).all()
    return RunUsage(
        sum(gpu_seconds for _, gpu_seconds, _, _ in found),
        tuple(Cost(currency, cost) for currency, _, cost, _ in found if cost),
        sum(launches for _, _, _, launches in found),
    )


def list_serving(db: Database, versions: Collection[tuple[str, int]]) -> list[Launch]:
    """What serves these versions of models now, or is to, the newest first."""
    statement = (
        select(LaunchRow)
        .where(
            LaunchRow.name.in_({name for name, _ in versions}),
            LaunchRow.version.in_({version for _, version in versions}),
            LaunchRow.purpose == "serve",
            LaunchRow.model.is_not(None),
            LaunchRow.ended.is_(None),
        )
        .order_by(LaunchRow.id.desc())
        .limit(MAX_PAGE)
    )
    with db.reading() as session:
        found = map(tell, session.scalars(statement))
        return [each for each in found if (each.name, each.version) in versions]


def tell(row: LaunchRow) -> Launch:
    return Launch(
        launch_id=row.launch_id,
        name=row.name,
        version=row.version,
        stage=row.stage,
        purpose=row.purpose,
        target=row.target,
        state=LaunchState(row.state),
        desired=row.desired,
        author=row.author,
        created=row.created,
        run_id=row.run_id,
        rule=row.rule,
        reason=row.reason,
        message=row.message,
        diagnosis=LaunchDiagnosis(**json.loads(row.diagnosis)) if row.diagnosis else None,
        endpoint=row.endpoint,
        cluster=row.cluster,
        namespace=row.namespace,
        objects=tuple(LaunchObject(*each) for each in json.loads(row.objects)),
        attempt=row.attempt,
        gpu_seconds=row.gpu_seconds,
        cost=row.cost,
        currency=row.currency,
        started=row.started,
        ended=row.ended,
        logs=tuple(json.loads(row.logs)),
        spec=json.loads(row.spec),
    )
