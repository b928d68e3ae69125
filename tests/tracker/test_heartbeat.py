"""A run that stops giving signs of life has crashed; one that logs again has not."""

from __future__ import annotations

import pytest
from podium.tracker import runs
from podium.tracker.db import Database
from podium.tracker.models import Run
from sqlalchemy import update

from ..api import Api, Json
from .test_points import batch, send


def beat(api: Api, run_id: str, interval: float = 30) -> None:
    assert api.post(f"/api/v1/runs/{run_id}/heartbeat", interval=interval) == {}


def info(api: Api, run_id: str) -> tuple[str, str | None]:
    run: Json = api.get("/runs/get", run_id=run_id)["run"]
    tags = {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}
    return run["info"]["status"], tags.get("podium.crashed")


def stop_the_heart(db: Database) -> None:
    with db.writing() as session:
        session.execute(update(Run).where(Run.alive_until.is_not(None)).values(alive_until=1))


@pytest.fixture
def crashed(api: Api, db: Database) -> str:
    run_id = api.create_run()
    beat(api, run_id)
    stop_the_heart(db)
    assert runs.end_the_dead(db) == 1
    assert runs.end_the_dead(db) == 0
    return run_id


def test_a_run_that_beats_goes_on(api: Api, db: Database) -> None:
    run_id = api.create_run()
    beat(api, run_id)
    assert runs.end_the_dead(db) == 0
    assert info(api, run_id) == ("RUNNING", None)


def test_a_run_whose_heart_stops_is_failed_and_says_why(api: Api, crashed: str) -> None:
    status, tag = info(api, crashed)
    assert status == "FAILED"
    assert tag is not None
    assert tag.startswith("no sign of life since 20")
    run = api.get("/runs/get", run_id=crashed)["run"]["info"]
    assert run["end_time"] >= run["start_time"]


def test_a_worker_that_just_started_waits_for_a_sign(api: Api, db: Database) -> None:
    """All of Podium was away for an hour: only those who still say nothing are dead."""
    quiet, lively = api.create_run(), api.create_run()
    for run_id in (quiet, lively):
        beat(api, run_id)  # every thirty seconds, with fifteen more to be late
    hour = 3_600_000
    with db.writing() as session:
        away = {"heartbeat": Run.heartbeat - hour, "alive_until": Run.alive_until - hour}
        session.execute(update(Run).values(away))
    assert runs.Watch(db).turn() == 0
    assert runs.end_the_dead(db, watched=44) == 0
    beat(api, lively)
    assert runs.end_the_dead(db, watched=46) == 1
    assert info(api, quiet)[0] == "FAILED"
    assert info(api, lively) == ("RUNNING", None)


def test_runs_that_never_beat_are_left_alone(api: Api, db: Database) -> None:
    run_id = api.create_run()
    assert runs.end_the_dead(db) == 0
    assert info(api, run_id) == ("RUNNING", None)


def test_late_points_revive_it_and_it_is_watched_again(
    api: Api, db: Database, crashed: str
) -> None:
    send(api, crashed, batch([1.0]))
    assert info(api, crashed) == ("RUNNING", None)
    stop_the_heart(db)
    assert runs.end_the_dead(db) == 1


def test_mlflows_calls_revive_it_too(api: Api, crashed: str) -> None:
    api.post("/runs/log-metric", run_id=crashed, key="loss", value=1, timestamp=1, step=1)
    assert info(api, crashed) == ("RUNNING", None)


def test_a_beat_revives_it(api: Api, crashed: str) -> None:
    beat(api, crashed)
    assert info(api, crashed) == ("RUNNING", None)


def test_its_own_end_stands(api: Api, db: Database, crashed: str) -> None:
    api.post("/runs/update", run_id=crashed, status="FINISHED", end_time=5)
    assert info(api, crashed) == ("FINISHED", None)
    send(api, crashed, batch([1.0]))
    beat(api, crashed)
    stop_the_heart(db)
    assert runs.end_the_dead(db) == 0
    assert info(api, crashed) == ("FINISHED", None)


@pytest.mark.parametrize("interval", [0, -1, 1e9, "x", None, "nan"])
def test_a_wrong_interval_is_named(api: Api, interval: object) -> None:
    run_id = api.create_run()
    path = f"/api/v1/runs/{run_id}/heartbeat"
    answer = api.http.post(path, json={"interval": interval})
    assert answer.status_code == 400
    assert "interval" in answer.get_data(as_text=True)
