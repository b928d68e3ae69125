"""The stage machine and the one function that moves a version, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.errors import BadRequest, NotFound
from podium.registry import registered, versions
from podium.registry.models import ModelVersion
from podium.registry.stages import CANONICAL, Stage, Stages, set_stage
from podium.tracker import runs
from podium.tracker.db import Database
from sqlalchemy import select

VERSIONS = 8


@pytest.fixture(autouse=True)
def some_versions(db: Database) -> None:
    registered.create_model(db, name="digits")
    run_id = runs.create_run(db).run_id
    for _ in range(VERSIONS):
        versions.create_version(db, name="digits", source=f"runs:/{run_id}/model")


def stages(db: Database) -> dict[int, str]:
    found = versions.search_versions(db, filter="stage != 'None'").items
    return {each.version: each.stage for each in found}


def move(db: Database, version: int, stage: str, *, archive: bool = False) -> None:
    versions.transition_version(db, "digits", version, stage=stage, archive_existing=archive)


def test_any_way_between_the_four_is_open(db: Database) -> None:
    for before in CANONICAL.table:
        for after in CANONICAL.table:
            move(db, 1, before)
            move(db, 1, after.upper())
            assert versions.get_version(db, "digits", 1).stage == after


def test_several_may_be_in_one_stage(db: Database) -> None:
    move(db, 1, "production")
    move(db, 2, "Production")
    assert stages(db) == {1: "Production", 2: "Production"}


def test_holders_go_to_the_archive(db: Database) -> None:
    for version in (1, 2):
        move(db, version, "Production")
    move(db, 3, "Staging")
    with db.writing() as session:
        changes = set_stage(
            session, name="digits", version=4, stage="production", archive_existing=True
        )
        told = [(each.version.version, each.before, each.after) for each in changes]
    assert told == [
        (4, "None", "Production"),
        (1, "Production", "Archived"),
        (2, "Production", "Archived"),
    ]
    assert stages(db) == {1: "Archived", 2: "Archived", 3: "Staging", 4: "Production"}
    touched = {versions.get_version(db, "digits", each).last_update_time for each in (1, 2, 4)}
    assert touched == {registered.get_model(db, "digits").last_update_time}
    # The one that is moved to where it is stays, and is no holder to be archived.
    move(db, 4, "Production", archive=True)
    assert stages(db)[4] == "Production"


def test_a_deleted_holder_is_left_alone(db: Database) -> None:
    move(db, 1, "Production")
    versions.delete_version(db, "digits", 1)
    with db.writing() as session:
        changes = set_stage(
            session, name="digits", version=2, stage="Production", archive_existing=True
        )
    assert len(changes) == 1


def test_refusals_change_nothing(db: Database) -> None:
    move(db, 1, "Production")
    with pytest.raises(BadRequest) as unknown:
        move(db, 2, "foo")
    assert unknown.value.message == (
        "Invalid Model Version stage: foo. "
        "Value must be one of None, Staging, Production, Archived."
    )
    with pytest.raises(BadRequest, match=r"is not an Active stage\. Valid stages are"):
        move(db, 2, "Archived", archive=True)
    with pytest.raises(NotFound, match="version=99"):
        move(db, 99, "Production", archive=True)
    assert stages(db) == {1: "Production"}


def test_an_error_after_it_undoes_it(db: Database) -> None:
    def fail_later() -> None:
        with db.writing() as session:
            set_stage(session, name="digits", version=1, stage="Production")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_later()
    assert stages(db) == {}


def test_of_many_who_archive_the_holder_one_holds(db: Database) -> None:
    """Each sees what those before it did: never two holders, whoever is last."""
    numbers = range(1, VERSIONS + 1)

    def promote(version: int) -> list[int]:
        with db.writing() as session:
            changes = set_stage(
                session, name="digits", version=version, stage="Production", archive_existing=True
            )
            held = select(ModelVersion.version).where(ModelVersion.stage == "Production")
            assert session.scalars(held).all() == [version]
            return [each.version.version for each in changes[1:]]

    with ThreadPoolExecutor(len(numbers)) as pool:
        archived = [each for found in pool.map(promote, numbers) for each in found]
    [holder] = [version for version, stage in stages(db).items() if stage == "Production"]
    # Everyone but the last was archived, once, by who came after.
    assert sorted([*archived, holder]) == list(numbers)


def test_a_table_of_a_teams_own(db: Database) -> None:
    shadow = Stages(
        {
            "None": Stage("None", frozenset()),
            "Shadow": Stage("Shadow", frozenset({"None"}), held=True),
            "Live": Stage("Live", frozenset({"Shadow"}), held=True),
            "Retired": Stage("Retired", frozenset({"Live", "Shadow"})),
        },
        archive="Retired",
    )

    def go(version: int, stage: str) -> None:
        with db.writing() as session:
            set_stage(
                session,
                name="digits",
                version=version,
                stage=stage,
                archive_existing=shadow.named(stage).held,
                stages=shadow,
            )

    with pytest.raises(BadRequest, match=r"in stage None cannot go to Live: .* from Shadow"):
        go(1, "live")
    go(1, "shadow")
    go(1, "live")
    go(2, "shadow")
    go(2, "live")
    assert stages(db) == {1: "Retired", 2: "Live"}
