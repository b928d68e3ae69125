"""A search of versions finds what a plain loop over the same versions finds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from podium.client.entities import ModelVersion
from podium.registry import aliases, registered, versions
from podium.registry.stages import CANONICAL
from podium.tracker import runs
from podium.tracker.db import Database

Clause = tuple[str, Callable[[ModelVersion], bool]]

_NAMES = ("a", "A", "a%", "it's")
_TAGS = ("x", "X", "x_")
_NUMERIC: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@pytest.fixture
def every(db: Database) -> list[ModelVersion]:
    """Versions of several models, in several stages, some tagged and some with an alias."""
    run_ids = [runs.create_run(db).run_id for _ in range(2)]
    for index, name in enumerate(_NAMES):
        registered.create_model(db, name=name)
        for number in range(1, 5):
            tags = [("t", _TAGS[(index + number) % 3])] if (index * number) % 3 else []
            source = f"runs:/{run_ids[number % 2]}/m{number}"
            versions.create_version(db, name=name, source=source, tags=tags)
            stage = list(CANONICAL.table)[(index + number) % 4]
            versions.transition_version(db, name, number, stage=stage)
        versions.delete_version(db, name, 2)
        aliases.set_alias(db, name, "champion", 1 + 2 * (index % 2))
    return list(versions.search_versions(db).items)


def _text(name: str, values: tuple[str, ...], get: Callable[[ModelVersion], str | None]) -> Any:
    def compare(written: str, wanted: str) -> Clause:
        literal = "'" + wanted.replace("'", "''") + "'"

        def holds(version: ModelVersion) -> bool:
            found = get(version)
            if found is None:
                return False
            return (found == wanted) is (written == "=")

        return f"{name} {written} {literal}", holds

    return st.builds(compare, st.sampled_from(["=", "!="]), st.sampled_from(values))


def _number(written: str, value: int) -> Clause:
    return f"version_number {written} {value}", lambda each: _NUMERIC[written](each.version, value)


_COMPARISONS = st.one_of(
    _text("name", _NAMES, lambda each: each.name),
    _text("stage", tuple(CANONICAL.table), lambda each: each.stage),
    _text("tags.t", _TAGS, lambda each: each.tags.get("t")),
    st.builds(_number, st.sampled_from(sorted(_NUMERIC)), st.integers(-1, 5)),
    st.just(("EXISTS(aliases.champion)", lambda each: "champion" in each.aliases)),
    st.just(("aliases.nothing IS NULL", lambda each: "nothing" not in each.aliases)),
    st.just(("source_path LIKE '%/m1'", lambda each: each.source.endswith("/m1"))),
    st.just(("name ILIKE 'A'", lambda each: each.name.lower() == "a")),
)


def _both(left: Clause, right: Clause) -> Clause:
    return f"({left[0]}) AND ({right[0]})", lambda each: left[1](each) and right[1](each)


def _either(left: Clause, right: Clause) -> Clause:
    return f"({left[0]}) OR ({right[0]})", lambda each: left[1](each) or right[1](each)


def _no(inner: Clause) -> Clause:
    return f"NOT ({inner[0]})", lambda each: not inner[1](each)


_CLAUSES: st.SearchStrategy[Clause] = st.recursive(
    _COMPARISONS,
    lambda inner: (
        st.builds(_both, inner, inner) | st.builds(_either, inner, inner) | st.builds(_no, inner)
    ),
    max_leaves=5,
)


@settings(max_examples=150)
@given(clause=_CLAUSES, size=st.integers(1, 7))
def test_found_are_those_that_match(
    db: Database, every: list[ModelVersion], clause: Clause, size: int
) -> None:
    text, holds = clause
    expected = sorted(filter(holds, every), key=lambda each: (each.name, -each.version))
    found: list[ModelVersion] = []
    token = None
    while True:  # in pages, none of which repeats or loses one
        page = versions.search_versions(
            db, filter=text, order_by=["name ASC"], max_results=size, page_token=token
        )
        found += page.items
        token = page.next_page_token
        if token is None:
            break
    assert found == expected, text
