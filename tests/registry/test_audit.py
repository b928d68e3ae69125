"""What is done to models and versions is in the audit log, and nothing that was refused is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from podium.client.errors import PodiumError
from podium.registry import aliases, registered, renaming, versions
from podium.tracker import audit, runs
from podium.tracker.db import Database

Row = tuple[str, str, Any, Any]


def moved(version: int, was: str, now: str) -> Row:
    return "version.stage", f"digits/{version}", {"stage": was}, {"stage": now, "digest": None}


def promoted(version: int, *, request: int, archived: Sequence[int] = ()) -> Row:
    """What else was decided by: see ``registry.promotion``."""
    decided = {
        "stage": "Production",
        "archived": list(archived),
        "digest": "",
        "request": request,
        "requester": "system",
        "policy": None,
        "approvers": [],
        "overridden": [],
    }
    return "version.promote", f"digits/{version}", {"stage": "None"}, decided


def test_every_change_leaves_a_row(db: Database) -> None:
    run_id = runs.create_run(db).run_id
    source = f"runs:/{run_id}/model"
    registered.create_model(db, name="digits", tags=[("a", "b")])
    for _ in range(2):
        versions.create_version(db, name="digits", source=source)
    versions.transition_version(db, "digits", 1, stage="Production")
    versions.transition_version(db, "digits", 2, stage="Production", archive_existing=True)
    versions.transition_version(db, "digits", 2, stage="Production")
    aliases.set_alias(db, "digits", "champion", 2)
    for _ in range(2):
        aliases.delete_alias(db, "digits", "champion")
    registered.set_model_tag(db, "digits", "c", "d")
    versions.set_version_tag(db, "digits", 1, "e", "f")
    for _ in range(2):
        registered.delete_model_tag(db, "digits", "c")
        versions.delete_version_tag(db, "digits", 1, "e")
    registered.update_model(db, "digits", description="words")
    versions.update_version(db, "digits", 1, description="more words")
    versions.delete_version(db, "digits", 1)
    renaming.rename_model(db, "digits", "numerals")
    registered.delete_model(db, "numerals")
    rows = reversed(audit.search(db).items)
    found = [
        (row["action"], row["subject"].removeprefix("model:"), row["before"], row["after"])
        for row in rows
    ]
    made = {"source": source, "run": run_id, "tags": {}}
    assert found == [
        ("model.create", "digits", None, {"tags": {"a": "b"}}),
        ("version.create", "digits/1", None, made),
        ("version.create", "digits/2", None, made),
        moved(1, "None", "Production"),
        promoted(1, request=1),
        moved(2, "None", "Production"),
        moved(1, "Production", "Archived"),
        promoted(2, request=2, archived=[1]),
        ("model.set-alias", "digits", None, {"champion": 2}),
        ("model.delete-alias", "digits", {"champion": 2}, None),
        ("model.set-tag", "digits", None, {"c": "d"}),
        ("version.set-tag", "digits/1", None, {"e": "f"}),
        ("model.delete-tag", "digits", {"c": "d"}, None),
        ("version.delete-tag", "digits/1", {"e": "f"}, None),
        ("model.describe", "digits", {"description": ""}, {"description": "words"}),
        ("version.describe", "digits/1", {"description": ""}, {"description": "more words"}),
        ("version.delete", "digits/1", {"stage": "Archived", "digest": None}, None),
        ("model.rename", "digits", None, {"name": "numerals"}),
        ("model.delete", "numerals", {"last_version": 2}, None),
    ]
    assert audit.verify(db).broken is None


def test_what_is_replaced_is_told(db: Database) -> None:
    registered.create_model(db, name="digits", tags=[("a", "old")])
    run_id = runs.create_run(db, experiment_id="0").run_id
    for _ in range(2):
        versions.create_version(
            db, name="digits", source=f"runs:/{run_id}/model", tags=[("b", "older")]
        )
    aliases.set_alias(db, "digits", "champion", 1)
    aliases.set_alias(db, "digits", "champion", 2)
    registered.set_model_tag(db, "digits", "a", "new")
    versions.set_version_tag(db, "digits", 1, "b", "newer")
    found = [(row["action"], row["before"], row["after"]) for row in audit.search(db).items]
    assert found[:3] == [
        ("version.set-tag", {"b": "older"}, {"b": "newer"}),
        ("model.set-tag", {"a": "old"}, {"a": "new"}),
        ("model.set-alias", {"champion": 1}, {"champion": 2}),
    ]


def test_long_texts_are_cut(db: Database) -> None:
    registered.create_model(db, name="digits", tags=[("long", "x" * 100_000)])
    [row] = audit.search(db).items
    assert row["after"]["tags"] == {"long": "x" * 499 + "…"}


def test_what_is_refused_leaves_none(db: Database) -> None:
    registered.create_model(db, name="digits")
    registered.create_model(db, name="letters")
    for refused in (
        lambda: registered.create_model(db, name="digits"),
        lambda: renaming.rename_model(db, "digits", "letters"),
        lambda: versions.create_version(db, name="digits", source="/etc"),
        lambda: versions.transition_version(db, "digits", 1, stage="Production"),
        lambda: aliases.set_alias(db, "digits", "champion", 1),
        lambda: registered.delete_model(db, "nothing"),
    ):
        with pytest.raises(PodiumError):
            refused()
    assert [row["action"] for row in audit.search(db).items] == ["model.create"] * 2
