"""Aliases, on both databases."""

from __future__ import annotations

import pytest
from podium.client.errors import BadRequest, NotFound
from podium.registry import aliases, registered, versions
from podium.tracker import runs
from podium.tracker.db import Database


@pytest.fixture(autouse=True)
def three_versions(db: Database) -> None:
    registered.create_model(db, name="digits")
    run_id = runs.create_run(db).run_id
    for _ in range(3):
        versions.create_version(db, name="digits", source=f"runs:/{run_id}/model")


def test_an_alias_names_one_version_and_moves(db: Database) -> None:
    aliases.set_alias(db, "digits", "champion", "1")
    aliases.set_alias(db, "digits", "best", 1)
    assert aliases.get_version_by_alias(db, "digits", "champion").aliases == ("best", "champion")
    aliases.set_alias(db, "digits", "champion", 2)
    assert aliases.get_version_by_alias(db, "digits", "champion").version == 2
    assert registered.get_model(db, "digits").aliases == {"best": 1, "champion": 2}
    assert versions.get_version(db, "digits", 1).aliases == ("best",)
    # Aliases are told apart by case; "latest" alone is not.
    aliases.set_alias(db, "digits", "Champion", 3)
    assert aliases.get_version_by_alias(db, "digits", "champion").version == 2


def test_of_two_models_each_has_its_own(db: Database) -> None:
    registered.create_model(db, name="letters")
    run_id = runs.create_run(db).run_id
    versions.create_version(db, name="letters", source=f"runs:/{run_id}/model")
    aliases.set_alias(db, "digits", "champion", 3)
    aliases.set_alias(db, "letters", "champion", 1)
    assert aliases.get_version_by_alias(db, "digits", "champion").version == 3
    assert aliases.get_version_by_alias(db, "letters", "champion").version == 1


def test_deleting(db: Database) -> None:
    aliases.set_alias(db, "digits", "champion", 1)
    aliases.delete_alias(db, "digits", "champion")
    aliases.delete_alias(db, "digits", "champion")
    with pytest.raises(BadRequest) as refused:
        aliases.get_version_by_alias(db, "digits", "champion")
    assert refused.value.message == "Registered model alias champion not found."
    assert (refused.value.status, refused.value.code) == (400, "INVALID_PARAMETER_VALUE")


def test_latest_is_the_highest_version(db: Database) -> None:
    versions.transition_version(db, "digits", 3, stage="Archived")
    for latest in ("latest", "LATEST", "Latest"):
        assert aliases.get_version_by_alias(db, "digits", latest).version == 3
    versions.delete_version(db, "digits", 3)
    assert aliases.get_version_by_alias(db, "digits", "latest").version == 2
    registered.create_model(db, name="empty")
    with pytest.raises(NotFound, match="Latest version not found for model empty"):
        aliases.get_version_by_alias(db, "empty", "latest")


def test_a_bad_alias_is_refused(db: Database) -> None:
    for alias, says in [
        ("", "cannot be empty"),
        ("latest", "is reserved"),
        ("LaTest", "is reserved"),
        ("v1", "is reserved"),
        ("V12", "is reserved"),
        ("a b", "Invalid alias name"),
        ("a/b", "Invalid alias name"),
        ("a\n", "Invalid alias name"),
        ("a" * 256, "255"),
    ]:
        with pytest.raises(BadRequest, match=says):
            aliases.set_alias(db, "digits", alias, 1)
    assert registered.get_model(db, "digits").aliases == {}


def test_good_aliases(db: Database) -> None:
    for alias in ("v1a", "vv1", "冠軍", "a-b_c", "1", "a" * 255):
        aliases.set_alias(db, "digits", alias, 1)
        assert aliases.get_version_by_alias(db, "digits", alias).version == 1


def test_what_is_not_there(db: Database) -> None:
    with pytest.raises(NotFound, match="version=4"):
        aliases.set_alias(db, "digits", "champion", 4)
    for ask in (
        lambda: aliases.set_alias(db, "nothing", "a", 1),
        lambda: aliases.delete_alias(db, "nothing", "a"),
        lambda: aliases.get_version_by_alias(db, "nothing", "a"),
    ):
        with pytest.raises(NotFound, match="name=nothing"):
            ask()
