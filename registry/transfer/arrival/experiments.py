"""Experiments and runs of another MLflow, with their ids, times and life cycle as they were.

A run is one transaction, after its files: it is here entirely or not at all. When an experiment has
arrived, what is here is counted and compared with what is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from podium.client.errors import Conflict, PodiumError
from podium.client.rules import MAX_KEY, check_experiment_name, check_run_id, check_text, shown
from podium.tracker import audit
from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.datasets import attach
from podium.tracker.metrics import Columns, whole
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Experiment, ExperimentTag, Param, Run, Tag
from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import Session

from .. import rows
from ..tables import described
from .conflicts import Arriving
from .files import copy_files
from .logged_models import copy_logged_models, copy_measured, link_models
from .old import OldExperiment, OldRun

# Of a database. Those of an mlruns folder are random and long: here they would set the next one.
_MAX_KEPT_ID = 2**31


def copy_experiments(arriving: Arriving, wanted: Sequence[OldExperiment]) -> None:
    places = {}
    for old in wanted:
        with arriving.db.writing() as session:
            experiment = _made(session, arriving, old)
            places[old.id] = experiment.id, experiment.artifact_location
        # Of all experiments before any run: a run may have read a model of another one.
        copy_logged_models(arriving, old, *places[old.id])
    for old in wanted:
        number, location = places[old.id]
        expected: Counter[str] = Counter()
        for run in arriving.source.runs(old):
            expected += _copy_run(arriving, run, number, location)
            arriving.progress.show("runs:", arriving.counts["runs"] + expected["runs"])
        _compare(arriving, old, number, expected)
        copy_measured(arriving, old)
        arriving.counts += expected + Counter(experiments=1)


def _made(session: Session, arriving: Arriving, old: OldExperiment) -> Experiment:
    """The experiment that an earlier import made, or a new one."""
    here = arriving.experiment_here(session, old)
    if here is not None and here.creation_time == old.creation_time:
        return here
    values = {
        "name": check_experiment_name(arriving.named(old)),
        "lifecycle_stage": old.lifecycle_stage,
        "creation_time": old.creation_time,
        "last_update_time": old.last_update_time,
    }
    if here is None:
        here = Experiment(id=_free_id(session, old.id), artifact_location="", **values)
        session.add(here)
        session.flush()
        here.artifact_location = f"mlflow-artifacts:/{here.id}"
        what = {"name": here.name, "from": arriving.source.name}
        audit.record(session, "experiment.import", f"experiment:{here.id}", after=what)
        rows.renumber(session, described(Experiment))
    else:  # the untouched default: the wanted ones were compared
        for name, value in values.items():
            setattr(here, name, value)
    tags = _checked(old.tags, f"tag of experiment {old.name}")
    here.tags = [ExperimentTag(key=key, value=value) for key, value in tags.items()]
    session.flush()
    return here


def _free_id(session: Session, old: str) -> int | None:
    """The id it had, if it can have it here; otherwise the database gives one."""
    number = int(old) if old.isascii() and old.isdigit() else 0
    if not 0 < number < _MAX_KEPT_ID or session.get(Experiment, number) is not None:
        return None
    return number


def _copy_run(arriving: Arriving, old: OldRun, experiment: int, location: str) -> Counter[str]:
    """Copy one run, unless it is here; what it holds."""
    check_run_id(old.run_id)
    counts = Counter(runs=1, params=len(old.params), tags=len(old.tags), metrics=len(old.keys))
    uri = f"{location.rstrip('/')}/{old.run_id}/artifacts"
    with arriving.db.reading() as session:
        here = session.scalar(select(Run).where(Run.run_id == old.run_id))
        if here is not None and here.experiment_id != experiment:
            raise Conflict(
                f"Run {old.run_id} is in experiment {here.experiment_id} here already, so it was "
                "imported before, under another name. Import into an empty installation."
            )
        points = 0 if here is None else _points(session, MetricSummary.run == here.id)
    counts["artifacts"] = copy_files(
        arriving,
        old.artifact_uri,
        parse_artifact_uri(uri),
        f"run {old.run_id}",
        again=here is not None,
    )
    if here is not None:
        return counts + Counter(points=points)
    # A listing does not say which models a run has read.
    old = arriving.source.run(old.run_id) or old
    # All are read before the transaction begins, for which others may have to wait.
    histories = {key: arriving.source.history(old.run_id, key) for key in old.keys}
    with arriving.db.writing() as session:
        _insert_run(session, old, experiment, uri, histories)
    return counts + Counter(points=sum(map(len, histories.values())))


def _insert_run(
    session: Session, old: OldRun, experiment: int, uri: str, histories: Mapping[str, Columns]
) -> None:
    run = Run(
        run_id=old.run_id,
        experiment_id=experiment,
        name=check_text(old.name, f"name of run {old.run_id}"),
        user_id=check_text(old.user_id, f"user_id of run {old.run_id}"),
        status=old.status,
        start_time=old.start_time,
        end_time=old.end_time,
        lifecycle_stage=old.lifecycle_stage,
        artifact_uri=uri,
    )
    session.add(run)
    session.flush()
    for table, kind, values in ((Param, "param", old.params), (Tag, "tag", old.tags)):
        checked = _checked(values, f"{kind} of run {old.run_id}")
        found = [{"run": run.id, "key": key, "value": value} for key, value in checked.items()]
        if found:
            session.execute(insert(table), found)
    attach(session, run, old.inputs)
    link_models(session, run, old)
    for key, history in histories.items():
        whole.store(session, run.id, check_text(key, "metric", limit=MAX_KEY), [history])


def _checked(values: Mapping[str, str], what: str) -> dict[str, str]:
    return {
        check_text(key, what, limit=MAX_KEY): check_text(value, f"{what}: {key}")
        for key, value in values.items()
    }


def _compare(
    arriving: Arriving, old: OldExperiment, experiment: int, expected: Counter[str]
) -> None:
    of_experiment = Run.experiment_id == experiment

    def rows_of(table: type[Param | Tag | MetricSummary]) -> Any:
        return select(func.count()).select_from(table).join(Run, table.run == Run.id)

    counted = {
        "runs": select(func.count()).select_from(Run),
        "params": rows_of(Param),
        "tags": rows_of(Tag),
        "metrics": rows_of(MetricSummary),
    }
    with arriving.db.reading() as session:
        found = {
            name: session.scalars(statement.where(of_experiment)).one()
            for name, statement in counted.items()
        }
        runs = select(Run.id).where(of_experiment)
        found["points"] = _points(session, MetricSummary.run.in_(runs))
    for name, count in found.items():
        if count != expected[name]:
            raise PodiumError(
                f"Experiment {shown(old.name)} has {expected[name]} {name} at "
                f"{arriving.source.name} and {count} here. If runs of it are being logged to, wait "
                "for their end; then import again, into an empty installation."
            )


def _points(session: Session, where: ColumnElement[bool]) -> int:
    counted = select(func.coalesce(func.sum(MetricSummary.points), 0)).where(where)
    return int(session.scalars(counted).one())
