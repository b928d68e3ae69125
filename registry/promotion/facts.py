"""What gates are told of a version, from the tables of the registry and of the tracker."""

from __future__ import annotations

import json

from podium.client.entities import RunSnapshot
from podium.client.errors import NotFound
from podium.tracker.runs.read import find_run, snapshots
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..inspection.manifest import File
from ..launches.tables import LaunchRow
from ..models import ModelVersion, VersionTag
from .gates import Facts, Subject
from .rights import as_system
from .tables import FileRow, InspectionRow, TransitionRow


def facts_of(
    session: Session,
    version: ModelVersion,
    holder: ModelVersion | None,
    *,
    stage: str,
    now: int,
    requester: str,
) -> Facts:
    return Facts(
        name=version.registered.name,
        stage=stage,
        version=subject_of(session, version),
        holder=None if holder is None else subject_of(session, holder),
        now=now,
        requester=requester,
    )


def subject_of(session: Session, version: ModelVersion) -> Subject:
    run = _run(session, version.run_id)
    inspected = session.get(InspectionRow, version.id, populate_existing=True)
    done = inspected is not None and inspected.status == "DONE"
    own = session.execute(
        select(VersionTag.key, VersionTag.value).where(VersionTag.version == version.id)
    )
    return Subject(
        version=version.version,
        digest=version.digest or "",
        stage=version.stage,
        created=version.creation_time,
        in_stage_since=_since(session, version),
        run_id=version.run_id,
        metrics={} if run is None else run.metrics,
        params={} if run is None else run.params,
        tags={**({} if run is None else run.tags), **dict(own.all())},
        datasets=() if run is None else _datasets(run),
        model=json.loads(inspected.model) if inspected is not None and done else None,
        scan=inspected.scan if inspected is not None and done else None,
        findings=json.loads(inspected.findings) if inspected is not None and done else (),
        location=version.storage_location,
        launches=_launches(session, version),
        files=_files(session, version) if done else (),
    )


def _files(session: Session, version: ModelVersion) -> tuple[File, ...]:
    rows = session.scalars(select(FileRow).where(FileRow.version == version.id))
    return tuple(File(row.path, row.size, row.sha256) for row in rows)


def _launches(session: Session, version: ModelVersion) -> tuple[tuple[str, str, str, str], ...]:
    found = session.execute(
        select(LaunchRow.target, LaunchRow.purpose, LaunchRow.state, LaunchRow.digest)
        .where(LaunchRow.model == version.model, LaunchRow.version == version.version)
        .order_by(LaunchRow.id.desc())
    )
    return tuple((*each,) for each in found)


def _run(session: Session, run_id: str | None) -> RunSnapshot | None:
    """A run that is gone says nothing: gates that ask it are not passed."""
    if run_id is None:
        return None
    try:
        with as_system():
            return snapshots(session, [find_run(session, run_id)])[0]
    except NotFound:
        return None


def _datasets(run: RunSnapshot) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (each.dataset.name, each.dataset.digest, each.context or "") for each in run.datasets
    )


def _since(session: Session, version: ModelVersion) -> int:
    """When it came to the stage it is in."""
    found = session.scalar(
        select(TransitionRow.at)
        .where(TransitionRow.version == version.id, TransitionRow.after == version.stage)
        .order_by(TransitionRow.id.desc())
        .limit(1)
    )
    return version.creation_time if found is None else found
