"""What services tell of their changes: all of it, in order, and nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from podium.client.entities import RunStatus
from podium.client.errors import PodiumError
from podium.registry import aliases, registered, renaming, versions
from podium.registry.outbox import OutboxEvent
from podium.registry.prompts import TAG
from podium.tracker import runs
from podium.tracker.db import Database
from sqlalchemy import select


def told(db: Database) -> list[tuple[str, dict[str, Any]]]:
    with db.reading() as session:
        rows = session.scalars(select(OutboxEvent).order_by(OutboxEvent.id)).all()
    return [(row.type, json.loads(row.data)) for row in rows]


def types(db: Database) -> list[str]:
    return [type_ for type_, _ in told(db)]


@pytest.fixture
def source(db: Database) -> str:
    return f"runs:/{runs.create_run(db).run_id}/model"


def test_a_model_s_life(db: Database, source: str) -> None:
    registered.create_model(db, name="m", description="d", tags=[("a", "b")])
    registered.set_model_tag(db, "m", "k", "v")
    registered.delete_model_tag(db, "m", "k")
    versions.create_version(db, name="m", source=source, tags=[("c", "d")])
    versions.set_version_tag(db, "m", 1, "k", "v")
    versions.delete_version_tag(db, "m", 1, "k")
    aliases.set_alias(db, "m", "champion", 1)
    aliases.delete_alias(db, "m", "champion")
    versions.delete_version(db, "m", 1)
    renaming.rename_model(db, "m", "n")
    registered.delete_model(db, "n")
    found = told(db)
    assert [type_ for type_, _ in found] == [
        "REGISTERED_MODEL_CREATED",
        "REGISTERED_MODEL_TAG_SET",
        "REGISTERED_MODEL_TAG_DELETED",
        "MODEL_VERSION_CREATED",
        "MODEL_VERSION_TAG_SET",
        "MODEL_VERSION_TAG_DELETED",
        "MODEL_VERSION_ALIAS_SET",
        "MODEL_VERSION_ALIAS_DELETED",
        "MODEL_VERSION_DELETED",
        "REGISTERED_MODEL_RENAMED",
        "REGISTERED_MODEL_DELETED",
    ]
    data = dict(found)
    created = data["MODEL_VERSION_CREATED"]
    assert (created["version"], created["source"], created["tags"]) == ("1", source, {"c": "d"})
    assert data["MODEL_VERSION_ALIAS_SET"]["version"] == "1"
    assert {each["name"] for _, each in found} == {"m", "n"}


def test_who_takes_a_stage_and_who_leaves_it(db: Database, source: str) -> None:
    registered.create_model(db, name="m")
    for _ in range(2):
        versions.create_version(db, name="m", source=source)
    versions.transition_version(db, "m", 1, stage="production")
    before = len(told(db))
    versions.transition_version(db, "m", 2, stage="Production", archive_existing=True)
    ways = [
        (data["version"], data["from_stage"], data["to_stage"]) for _, data in told(db)[before:]
    ]
    # Who leaves comes first: a receiver that counts holders never counts two.
    assert ways == [("1", "Production", "Archived"), ("2", "None", "Production")]
    versions.transition_version(db, "m", 2, stage="Production")
    assert len(told(db)) == before + 2, "to stay is no event"


def test_what_changes_nothing_and_what_is_refused_is_no_event(db: Database) -> None:
    registered.create_model(db, name="m")
    registered.delete_model_tag(db, "m", "none")
    aliases.delete_alias(db, "m", "none")
    for change in (
        lambda: registered.create_model(db, name="m"),
        lambda: registered.set_model_tag(db, "none", "k", "v"),
        lambda: versions.create_version(db, name="m", source="file:///etc"),
        lambda: versions.transition_version(db, "m", 1, stage="Production"),
        lambda: aliases.set_alias(db, "m", "a", 1),
        lambda: renaming.rename_model(db, "none", "other"),
    ):
        with pytest.raises(PodiumError):
            change()
    assert types(db) == ["REGISTERED_MODEL_CREATED"]


def test_a_prompt_is_told_of_as_one(db: Database) -> None:
    tags = [(TAG, "true")]
    registered.create_model(db, name="p", tags=tags)
    versions.create_version(db, name="p", source="dummy-source", tags=tags)
    versions.set_version_tag(db, "p", 1, "k", "v")
    aliases.set_alias(db, "p", "a", 1)
    registered.set_model_tag(db, "p", "k", "v")
    assert [data["prompt"] for _, data in told(db)] == [True] * 5


def test_a_run_s_states(db: Database) -> None:
    run_id = runs.create_run(db, run_name="r").run_id
    runs.update_run(db, run_id, run_name="other")
    runs.update_run(db, run_id, status=RunStatus.RUNNING)
    runs.update_run(db, run_id, status=RunStatus.FAILED)
    [(type_, data)] = told(db)
    assert (type_, data) == (
        "RUN_STATE_CHANGED",
        {
            "run_id": run_id,
            "run_name": "other",
            "experiment_id": "0",
            "from_status": "RUNNING",
            "to_status": "FAILED",
        },
    )


def test_a_run_that_dies_and_one_that_revives(db: Database) -> None:
    run_id = runs.create_run(db).run_id
    runs.beat(db, run_id, 0.001)
    time.sleep(0.05)
    assert runs.end_the_dead(db) == 1
    runs.beat(db, run_id, 30)
    assert [(data["from_status"], data["to_status"]) for _, data in told(db)] == [
        ("RUNNING", "FAILED"),
        ("FAILED", "RUNNING"),
    ]
