"""Two versions side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium.client.errors import NotFound
from podium.registry.app import create_app
from podium.registry.diff import Difference, diff_versions, differences
from podium.registry.inspection import service
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database

from .inspection.test_inspection import MLMODEL, put
from .promotion.conftest import Team


@pytest.fixture
def team(db: Database, store: ArtifactStore) -> Team:
    """Two versions with files, and one whose files nobody has read."""
    found = Team(db)
    for content, lr in ((MLMODEL, "0.1"), (MLMODEL.replace(b"double", b"long"), "0.2")):
        version = found.version(params={"lr": lr, "same": "x"}, metrics={"acc": float(lr)})
        put(found, store, version, "MLmodel", content)
        put(found, store, version, "weights", b"the same")
        put(found, store, version, "requirements.txt", f"numpy=={lr}".encode())
    while service.inspect_new(db, store):
        pass
    found.version()
    return found


def test_what_is_different(team: Team) -> None:
    found = diff_versions(team.db, team.name, 1, "2")
    assert found.params == (Difference("lr", "0.1", "0.2"),)
    assert found.metrics == (Difference("acc", 0.1, 0.2),)
    assert found.schema == (Difference("inputs.x", "double", "long"),)
    assert found.environment == (Difference("numpy", "==0.1", "==0.2"),)
    assert [each.key for each in found.files] == ["MLmodel", "requirements.txt"]
    assert (found.same["files"], found.same["params"], found.unread) == (1, 1, ())


def test_a_version_whose_files_nobody_has_read(team: Team) -> None:
    found = diff_versions(team.db, team.name, 1, 3)
    assert found.unread == (3,)
    assert [each.after for each in found.files] == [None] * 3
    with pytest.raises(NotFound):
        diff_versions(team.db, team.name, 1, 9)


def test_the_calls(team: Team, db: Database, store: ArtifactStore, sqlite_url: str) -> None:
    app = create_app(Config(database_url=sqlite_url, artifacts="unused"), db=db, store=store)
    http = app.test_client()

    def get(path: str) -> Any:
        answer = http.get(f"/api/v1/models/{team.name}/versions/{path}")
        assert answer.status_code == 200
        return answer.json

    told = get("1/diff/2")
    assert told["schema"] == [{"key": "inputs.x", "before": "double", "after": "long"}]
    assert told["metrics"] == [{"key": "acc", "before": 0.1, "after": 0.2}]
    report = get("1/inspection")
    assert (report["status"], report["scan"]) == ("DONE", "CLEAN")
    assert [each["path"] for each in report["files"]] == ["MLmodel", "requirements.txt", "weights"]
    pending = get("3/inspection")
    assert pending["status"] == "PENDING"


KEYS = st.dictionaries(st.sampled_from("abcd"), st.floats(allow_nan=True), max_size=4)


@given(before=KEYS, after=KEYS)
def test_differences_are_all_there_is_and_nothing_else(
    before: Mapping[str, float], after: Mapping[str, float]
) -> None:
    found = {each.key: each for each in differences(before, after)}
    for key in before.keys() | after.keys():
        same = key in before and key in after and _same(before[key], after[key])
        assert (key in found) is not same
    assert differences(before, before) == ()


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
