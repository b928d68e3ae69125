"""Inspecting each version once, by whichever worker comes first.

A worker that dies in the middle leaves a claim that runs out; one that wakes up late finds that its
claim is another's, and writes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podium.client.entities import LifecycleStage, VersionStatus
from podium.client.errors import PodiumError
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.clock import now_ms
from podium.tracker.db import Database, insert
from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session

from ..models import ModelVersion, RegisteredModel
from ..promotion.tables import FileRow, InspectionRow
from ..promotion.waking import wake_model
from ..read import find_version
from . import File, Inspected, TooMany, inspect

_CLAIM_MS = 3_600_000
_FIRST_RETRY_MS, _LONGEST_RETRY_MS = 30_000, 6 * 3_600_000
# A turn of the worker ends after so long: others wait for theirs.
_TURN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Claim:
    version: int
    model: int
    location: str
    attempt: int


def inspect_new(db: Database, store: ArtifactStore) -> int:
    """Look into versions that nobody has looked into; how many."""
    done, until = 0, time.monotonic() + _TURN_SECONDS
    while time.monotonic() < until:
        claim = _claim(db)
        if claim is None:
            break
        try:
            found = inspect(store, parse_artifact_uri(claim.location))
        except (PodiumError, TooMany) as error:
            _give_up(db, claim, str(error), for_good=isinstance(error, TooMany))
            continue
        done += _finish(db, claim, found)
    return done


@dataclass(frozen=True, slots=True)
class Report:
    """``status`` is PENDING, RUNNING, DONE or FAILED; ``problem`` says why the last."""

    status: str
    digest: str = ""
    scan: str = "UNKNOWN"
    findings: tuple[Mapping[str, Any], ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    files: tuple[File, ...] = ()


def report(db: Database, name: str, version: str | int) -> Report:
    """What was found in the files of a version."""
    with db.reading() as session:
        found = find_version(session, name, version)
        row = session.get(InspectionRow, found.id)
        if row is None:
            return Report("PENDING")
        files = session.scalars(
            select(FileRow).where(FileRow.version == found.id).order_by(FileRow.path)
        )
        return Report(
            row.status,
            row.digest,
            row.scan,
            tuple(json.loads(row.findings)),
            json.loads(row.model),
            row.problem,
            tuple(File(each.path, each.size, each.sha256) for each in files),
        )


def _claim(db: Database) -> _Claim | None:
    """The next version to be looked into, this worker's for as long as the claim lasts."""
    while True:
        now = now_ms()
        with db.reading() as session:
            found = session.execute(_waiting(now)).first()
        if found is None:
            return None
        version, attempts = found
        claim = _Claim(version.id, version.model, version.storage_location, (attempts or 0) + 1)
        with db.writing() as session:
            new = insert(session, InspectionRow).values(
                version=claim.version,
                status="RUNNING",
                digest="",
                files=0,
                size=0,
                scan="UNKNOWN",
                findings="[]",
                model="{}",
                problem="",
                created=now,
                attempts=claim.attempt,
                retry=now + _CLAIM_MS,
            )
            new = new.on_conflict_do_update(
                index_elements=["version"],
                set_={"attempts": claim.attempt, "retry": now + _CLAIM_MS, "status": "RUNNING"},
                where=InspectionRow.attempts == claim.attempt - 1,
            ).returning(InspectionRow.attempts)
            if session.scalar(new) is not None:
                return claim


def oldest_waiting(session: Session) -> int | None:
    """When the oldest version that nobody has looked into was registered, in ms."""
    never = InspectionRow.version.is_(None)
    return session.scalar(
        select(func.min(ModelVersion.creation_time))
        .outerjoin(InspectionRow, InspectionRow.version == ModelVersion.id)
        .where(*_inspectable(), never)
    )


def _inspectable() -> tuple[ColumnElement[bool], ...]:
    return (
        ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE,
        ModelVersion.status == VersionStatus.READY,
        ModelVersion.storage_location != "",
    )


def _waiting(now: int) -> Select[ModelVersion, int | None]:
    return (
        select(ModelVersion, InspectionRow.attempts)
        .outerjoin(InspectionRow, InspectionRow.version == ModelVersion.id)
        .where(
            *_inspectable(),
            InspectionRow.version.is_(None) | (InspectionRow.retry <= now),
        )
        .order_by(ModelVersion.id)
        .limit(1)
    )


def _finish(db: Database, claim: _Claim, found: Inspected) -> bool:
    """The digest changes what approvals are bound to, so the model is locked as it is for them."""
    with db.writing() as session:
        session.scalar(
            select(RegisteredModel.id).where(RegisteredModel.id == claim.model).with_for_update()
        )
        row = _claimed(session, claim)
        version = session.get(ModelVersion, claim.version, populate_existing=True)
        if row is None or version is None:
            return False
        if version.lifecycle_stage != LifecycleStage.ACTIVE:
            return False
        row.status, row.retry, row.problem = "DONE", None, ""
        row.digest, row.files, row.size = found.digest, len(found.files), found.size
        row.scan, row.findings = found.scan, json.dumps(found.findings)
        row.model, row.created = json.dumps(found.model), now_ms()
        version.digest = found.digest
        session.execute(delete(FileRow).where(FileRow.version == version.id))
        session.add_all(
            FileRow(version=version.id, path=file.path, size=file.size, sha256=file.sha256)
            for file in found.files
        )
        wake_model(session, claim.model)
        return True


def _give_up(db: Database, claim: _Claim, problem: str, *, for_good: bool) -> None:
    with db.writing() as session:
        row = _claimed(session, claim)
        if row is not None:
            delay = min(_FIRST_RETRY_MS * 2 ** min(claim.attempt, 20), _LONGEST_RETRY_MS)
            row.status, row.problem = "FAILED", problem[:2000]
            row.retry = None if for_good else now_ms() + delay


def _claimed(session: Session, claim: _Claim) -> InspectionRow | None:
    """The row, if the claim is still this worker's."""
    return session.scalar(
        select(InspectionRow)
        .where(InspectionRow.version == claim.version, InspectionRow.attempts == claim.attempt)
        .with_for_update()
    )
