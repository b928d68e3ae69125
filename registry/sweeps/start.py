"""Starting and stopping a sweep, by somebody's request."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from podium.client.errors import Conflict, NotSupported
from podium.client.sweeps import Sweep
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.experiments import get_or_create
from sqlalchemy import update
from sqlalchemy.orm import Session

from ..launch import places, spec, template
from ..launch.faults import InvalidLaunch, refuse
from ..launch.render import load_spec
from ..launch.site import Site
from ..launch.spec import LaunchSpec
from ..launches.start import logging, plan_of, subject_of
from . import suggest
from .read import find_sweep, tell
from .space import Json, first_values, read_sweep, trial_spec
from .tables import SweepRow

_NOBODY = "0" * 32


def start(db: Database, site: Site, data: Mapping[str, Any], *, artifacts: str) -> Sweep:
    """What is wrong is said now, with all its fields, and nothing is started then.

    :class:`NotSupported` where what chooses the values is not installed.
    """
    sweep, trial = check(data, site)
    missing = suggest.is_missing(sweep)
    if missing:
        raise NotSupported(missing)
    tried = trial_spec(data, 0, first_values(sweep), _NOBODY)
    with db.writing() as session:
        version, name = subject_of(session, tried | {"run_id": None})
        plan_of(session, site, tried, artifacts=artifacts)
        name = name or trial.name.removesuffix("-0")
        with logging():
            experiment = get_or_create(session, sweep.experiment or name)
        row = SweepRow(
            sweep_id=uuid.uuid4().hex,
            model=None if version is None else version.model,
            name=name,
            version=None if version is None else version.version,
            experiment_id=str(experiment.id),
            run_id=uuid.uuid4().hex,
            target=trial.target,
            spec=json.dumps(dict(data)),
            seed=secrets.randbelow(2**32) if sweep.seed is None else sweep.seed,
            author=caller().name,
            created=now_ms(),
        )
        session.add(row)
        session.flush()
        after = {"model": name, "version": row.version, "target": row.target}
        audit.record(session, "sweep.start", subject(row), after=after | {"trials": sweep.trials})
        return tell(session, row)


def stop(db: Database, sweep_id: str) -> Sweep:
    """Begin no trials, and stop those under way; of one that has ended, :class:`Conflict`."""
    with db.writing() as session:
        row = find_sweep(session, sweep_id, change=True)
        if row.ended is not None:
            raise Conflict(f"Sweep {sweep_id} has ended: it is {row.state}.")
        if row.desired != "STOP":
            row.desired = "STOP"
            audit.record(session, "sweep.stop", subject(row))
        session.flush()
        return tell(session, row)


def check(data: Mapping[str, Any], site: Site) -> tuple[spec.Sweep, LaunchSpec]:
    """The section, and the spec of a trial with the first values there are.

    :class:`InvalidLaunch` says what is wrong with either.
    """
    faults: list[str] = []
    values: Json = dict.fromkeys(template.places(dict(data), places.PLACE), 1)
    sweep: spec.Sweep | None = None
    try:
        sweep = read_sweep(data)
        values |= first_values(sweep)
    except InvalidLaunch as wrong:
        faults += wrong.faults
    try:
        trial = load_spec(trial_spec(data, 0, values, _NOBODY), site=site)
    except InvalidLaunch as wrong:
        faults += wrong.faults
    refuse(faults)
    assert sweep is not None  # noqa: S101  (else something was wrong with it)
    return sweep, trial


def rename(session: Session, model: int, name: str) -> None:
    """The model has another name: its sweeps are found by that."""
    session.execute(update(SweepRow).where(SweepRow.model == model).values(name=name))


def subject(row: SweepRow) -> str:
    return f"sweep:{row.sweep_id}"
