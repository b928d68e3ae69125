"""The functions of ``from podium import client``: begin a run, and log to the one that goes on.

Where none goes on, whatever logs begins one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import time_ns
from typing import Any, SupportsFloat, SupportsIndex

from . import active, lifecycle, queries, session
from .entities import RunSnapshot, RunStatus
from .errors import BadRequest, ConfigError, PodiumError
from .lane import Lane
from .parcels import Change
from .rules import MAX_RUN_NAME, check_experiment_name, check_run_id, check_text
from .run import Run, checked_tags

_PARENT = "mlflow.parentRunId"


def start_run(
    name: str | None = None,
    *,
    experiment: str | None = None,
    run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
    nested: bool = False,
) -> Run:
    """Begin a run, or with ``run_id`` go on with one, and make it the active one.

    Needs no server: the run gets its id here and is created in the background, together with its
    experiment if there is none of that name. While a run goes on another can only be ``nested``;
    unless it names another ``experiment``, it goes to that of the run it is in.
    """
    from . import source

    current, parent = session.current(), active.own()
    if parent is not None and not nested:
        raise BadRequest(
            f"'nested': run {parent.run_id} goes on. End it first (client.end_run()), or begin "
            "another inside it with nested=True."
        )
    if name is not None:
        check_text(name, "name", limit=MAX_RUN_NAME)
    given = {tag.key: tag.value for tag in checked_tags(tags or {})}
    if run_id is not None:
        run = _resume(check_run_id(run_id), experiment)
        run.set_tags(given | ({"mlflow.runName": name} if name else {}))
    else:
        found = source.system_tags()
        outer = active.current() if nested else None
        if outer is not None:
            found[_PARENT] = outer.run_id
        run = _create(name, _place(experiment, outer), found | given)
    active.push(run)
    lifecycle.install()
    current.sender.open(run.lane)
    return run


def _place(experiment: str | None, outer: Run | None) -> dict[str, str]:
    """The field of the request that says which experiment a new run goes to."""
    if experiment is None and outer is not None:
        created, known = outer.lane.create, outer.lane.experiment_id
        for field in ("experiment_name", "experiment_id"):
            if created is not None and field in created.body:
                return {field: created.body[field]}
        if known is not None:
            return {"experiment_id": known}
    wanted = experiment if experiment is not None else session.current().config.experiment
    if wanted is None:
        return {"experiment_id": "0"}
    return {"experiment_name": check_experiment_name(wanted, "experiment")}


def _create(name: str | None, place: Mapping[str, str], tags: Mapping[str, str]) -> Run:
    current = session.current()
    joined = current.take_run_to_join()
    run_id = joined or os.urandom(16).hex()
    body: dict[str, Any] = {
        **place,
        "run_id": run_id,
        "start_time": time_ns() // 1_000_000,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    if name:
        body["run_name"] = name
    create = Change("create", body)
    spool = current.new_spool(run_id)
    spool.append(create)
    if joined:
        spool.append(_running(run_id))
    return Run(Lane(spool, create), spool)


def _resume(run_id: str, experiment: str | None) -> Run:
    if experiment is not None:
        raise BadRequest(
            "'experiment': a run that is resumed stays in its experiment. Leave it out."
        )
    known = next((run for run in session.current().open_runs if run.run_id == run_id), None)
    if known is not None:
        raise BadRequest(f"'run_id': run {run_id} goes on in this process. Log to it.")
    snapshot = _snapshot(run_id)
    spool = session.current().new_spool(run_id)
    lane = Lane(spool, artifact_uri=snapshot.artifact_uri if snapshot else None)
    lane.experiment_id = snapshot.experiment_id if snapshot else None
    spool.append(_running(run_id))
    return Run(lane, spool, resumed=snapshot)


def _running(run_id: str) -> Change:
    return Change("update", {"run_id": run_id, "status": RunStatus.RUNNING.value})


def _snapshot(run_id: str) -> RunSnapshot | None:
    """The run to go on with, if the server can be asked; a run that is not there is a mistake."""
    try:
        return queries.fetch_run(run_id)
    except PodiumError as error:
        if not (error.retryable or isinstance(error, ConfigError)):
            raise
        session.current().reporter.once(
            "server", f"{error} Run {run_id} is gone on with unseen; steps count from 0 again."
        )
        return None


def end_run(status: RunStatus | str = RunStatus.FINISHED) -> None:
    """End the active run, if there is one."""
    run = active.own()
    if run is not None:
        run.end(status)


def active_run() -> Run | None:
    """The run that the functions of this module log to."""
    return active.current()


def set_experiment(name: str) -> None:
    """Let new runs go to the experiment of this name, which is created with the first of them."""
    session.configure(experiment=name)


def flush(timeout: float | None = None) -> bool:
    """Wait until the server has all that this process logged so far; whether it has."""
    return session.current().flush(timeout)


def log_metric(
    key: str,
    value: SupportsFloat,
    step: SupportsIndex | None = None,
    *,
    timestamp: int | None = None,
) -> None:
    """Log one point to the active run. See :meth:`Run.log_metric`."""
    _active().log_metric(key, value, step, timestamp=timestamp)


def log_metrics(
    metrics: Mapping[str, SupportsFloat],
    step: SupportsIndex | None = None,
    *,
    timestamp: int | None = None,
) -> None:
    _active().log_metrics(metrics, step, timestamp=timestamp)


def log_param(key: str, value: object) -> None:
    _active().log_param(key, value)


def log_params(params: Mapping[str, object]) -> None:
    _active().log_params(params)


def set_tag(key: str, value: object) -> None:
    _active().set_tag(key, value)


def set_tags(tags: Mapping[str, object]) -> None:
    _active().set_tags(tags)


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str = "") -> None:
    _active().log_artifact(local_path, artifact_path)


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str = "") -> None:
    _active().log_artifacts(local_dir, artifact_path)


def log_text(text: str, artifact_file: str) -> None:
    _active().log_text(text, artifact_file)


def log_dict(dictionary: object, artifact_file: str) -> None:
    _active().log_dict(dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str) -> None:
    _active().log_figure(figure, artifact_file)


def _active() -> Run:
    return active.current() or start_run()
