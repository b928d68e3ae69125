"""Finding experiments, runs and models by name, for who may see them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from podium.registry import registered
from podium.registry.find import find
from podium.tracker import experiments, runs
from podium.tracker.auth import accounts, caller, grants
from podium.tracker.auth.authenticate import load
from podium.tracker.auth.caller import Visit
from podium.tracker.auth.permissions import EVERYTHING, READ
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import Principal
from podium.tracker.db import Database
from sqlalchemy import select

from .conftest import elements


@pytest.fixture
def filled(db: Database) -> Database:
    for name in ("Night shift", "night_owl", "day"):
        made = experiments.create_experiment(db, name=name).experiment_id
        for number in range(2):
            runs.create_run(
                db, experiment_id=made, run_name=f"{name} run {number}", start_time=number
            )
        registered.create_model(db, name=f"{name} model")
    return db


def names(found: object, kind: str) -> list[str]:
    return [each.name for each in getattr(found, kind)]


def test_by_a_part_of_the_name_whatever_its_case(filled: Database) -> None:
    found = find(filled, " NIGHT ")
    assert set(names(found, "experiments")) == {"Night shift", "night_owl"}
    assert names(found, "models") == ["Night shift model", "night_owl model"]
    assert names(found, "runs")[:2] == ["night_owl run 1", "Night shift run 1"]
    assert names(find(filled, "night", limit=1), "models") == ["Night shift model"]


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("   ", 0), ("%", 0), ("t_o", 1), ("t'o", 0), ("\\", 0)]
)
def test_no_character_is_special(filled: Database, text: str, count: int) -> None:
    assert len(find(filled, text).experiments) == count


def test_a_run_by_the_beginning_of_its_id(filled: Database) -> None:
    [run] = find(filled, "day run 0").runs
    assert [each.run_id for each in find(filled, run.run_id[:8].upper()).runs] == [run.run_id]
    assert run.experiment == "day"
    runs.delete_run(filled, run.run_id)
    assert find(filled, run.run_id[:8]).runs == []


@pytest.fixture
def viewer(filled: Database) -> Iterator[str]:
    """Somebody who may see one experiment and nothing else."""
    [day] = find(filled, "day").experiments
    accounts.create(filled, name="vi", role=Role.MEMBER)
    grants.give(filled, "experiment", day.experiment_id, principal="vi", role=Role.VIEWER)
    with filled.reading() as session:
        principal = session.scalars(select(Principal.id).filter_by(name="vi")).one()
        visitor = load(session, principal, EVERYTHING)
    caller.begin(Visit(visitor, permission=READ))
    yield day.experiment_id
    caller.end()


def test_what_one_may_not_see_is_not_found(filled: Database, viewer: str) -> None:
    found = find(filled, "n")
    assert (names(found, "models"), names(found, "experiments")) == ([], [])
    assert set(names(found, "runs")) == {"day run 0", "day run 1"}
    assert [each.experiment_id for each in find(filled, "day").experiments] == [viewer]


def test_as_a_page_and_for_the_palette(pages: FlaskClient) -> None:
    pages.post("/api/2.0/mlflow/experiments/create", json={"name": "<b>night"})
    page = elements(pages.get("/search?q=night").get_data(as_text=True))
    assert ("span", "<b>night") in page.texts
    assert ("h1", "Search") in page.texts
    alone = pages.get("/search?q=night", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "<html" not in alone
    assert "&lt;b&gt;night" in alone
    assert "Nothing has" in pages.get("/search?q=none+such").get_data(as_text=True)
    assert "/webhooks" in pages.get("/search", headers={"HX-Request": "true"}).get_data(True)
