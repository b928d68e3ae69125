"""The rules of registered models, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.errors import AlreadyExists, BadRequest, NotFound
from podium.registry import aliases, prompts, registered, renaming, versions
from podium.tracker import runs
from podium.tracker.db import Database


def add_version(db: Database, name: str = "digits") -> int:
    run_id = runs.create_run(db).run_id
    return versions.create_version(db, name=name, source=f"runs:/{run_id}/model").version


def test_what_is_created_is_found(db: Database) -> None:
    made = registered.create_model(
        db,
        name="digits",
        description="Reads digits.",
        tags=[("team", "vision"), ("team", "speech")],
        user_id="ada",
    )
    assert made.creation_time == made.last_update_time > 0
    assert (made.description, made.user_id) == ("Reads digits.", "ada")
    assert made.tags == {"team": "speech"}
    assert made.latest_versions == ()
    assert registered.get_model(db, "digits") == made


def test_a_name_is_taken_once(db: Database) -> None:
    registered.create_model(db, name="digits")
    with pytest.raises(AlreadyExists) as refused:
        registered.create_model(db, name="digits")
    assert refused.value.message == "Registered Model (name=digits) already exists."
    # As it is written: "%2F" is no slash here, and no case is another.
    for other in ("Digits", "digits%20", "digits ", "digi%74s"):
        assert registered.create_model(db, name=other).name == other
        assert registered.get_model(db, other).name == other


def test_a_model_and_a_prompt_do_not_share_a_name(db: Database) -> None:
    prompt = [(prompts.TAG, "true")]
    registered.create_model(db, name="greeting", tags=prompt)
    registered.create_model(db, name="digits")
    with pytest.raises(AlreadyExists, match=r"^Prompt \(name=greeting\) already exists"):
        registered.create_model(db, name="greeting", tags=prompt)
    with pytest.raises(AlreadyExists, match=r"create a registered model .* taken by a prompt"):
        registered.create_model(db, name="greeting")
    with pytest.raises(AlreadyExists, match=r"create a prompt .* taken by a registered model"):
        registered.create_model(db, name="digits", tags=prompt)


def test_a_bad_name_is_refused(db: Database) -> None:
    registered.create_model(db, name="digits")
    for name, says in [
        ("", "Missing value for required parameter 'name'"),
        (" \t", "Missing value"),
        ("a/b", "Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
        ("models:x", "cannot contain '/' or ':'"),
        (".", "'name'"),
        ("..", "'name'"),
        ("..x", "'name'"),
        ("two\nlines", "'name'"),
        ("a\0b", r"U\+0000"),
        ("n" * 257, "256"),
    ]:
        with pytest.raises(BadRequest, match=says):
            registered.create_model(db, name=name)
        with pytest.raises(BadRequest):
            renaming.rename_model(db, "digits", name)
    assert [each.name for each in registered.search_models(db).items] == ["digits"]


def test_the_longest_name(db: Database) -> None:
    name = "訓" * 256
    registered.create_model(db, name=name)
    assert add_version(db, name) == 1
    assert registered.get_model(db, name).latest_versions[0].name == name


def test_rename_keeps_versions_aliases_and_tags(db: Database) -> None:
    registered.create_model(db, name="digits", tags=[("team", "vision")])
    add_version(db)
    aliases.set_alias(db, "digits", "champion", 1)
    renamed = renaming.rename_model(db, "digits", "numerals")
    assert (renamed.name, renamed.tags, renamed.aliases) == (
        "numerals",
        {"team": "vision"},
        {"champion": 1},
    )
    version = aliases.get_version_by_alias(db, "numerals", "champion")
    assert (version.name, version.last_update_time) == ("numerals", renamed.last_update_time)
    with pytest.raises(NotFound, match="Registered Model with name=digits not found"):
        registered.get_model(db, "digits")


def test_rename_to_a_name_in_use_changes_nothing(db: Database) -> None:
    registered.create_model(db, name="digits")
    registered.create_model(db, name="letters")
    with pytest.raises(AlreadyExists, match="letters"):
        renaming.rename_model(db, "digits", "letters")
    assert registered.get_model(db, "digits").name == "digits"
    assert renaming.rename_model(db, "digits", "digits").name == "digits"


def test_delete_is_for_good_and_begins_anew(db: Database) -> None:
    registered.create_model(db, name="digits", tags=[("a", "b")])
    add_version(db)
    versions.set_version_tag(db, "digits", 1, "c", "d")
    aliases.set_alias(db, "digits", "champion", 1)
    registered.delete_model(db, "digits")
    for ask in (registered.get_model, registered.delete_model):
        with pytest.raises(NotFound):
            ask(db, "digits")
    again = registered.create_model(db, name="digits")
    assert (again.tags, again.aliases) == ({}, {})
    assert add_version(db) == 1
    assert versions.get_version(db, "digits", 1).tags == {}


def test_description_and_tags(db: Database) -> None:
    made = registered.create_model(db, name="digits")
    assert registered.update_model(db, "digits", description="new").description == "new"
    registered.set_model_tag(db, "digits", "team", "vision")
    registered.set_model_tag(db, "digits", "team", "")
    registered.set_model_tag(db, "digits", "gone", "x")
    registered.delete_model_tag(db, "digits", "gone")
    registered.delete_model_tag(db, "digits", "never there")
    found = registered.get_model(db, "digits")
    assert (found.description, found.tags) == ("new", {"team": ""})
    assert found.last_update_time >= made.last_update_time
    for change in (
        lambda: registered.set_model_tag(db, "nothing", "a", "b"),
        lambda: registered.delete_model_tag(db, "nothing", "a"),
        lambda: registered.update_model(db, "nothing", description=""),
    ):
        with pytest.raises(NotFound, match="name=nothing"):
            change()


def test_a_bad_tag_is_refused(db: Database) -> None:
    registered.create_model(db, name="digits")
    for key, value in [("k" * 251, ""), ("../up", ""), ("semi;colon", ""), ("k", "v" * 100_001)]:
        with pytest.raises(BadRequest, match=r"'key'|'value'"):
            registered.set_model_tag(db, "digits", key, value)
        with pytest.raises(BadRequest):
            registered.create_model(db, name="letters", tags=[(key, value)])
    with pytest.raises(NotFound):
        registered.get_model(db, "letters")


def test_search(db: Database) -> None:
    for number, name in enumerate(["b", "a", "C", "d_e"]):
        registered.create_model(db, name=name, tags=[("n", str(number)), ("t", "x")])
    registered.update_model(db, "b", description="newest")

    def names(text: str = "", *order_by: str) -> list[str]:
        return [
            each.name for each in registered.search_models(db, filter=text, order_by=order_by).items
        ]

    assert names() == ["C", "a", "b", "d_e"]
    assert names("", "name DESC") == ["d_e", "b", "a", "C"]
    assert names("name = 'a'") == ["a"]
    assert names("name != 'a'") == ["C", "b", "d_e"]
    assert names("name LIKE 'c%'") == []
    assert names("name ILIKE 'c%'") == ["C"]
    assert names("name IN ('a', 'b', 'x')") == ["a", "b"]
    assert names("tags.n = '2' OR tag.n = '3'") == ["C", "d_e"]
    assert names("tags.n != '2'") == ["a", "b", "d_e"]
    assert names("tags.t LIKE 'x' AND NOT (tags.n = '1')") == ["C", "b", "d_e"]
    assert names("description = 'newest'", "timestamp DESC") == ["b"]
    assert names("creation_timestamp > 0", "last_updated_timestamp DESC", "name DESC")[0] in "bd_e"
    first = registered.search_models(db, max_results=3)
    rest = registered.search_models(db, max_results=3, page_token=first.next_page_token)
    assert [each.name for each in (*first.items, *rest.items)] == names()
    assert rest.next_page_token is None


def test_a_page_has_a_size(db: Database) -> None:
    for size in (0, -1, 1001):
        with pytest.raises(BadRequest, match="between 1 and 1000"):
            registered.search_models(db, max_results=size)


def test_of_many_who_create_one_name_one_does(db: Database) -> None:
    def create(_: int) -> bool:
        try:
            registered.create_model(db, name="digits")
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 1
