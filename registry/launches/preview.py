"""What a promotion or a rule would launch, tried out before anybody approves or sets it.

Only the launches of a request that waits are to come. Which version will hold which stage is worked
out here and nothing is written; the rest is asked of the functions that the promotion itself asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.client.errors import BadRequest, ConfigError, Unavailable
from podium.client.launches import DryRun, Foreseen, Launch, LaunchPreview
from podium.client.promotion import RequestStatus
from podium.tracker.db import Database
from sqlalchemy.orm import Session

from ..launch.faults import InvalidLaunch
from ..launch.kube import NotNow
from ..launch.site import Site
from ..models import ModelVersion
from ..promotion.globs import matches
from ..promotion.read import find_request
from ..promotion.situation import Situation, observe
from ..read import versions
from . import leases
from .dry_run import NOT_NOW, as_far_as_can_be, not_tried, try_out
from .on_promotion import Will, on_arrival, serving_in, to_serve
from .plan import Plan
from .read import tell
from .rules import checked, for_version
from .sites import read_site
from .start import plan_of
from .tables import LaunchRow

# So many are looked through for one that a rule is for.
_NEWEST = 1000


@dataclass(frozen=True, slots=True)
class Coming:
    """As much of it as is known without a cluster, which may be slow to answer."""

    wills: tuple[Will, ...]
    stops: tuple[Launch, ...]

    def __bool__(self) -> bool:
        return bool(self.wills or self.stops)


def coming(db: Database, name: str, request_id: int) -> Coming:
    """Of a request that was decided nothing is to come, nor of one whose stage is gone by now."""
    with db.reading() as session:
        return _coming(session, name, request_id)


def preview_request(
    db: Database, site: Path | None, name: str, request_id: int, *, artifacts: str
) -> LaunchPreview:
    """A cluster that cannot be asked is a ``problem`` of the launch: nothing is raised for it."""
    with db.reading() as session:
        found = _coming(session, name, request_id)
        plans = [_planned(session, site, will, artifacts) for will in found.wills]
    tries = _Tries(db, site, leases.problems(db))
    told = (_told(will, tries.of(plan)) for will, plan in zip(found.wills, plans, strict=True))
    return LaunchPreview(tuple(told), found.stops)


def preview_rule(
    db: Database, site: Site, glob: str, stage: str, spec: Mapping[str, Any], *, artifacts: str
) -> tuple[DryRun, str]:
    """What a rule would launch, before it is set, and of what: of the newest version that there is
    of a model it is for; where there is none, of one that may come."""
    with db.reading() as session:
        stage, plan = checked(session, site, glob, stage, spec)
        newest = session.scalars(versions().order_by(ModelVersion.id.desc()).limit(_NEWEST))
        version = next((each for each in newest if matches(glob, each.registered.name)), None)
        about = "version 1 of a model"
        if version is not None:
            name = version.registered.name
            said = for_version(spec, name, version.version, stage)
            plan = plan_of(session, site, said, artifacts=artifacts)
            about = f"version {version.version} of {name}"
    return as_far_as_can_be(db, plan, site), about


def _coming(session: Session, name: str, request_id: int) -> Coming:
    row = find_request(session, name, request_id)
    if row.status != RequestStatus.WAITING:
        return Coming((), ())
    number = session.get_one(ModelVersion, row.version).version
    try:
        seen = observe(session, name, number, row.stage)
    except BadRequest:
        return Coming((), ())
    wills, stops = _foresee(session, seen, archive=row.archive)
    return Coming(tuple(wills), tuple(tell(each) for each in stops))


def _foresee(
    session: Session, seen: Situation, *, archive: bool | None
) -> tuple[list[Will], list[LaunchRow]]:
    """What would be launched, and what be stopped since nobody holds its stage then."""
    wills = on_arrival(session, seen.version, seen.target.name)
    stops: list[LaunchRow] = []
    for stage, holder in _holders(session, seen, archive=archive).items():
        serving = session.scalars(serving_in(seen.version.registered.name, stage)).all()
        if holder is None:
            stops += serving
            continue
        will = to_serve(session, holder, stage, serving)
        wills += [] if will is None else [will]
    return wills, stops


def _holders(
    session: Session, seen: Situation, *, archive: bool | None
) -> Mapping[str, ModelVersion | None]:
    """The highest version of each stage that the promotion touches, as it will be."""
    moves = {seen.version.id: seen.target.name}
    if seen.archives(archive):
        moves |= {each.id: seen.stages.archive for each in seen.others}
    touched = sorted({seen.version.stage, *moves.values(), seen.target.name})
    there = versions().where(
        ModelVersion.model == seen.version.model, ModelVersion.stage.in_(touched)
    )
    rows = session.scalars(there.order_by(ModelVersion.version))
    then = {moves.get(each.id, each.stage): each for each in rows}
    return {stage: then.get(stage) for stage in touched}


def _planned(session: Session, site: Path | None, will: Will, artifacts: str) -> Plan | str:
    """Or why there is none: the launch would fail at once, and the promotion be carried out."""
    try:
        return plan_of(session, read_site(site), will.spec, artifacts=artifacts)
    except InvalidLaunch as wrong:
        return f"It would fail, for the site does not allow it now.\n{wrong.message}"
    except ConfigError as error:
        return error.message


class _Tries:
    """A cluster that does not answer is asked once, and not at all if its worker knows."""

    def __init__(self, db: Database, site: Path | None, away: Mapping[str, str]) -> None:
        self._db, self._site, self._away = db, site, dict(away)

    def of(self, plan: Plan | str) -> DryRun:
        if isinstance(plan, str):
            return not_tried(plan)
        why = self._away.get(plan.cluster)
        if why is None:
            try:
                return try_out(self._db, plan, read_site(self._site))
            except Unavailable as error:
                why = error.message
                if not isinstance(error, NotNow):
                    self._away[plan.cluster] = why
        return not_tried(NOT_NOW.format(why), plan)


def _told(will: Will, tried: DryRun) -> Foreseen:
    return Foreseen(
        purpose=will.purpose,
        target=will.target,
        version=will.version.version,
        stage=will.stage,
        rule=will.models,
        spec=will.spec,
        tried=tried,
    )
