"""The rules of model versions, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.entities import VersionStatus
from podium.client.errors import BadRequest, NotFound
from podium.registry import aliases, registered, versions
from podium.registry.models import ModelVersion
from podium.tracker import runs
from podium.tracker.db import Database
from sqlalchemy import select


@pytest.fixture(autouse=True)
def model(db: Database) -> None:
    registered.create_model(db, name="digits")


@pytest.fixture
def run_id(db: Database) -> str:
    return runs.create_run(db).run_id


def add(db: Database, run_id: str, name: str = "digits") -> int:
    return versions.create_version(db, name=name, source=f"runs:/{run_id}/model").version


def test_what_is_registered_is_found(db: Database, run_id: str) -> None:
    made = versions.create_version(
        db,
        name="digits",
        source=f"runs:/{run_id}/model",
        description="first",
        run_link="https://elsewhere/run",
        tags=[("a", "1"), ("a", "2")],
        user_id="ada",
    )
    assert (made.name, made.version, made.stage) == ("digits", 1, "None")
    assert made.status is VersionStatus.READY
    assert made.source == f"runs:/{run_id}/model"
    assert made.storage_location == f"mlflow-artifacts:/0/{run_id}/artifacts/model"
    assert (made.run_id, made.model_id, made.digest) == (run_id, None, None)
    assert (made.description, made.user_id, made.run_link) == (
        "first",
        "ada",
        "https://elsewhere/run",
    )
    assert (made.tags, made.aliases) == ({"a": "2"}, ())
    assert made.creation_time == made.last_update_time
    assert versions.get_version(db, "digits", "1") == made
    assert registered.get_model(db, "digits").latest_versions == (made,)
    assert registered.get_model(db, "digits").last_update_time == made.creation_time


def test_a_number_is_never_given_twice(db: Database, run_id: str) -> None:
    assert [add(db, run_id) for _ in range(3)] == [1, 2, 3]
    versions.delete_version(db, "digits", 3)
    versions.delete_version(db, "digits", 1)
    assert add(db, run_id) == 4
    found = versions.search_versions(db, order_by=["version_number ASC"]).items
    assert [each.version for each in found] == [2, 4]


def test_those_who_register_at_once_get_different_numbers(db: Database, run_id: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: add(db, run_id), range(32)))
    assert sorted(numbers) == list(range(1, 33))
    [newest] = registered.get_model(db, "digits").latest_versions
    assert newest.version == 32


def test_of_a_deleted_version_only_the_number_is_left(db: Database, run_id: str) -> None:
    versions.create_version(
        db,
        name="digits",
        source=f"runs:/{run_id}/model",
        description="secret",
        run_link="secret",
        tags=[("secret", "secret")],
        user_id="secret",
    )
    aliases.set_alias(db, "digits", "champion", 1)
    versions.delete_version(db, "digits", 1)
    for ask in (versions.get_version, versions.download_uri, versions.delete_version):
        with pytest.raises(NotFound, match=r"Model Version \(name=digits, version=1\) not found"):
            ask(db, "digits", 1)
    model = registered.get_model(db, "digits")
    assert (model.aliases, model.latest_versions) == ({}, ())
    with db.reading() as session:
        [row] = session.scalars(select(ModelVersion))
        left = {name: value for name, value in vars(row).items() if isinstance(value, str)}
    assert "secret" not in left.values()
    assert run_id not in str(left)
    assert left["source"] == "REDACTED-SOURCE-PATH"


def test_a_version_is_a_whole_number(db: Database) -> None:
    for version in ("", "x", "1.0", " 1", "1_0", "\u0661", "0x1"):
        with pytest.raises(BadRequest, match="Parameter 'version' must be an integer"):
            versions.get_version(db, "digits", version)


def test_a_version_that_is_not_there(db: Database, run_id: str) -> None:
    add(db, run_id)
    for version in ("0", "-1", "2", "2147483648", "9" * 30):
        with pytest.raises(NotFound, match="digits"):
            versions.get_version(db, "digits", version)


def test_of_a_model_that_is_not_there(db: Database, run_id: str) -> None:
    with pytest.raises(NotFound, match="Registered Model with name=nothing not found"):
        add(db, run_id, "nothing")
    with pytest.raises(NotFound, match="name=nothing"):
        versions.get_version(db, "nothing", 1)
    with pytest.raises(NotFound, match="name=nothing"):
        versions.latest_versions(db, "nothing")


def test_description_and_tags(db: Database, run_id: str) -> None:
    add(db, run_id)
    assert versions.update_version(db, "digits", 1, description="new").description == "new"
    versions.set_version_tag(db, "digits", 1, "state", "old")
    versions.set_version_tag(db, "digits", 1, "state", "new")
    versions.set_version_tag(db, "digits", 1, "gone", "x")
    versions.delete_version_tag(db, "digits", 1, "gone")
    versions.delete_version_tag(db, "digits", 1, "never there")
    assert versions.get_version(db, "digits", 1).tags == {"state": "new"}
    versions.set_version_tag(db, "digits", 1, "long", "v" * 100_000)
    with pytest.raises(BadRequest, match="100000"):
        versions.set_version_tag(db, "digits", 1, "long", "v" * 100_001)
    for change in (
        lambda: versions.set_version_tag(db, "digits", 2, "a", "b"),
        lambda: versions.delete_version_tag(db, "digits", 2, "a"),
        lambda: versions.update_version(db, "digits", 2, description=""),
    ):
        with pytest.raises(NotFound, match="version=2"):
            change()


def test_a_bad_tag_registers_nothing(db: Database, run_id: str) -> None:
    with pytest.raises(BadRequest, match="key"):
        versions.create_version(
            db, name="digits", source=f"runs:/{run_id}/model", tags=[("good", ""), ("..", "")]
        )
    assert versions.search_versions(db).items == ()
    assert add(db, run_id) == 1


def test_latest_of_each_stage(db: Database, run_id: str) -> None:
    for _ in range(6):
        add(db, run_id)
    for version, stage in ((1, "Production"), (2, "Production"), (3, "Staging"), (4, "Archived")):
        versions.transition_version(db, "digits", version, stage=stage)

    def latest(*stages: str) -> dict[str, int]:
        return {each.stage: each.version for each in versions.latest_versions(db, "digits", stages)}

    every = {"Production": 2, "Staging": 3, "Archived": 4, "None": 6}
    assert latest() == every
    assert latest("production", "NONE") == {"Production": 2, "None": 6}
    with pytest.raises(BadRequest, match="Invalid Model Version stage: Prod"):
        latest("Prod")
    versions.delete_version(db, "digits", 2)
    assert latest("Production") == {"Production": 1}
    found = registered.get_model(db, "digits").latest_versions
    assert {each.stage: each.version for each in found} == every | {"Production": 1}


def test_search(db: Database, run_id: str) -> None:
    other = runs.create_run(db).run_id
    registered.create_model(db, name="letters")
    for name, run, tag in (
        ("digits", run_id, "a"),
        ("digits", other, "b"),
        ("letters", run_id, "B"),
    ):
        versions.create_version(
            db, name=name, source=f"runs:/{run}/model", tags=[("t", tag), ("n", name)]
        )
    aliases.set_alias(db, "digits", "champion", 2)
    versions.transition_version(db, "letters", 1, stage="Staging")

    def found(text: str = "", *order_by: str) -> list[tuple[str, int]]:
        page = versions.search_versions(
            db, filter=text, order_by=order_by or ("name ASC", "version_number ASC")
        )
        return [(each.name, each.version) for each in page.items]

    one, two, letters = ("digits", 1), ("digits", 2), ("letters", 1)
    assert found() == [one, two, letters]
    assert found("name = 'digits'") == [one, two]
    assert found("name ILIKE 'DIG%' AND version_number > 1") == [two]
    assert found("name IN ('letters', 'x')") == [letters]
    assert found(f"run_id = '{run_id}'") == [one, letters]
    assert found(f"run_id != '{run_id}'") == [two]
    assert found(f"run_id IN ('{run_id}', '{other}')", "version_number DESC", "name DESC") == [
        two,
        letters,
        one,
    ]
    assert found(f"source_path = 'runs:/{other}/model'") == [two]
    assert found("source_path LIKE '%/model'") == [one, two, letters]
    for text, expected in (
        ("version_number = 1", [one, letters]),
        ("version_number != 1", [two]),
        ("version_number >= 2", [two]),
        ("version_number < 2", [one, letters]),
        ("version_number <= 2 AND tags.t = 'a'", [one]),
        ("tag.t LIKE 'b'", [two]),
        ("tags.t ILIKE 'b'", [two, letters]),
        ("tags.t != 'a'", [two, letters]),
        ("stage = 'Staging' OR EXISTS(aliases.champion)", [two, letters]),
        ("model_id IS NULL", [one, two, letters]),
    ):
        assert found(text) == expected, text
    assert found("", "last_updated_timestamp DESC", "name ASC")[0] in (letters, two)
    assert [each.aliases for each in versions.search_versions(db, filter="tags.t='b'").items] == [
        ("champion",)
    ]
    first = versions.search_versions(db, max_results=2)
    rest = versions.search_versions(db, max_results=2, page_token=first.next_page_token)
    assert [(each.name, each.version) for each in (*first.items, *rest.items)] == [
        (each.name, each.version) for each in versions.search_versions(db).items
    ]


def test_a_filter_that_cannot_be_read(db: Database) -> None:
    for wrong in (
        "version_number = 'one'",
        "nothing = 1",
        "metrics.x > 1",
        "name > 'a'",
        "name = ",
    ):
        with pytest.raises(BadRequest, match="column"):
            versions.search_versions(db, filter=wrong)
