"""A version whose files are uploaded anew after it was registered goes nowhere."""

from __future__ import annotations

import hashlib

import pytest
from podium.client.errors import Conflict
from podium.client.promotion import Promotion
from podium.registry import promotion, versions
from podium.registry.inspection import service
from podium.tracker.artifacts.base import ArtifactStore, Stored
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.db import Database
from podium.tracker.storage import digests
from podium.tracker.storage.tables import FileDigest
from sqlalchemy import update

from .conftest import Team


def place(team: Team, version: int, path: str) -> ArtifactPath:
    location = versions.get_version(team.db, team.name, version).storage_location
    return parse_artifact_uri(location) / ArtifactPath.parse(path)


def upload(team: Team, store: ArtifactStore, version: int, path: str, content: bytes) -> None:
    digests.put(team.db, store, place(team, version, path), iter([content]))


def stored(content: bytes) -> Stored:
    return Stored(len(content), hashlib.sha256(content).digest())


def registered(team: Team, store: ArtifactStore) -> int:
    """A version that has been read, with two files."""
    version = team.version(read=False)
    upload(team, store, version, "model.bin", b"good")
    upload(team, store, version, "deep/MLmodel", b"flavors: {}")
    assert service.inspect_new(team.db, store) == 1
    return version


def promote(
    team: Team, version: int, stage: str = "Production", override: str | None = None
) -> Promotion:
    return promotion.promote(
        team.db, name=team.name, version=version, stage=stage, override=override
    )


def test_a_file_that_is_replaced_is_named(team: Team, store: ArtifactStore) -> None:
    version = registered(team, store)
    upload(team, store, version, "deep/MLmodel", b"flavors: {evil: {}}")
    for override in (None, "it must be"):
        with pytest.raises(Conflict, match=r"other files.*: deep/MLmodel came anew"):
            promote(team, version, override=override)
    assert team.stage_of(version) == "None"
    assert {action for _, action, _ in team.refusals()} == {"version.promote.refused"}
    assert promote(team, version, "Archived").done, "away it may go"


def test_what_is_as_it_was_is_promoted(team: Team, store: ArtifactStore) -> None:
    version = registered(team, store)
    upload(team, store, version, "model.bin", b"good")
    upload(team, store, version, "plot.png", b"something else beside it")
    assert promote(team, version).done


def test_what_was_is_put_back(team: Team, store: ArtifactStore) -> None:
    version = registered(team, store)
    upload(team, store, version, "model.bin", b"evil")
    with pytest.raises(Conflict):
        promote(team, version)
    upload(team, store, version, "model.bin", b"good")
    assert promote(team, version).done


def test_what_was_replaced_before_it_was_read_is_what_was_registered(
    team: Team, store: ArtifactStore
) -> None:
    version = team.version(read=False)
    upload(team, store, version, "model.bin", b"first")
    upload(team, store, version, "model.bin", b"second")
    service.inspect_new(team.db, store)
    assert promote(team, version).done


def test_an_upload_that_may_have_come_counts(team: Team, store: ArtifactStore) -> None:
    """A URL that the server has signed; of an upload in parts it does not know the digest."""
    for what in (stored(b"evil"), None):
        version = registered(team, store)
        digests.note(team.db, store, place(team, version, "model.bin"), what)
        with pytest.raises(Conflict, match=r"model.bin"):
            promote(team, version)


def test_a_file_without_a_digest_is_not_compared(team: Team, store: ArtifactStore) -> None:
    version = team.version(read=False)
    store.put(place(team, version, "model.bin"), iter([b"by hand"]))
    service.inspect_new(team.db, store)
    assert promote(team, version, "Staging").done
    # The same file once more, by the server: what was there before is nothing new.
    digests.note(team.db, store, place(team, version, "model.bin"), stored(b"by hand"))
    assert promote(team, version).done


def test_a_url_that_ran_out_long_before_counts_for_nothing(
    team: Team, store: ArtifactStore
) -> None:
    version = team.version(read=False)
    store.put(place(team, version, "model.bin"), iter([b"by hand"]))
    digests.note(team.db, store, place(team, version, "model.bin"), stored(b"never came"))
    with team.db.writing() as session:
        session.execute(update(FileDigest).values(at=FileDigest.at - 3_600_000))
    service.inspect_new(team.db, store)
    assert promote(team, version).done


def test_a_file_that_is_none_of_those_uploaded_is_another(team: Team, store: ArtifactStore) -> None:
    """Somebody has changed it in the bucket before it was read."""
    version = team.version(read=False)
    upload(team, store, version, "model.bin", b"good")
    store.put(place(team, version, "model.bin"), iter([b"evil"]))
    service.inspect_new(team.db, store)
    with pytest.raises(Conflict, match=r"model.bin"):
        promote(team, version)


def test_a_version_that_is_one_file(team: Team, store: ArtifactStore, db: Database) -> None:
    version = team.version(read=False)
    root = parse_artifact_uri(versions.get_version(db, team.name, version).storage_location)
    digests.put(db, store, root, iter([b"good"]))
    service.inspect_new(db, store)
    assert promote(team, version, "Staging").done
    digests.put(db, store, root, iter([b"evil"]))
    with pytest.raises(Conflict, match=root.name):
        promote(team, version)


def test_nor_is_it_rolled_back_to(team: Team, store: ArtifactStore) -> None:
    first, second = registered(team, store), registered(team, store)
    assert promote(team, first).done
    assert promote(team, second).done
    upload(team, store, first, "model.bin", b"evil")
    with pytest.raises(Conflict, match=r"model.bin came anew"):
        promotion.roll_back(team.db, name=team.name, stage="Production")
    assert team.stage_of(second) == "Production"
