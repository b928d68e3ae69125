"""Prompts are hidden from searches, unless the filter speaks of them."""

from __future__ import annotations

import pytest
from podium.registry import prompts, registered, versions
from podium.tracker import runs
from podium.tracker.db import Database

TAG = f"`{prompts.TAG}`"


@pytest.fixture(autouse=True)
def a_model_and_a_prompt(db: Database) -> None:
    registered.create_model(db, name="digits", tags=[("team", "x")])
    registered.create_model(db, name="other", tags=[(prompts.TAG, "false")])
    registered.create_model(db, name="greeting", tags=[(prompts.TAG, "true"), ("team", "x")])
    run_id = runs.create_run(db).run_id
    versions.create_version(db, name="digits", source=f"runs:/{run_id}/model")
    versions.create_version(
        db, name="greeting", source="dummy-source", tags=[(prompts.TAG, "true")]
    )


MODELS, PROMPTS = ["digits", "other"], ["greeting"]


def test_models(db: Database) -> None:
    for text, expected in [
        ("", MODELS),
        ("name != 'x'", MODELS),
        ("tags.team = 'x'", ["digits"]),
        ("name = 'greeting'", []),
        ("name = 'greeting' OR name = 'digits'", ["digits"]),
        ("NOT (name = 'digits')", ["other"]),
        (f"tag.{TAG} = 'true'", PROMPTS),
        (f"tags.{TAG} = 'true' AND tags.team = 'x'", PROMPTS),
        (f"tags.{TAG} != 'false'", PROMPTS),
        # What MLflow's client adds to every search for models, though these have no such tag.
        (f"tags.{TAG} != 'true'", MODELS),
        (f"tags.{TAG} = 'false'", MODELS),
        (f"NOT (tags.{TAG} = 'true')", MODELS),
        (f"name ILIKE '%' AND tags.{TAG} != 'true'", MODELS),
        (f"tags.{TAG} = 'true' OR name = 'digits'", ["digits", "greeting"]),
        (f"tags.{TAG} IS NOT NULL", ["greeting", "other"]),
    ]:
        found = registered.search_models(db, filter=text).items
        assert [each.name for each in found] == expected, text


def test_versions(db: Database) -> None:
    for text, expected in [
        ("", ["digits"]),
        ("name = 'greeting'", []),
        (f"tags.{TAG} != 'true'", ["digits"]),
        (f"name = 'greeting' AND tags.{TAG} = 'true'", PROMPTS),
    ]:
        found = versions.search_versions(db, filter=text).items
        assert [each.name for each in found] == expected, text


def test_by_name_a_prompt_is_there(db: Database) -> None:
    assert prompts.is_prompt(registered.get_model(db, "greeting").tags)
    assert versions.get_version(db, "greeting", 1).storage_location == ""
