"""The rules of experiments, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.entities import LifecycleStage, ViewType
from podium.client.errors import AlreadyExists, BadRequest, NotFound
from podium.tracker import experiments, runs
from podium.tracker.db import Database


def test_the_first_experiment_is_there_from_the_start(db: Database) -> None:
    default = experiments.get_experiment(db, "0")
    assert default.name == "Default"
    assert default.lifecycle_stage is LifecycleStage.ACTIVE
    assert default.artifact_location == "mlflow-artifacts:/0"


def test_what_is_created_is_found_by_id_and_by_name(db: Database) -> None:
    made = experiments.create_experiment(db, name="digits", tags={"team": "vision"})
    assert made.artifact_location == f"mlflow-artifacts:/{made.experiment_id}"
    assert made.creation_time == made.last_update_time > 0
    assert dict(made.tags) == {"team": "vision"}
    assert experiments.get_experiment(db, made.experiment_id) == made
    assert experiments.get_experiment_by_name(db, "digits") == made


@pytest.mark.parametrize("deleted", [False, True])
def test_a_name_is_taken_also_by_a_deleted_experiment(db: Database, deleted: bool) -> None:
    made = experiments.create_experiment(db, name="digits")
    other = experiments.create_experiment(db, name="letters")
    if deleted:
        experiments.delete_experiment(db, made.experiment_id)
    with pytest.raises(AlreadyExists, match="digits"):
        experiments.create_experiment(db, name="digits")
    with pytest.raises(AlreadyExists, match="digits"):
        experiments.rename_experiment(db, other.experiment_id, "digits")
    assert experiments.get_experiment(db, other.experiment_id).name == "letters"


@pytest.mark.parametrize(
    ("name", "reason"), [("", "blank"), (" \t", "blank"), ("a\0b", r"U\+0000"), ("x" * 501, "500")]
)
def test_a_bad_name_is_refused(db: Database, name: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as refused:
        experiments.create_experiment(db, name=name)
    assert "name" in refused.value.message
    assert experiments.search_experiments(db, filter="name != 'Default'").items == ()


@pytest.mark.parametrize(
    "location", ["../elsewhere", "file:///etc", "s3://b/../c", "s3://", "a\0b"]
)
def test_a_bad_artifact_location_is_refused(db: Database, location: str) -> None:
    with pytest.raises(BadRequest, match="artifact_location"):
        experiments.create_experiment(db, name="digits", artifact_location=location)
    with pytest.raises(NotFound):
        experiments.get_experiment_by_name(db, "digits")


def test_deleting_takes_the_runs_along_and_restoring_brings_them_back(db: Database) -> None:
    made = experiments.create_experiment(db, name="digits")
    run = runs.create_run(db, experiment_id=made.experiment_id)
    experiments.delete_experiment(db, made.experiment_id)
    assert runs.get_run(db, run.run_id).lifecycle_stage is LifecycleStage.DELETED
    assert experiments.get_experiment(db, made.experiment_id).lifecycle_stage == "deleted"
    with pytest.raises(NotFound, match="deleted already"):
        experiments.delete_experiment(db, made.experiment_id)

    experiments.restore_experiment(db, made.experiment_id)
    assert runs.get_run(db, run.run_id).lifecycle_stage is LifecycleStage.ACTIVE
    with pytest.raises(NotFound, match="it is active"):
        experiments.restore_experiment(db, made.experiment_id)


@pytest.mark.parametrize(
    "write",
    [
        lambda db, each: experiments.rename_experiment(db, each, "other"),
        lambda db, each: experiments.set_experiment_tag(db, each, "k", "v"),
        lambda db, each: experiments.delete_experiment_tag(db, each, "team"),
        lambda db, each: runs.create_run(db, experiment_id=each),
        lambda db, each: runs.create_run(db, experiment_name="digits"),
    ],
    ids=["rename", "set tag", "delete tag", "create run", "create run by name"],
)
def test_a_deleted_experiment_is_not_written(
    db: Database, write: Callable[[Database, str], object]
) -> None:
    made = experiments.create_experiment(db, name="digits", tags={"team": "vision"})
    experiments.delete_experiment(db, made.experiment_id)
    before = experiments.get_experiment(db, made.experiment_id)
    with pytest.raises(BadRequest, match=r"deleted"):
        write(db, made.experiment_id)
    assert experiments.get_experiment(db, made.experiment_id) == before


def test_tags_are_set_changed_and_deleted(db: Database) -> None:
    experiments.set_experiment_tag(db, "0", "note", "first")
    experiments.set_experiment_tag(db, "0", "note", "second")
    experiments.set_experiment_tag(db, "0", "empty", "")
    assert dict(experiments.get_experiment(db, "0").tags) == {"note": "second", "empty": ""}
    experiments.delete_experiment_tag(db, "0", "note")
    assert dict(experiments.get_experiment(db, "0").tags) == {"empty": ""}
    with pytest.raises(NotFound, match="note"):
        experiments.delete_experiment_tag(db, "0", "note")


@pytest.mark.parametrize(
    ("key", "value", "field"), [("", "v", "key"), ("k" * 251, "v", "key"), ("k", "v\0", "value")]
)
def test_a_bad_tag_is_refused(db: Database, key: str, value: str, field: str) -> None:
    with pytest.raises(BadRequest, match=field):
        experiments.set_experiment_tag(db, "0", key, value)
    assert dict(experiments.get_experiment(db, "0").tags) == {}


@pytest.mark.parametrize("experiment_id", ["", "-1", "1.0", "abc", "9" * 19, "1; drop table"])
def test_an_id_that_is_none_is_refused(db: Database, experiment_id: str) -> None:
    with pytest.raises(BadRequest, match="experiment_id"):
        experiments.get_experiment(db, experiment_id)


def test_an_id_nobody_has_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound, match="424242"):
        experiments.get_experiment(db, "424242")


def test_a_view_shows_its_life_cycle_stages(db: Database) -> None:
    kept = experiments.create_experiment(db, name="kept")
    gone = experiments.create_experiment(db, name="gone")
    experiments.delete_experiment(db, gone.experiment_id)

    def names(view: ViewType) -> list[str]:
        return [each.name for each in experiments.search_experiments(db, view=view).items]

    assert names(ViewType.ACTIVE_ONLY) == [kept.name, "Default"]
    assert names(ViewType.DELETED_ONLY) == [gone.name]
    assert set(names(ViewType.ALL)) == {"kept", "gone", "Default"}


def test_one_of_many_creators_of_a_name_wins(db: Database) -> None:
    def create(_: int) -> str:
        try:
            return experiments.create_experiment(db, name="digits").experiment_id
        except AlreadyExists:
            return ""

    with ThreadPoolExecutor(8) as pool:
        winners = [each for each in pool.map(create, range(16)) if each]
    assert len(winners) == 1
    assert experiments.get_experiment_by_name(db, "digits").experiment_id == winners[0]


def test_many_first_runs_of_a_new_experiment_share_it(db: Database) -> None:
    def create(_: int) -> str:
        return runs.create_run(db, experiment_name="digits").experiment_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(create, range(16)))) == 1
