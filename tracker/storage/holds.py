"""Legal holds: what must stay, whoever wants it gone and however old it is.

A held run, or one of a held experiment, can be marked as deleted like any other, and restored; its
rows, points and files are not removed by anything until the hold is lifted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from podium.client.errors import BadRequest, Conflict, NotFound
from podium.client.rules import check_text
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..artifacts.paths import ArtifactPath
from ..auth.caller import caller
from ..clock import now_ms
from ..db import Database
from ..experiments import find_experiment
from ..logged_models.tables import LoggedModel
from ..models import Experiment, Run
from ..runs.read import find_run
from .places import RUN, owner_of
from .tables import LegalHold


@dataclass(frozen=True, slots=True)
class Hold:
    """``subject`` is ``run:`` or ``experiment:`` and an id; ``created`` is in ms since 1970."""

    subject: str
    reason: str
    author: str
    created: int


class Held:
    """All holds of one moment."""

    def __init__(self, subjects: Iterable[str]) -> None:
        self._subjects: Collection[str] = frozenset(subjects)

    def run(self, run_id: str | None, experiment: int) -> bool:
        return f"run:{run_id}" in self._subjects or self.experiment(experiment)

    def experiment(self, experiment: int) -> bool:
        return f"experiment:{experiment}" in self._subjects


def hold(db: Database, subject: str, *, reason: str) -> Hold:
    """``subject`` is ``run:<run_id>`` or ``experiment:<id>``; again, it only changes the reason."""
    check_text(reason, "reason", limit=10_000)
    if not reason.strip():
        raise BadRequest("'reason' is empty: say why it must stay.")
    with db.writing() as session:
        _find(session, subject)
        row = session.get(LegalHold, subject) or LegalHold(subject=subject)
        row.reason, row.author, row.created = reason, caller().name, now_ms()
        session.add(row)
        audit.record(session, "hold.set", subject, reason=reason)
        return _hold(row)


def lift(db: Database, subject: str, *, reason: str = "") -> None:
    with db.writing() as session:
        row = session.get(LegalHold, subject)
        if row is None:
            raise NotFound(f"There is no legal hold on {subject}.")
        session.delete(row)
        audit.record(session, "hold.lift", subject, reason=reason or None)


def list_holds(db: Database) -> list[Hold]:
    with db.reading() as session:
        return [
            _hold(row) for row in session.scalars(select(LegalHold).order_by(LegalHold.subject))
        ]


def held(session: Session) -> Held:
    return Held(session.scalars(select(LegalHold.subject)))


def refuse_deletion(db: Database, place: ArtifactPath) -> None:
    """:class:`Conflict` when files at or below ``place`` are held."""
    with db.reading() as session:
        subjects = session.scalars(select(LegalHold.subject)).all()
        for subject in subjects:
            if _touches(session, subject, place):
                raise Conflict(
                    f"{place} cannot be deleted: there is a legal hold on {subject}. An admin "
                    "lifts it."
                )


def _touches(session: Session, subject: str, place: ArtifactPath) -> bool:
    """Whether the place is within what is held, or around it."""
    kind, _, name = subject.partition(":")
    owner = owner_of(f"{place}/artifacts/x")
    if kind == "experiment":
        location = session.scalar(
            select(Experiment.artifact_location).where(Experiment.id == int(name))
        )
        if owner is not None:
            table = Run if owner.kind == RUN else LoggedModel
            named = Run.run_id if owner.kind == RUN else LoggedModel.model_id
            of = select(table.experiment_id).where(named == owner.id)
            return session.scalar(of) == int(name)
        return location is not None and _overlap(place, location)
    uri = session.scalar(select(Run.artifact_uri).where(Run.run_id == name))
    return uri is not None and _overlap(place, uri)


def _overlap(place: ArtifactPath, uri: str) -> bool:
    one, other = f"{place}/", f"{uri.partition(':/')[2].strip('/')}/"
    return not place.key or one.startswith(other) or other.startswith(one)


def _find(session: Session, subject: str) -> None:
    kind, _, name = subject.partition(":")
    if kind == "run":
        find_run(session, name)
    elif kind == "experiment":
        find_experiment(session, name)
    else:
        raise BadRequest(f"'subject' is {subject[:80]!r}: give run:<run_id> or experiment:<id>.")


def _hold(row: LegalHold) -> Hold:
    return Hold(row.subject, row.reason, row.author, row.created)
