"""What is downloaded is what was uploaded, or the download does not come to its end."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, cast

import pytest
from podium.client.errors import DamagedFile
from podium.tracker.artifacts.base import ArtifactStore, Stored
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.audit import search
from podium.tracker.db import Database
from podium.tracker.services import Services
from podium.tracker.storage import digests
from sqlalchemy import text

from ...api import Api
from .test_artifacts import ask, send

AREA = "/api/2.0/mlflow-artifacts"
PLACE = ArtifactPath(f"0/{'a' * 32}/artifacts/weights.bin")
SMALL, LARGE = b"weights" * 100, b"weights!" * 200_000


def changed(body: bytes) -> bytes:
    return body[:-1] + b"?"


@pytest.fixture(params=["on_folder", "on_s3"])
def server(request: pytest.FixtureRequest) -> Api:
    return cast(Api, request.getfixturevalue(request.param))


def of(server: Api) -> Services:
    return cast(Services, server.http.application.extensions["podium"])


def put(server: Api, body: bytes, place: ArtifactPath = PLACE) -> None:
    assert server.http.put(f"{AREA}/artifacts/{place}", data=body).status_code == 200


def get(server: Api, place: ArtifactPath = PLACE, **options: Any) -> Any:
    return server.http.get(f"{AREA}/artifacts/{place}", **{"buffered": True, **options})


def overwrite(server: Api, body: bytes) -> None:
    """As somebody who has the disk or the bucket does."""
    of(server).store.put(PLACE, [body])


def complaints(server: Api) -> list[tuple[str, str | None]]:
    found = search(of(server).db, action="file.damaged").items
    return [(row["subject"], row["reason"]) for row in found]


class TestADamagedFile:
    def test_that_is_small_is_refused_before_its_first_byte(self, server: Api) -> None:
        put(server, SMALL)
        overwrite(server, changed(SMALL))
        answer = get(server)
        assert (answer.status_code, answer.json["error_code"]) == (409, "DATA_LOSS")
        wanted = hashlib.sha256(SMALL).hexdigest()
        assert f"{PLACE.key!r} is not the file that was uploaded" in answer.json["message"]
        assert f"instead of {wanted}" in answer.json["message"]
        assert "Upload it again" in answer.json["message"]
        [(subject, reason)] = complaints(server)
        assert subject == f"file:{PLACE}"
        assert reason is not None
        assert wanted in reason

    def test_that_is_large_ends_before_its_last_bytes(self, server: Api) -> None:
        put(server, LARGE)
        overwrite(server, changed(LARGE))
        answer = get(server, buffered=False)
        assert answer.content_length == len(LARGE)
        received: list[bytes] = []
        with pytest.raises(DamagedFile, match="restore it from a backup"):
            received.extend(answer.response)
        answer.close()
        assert 0 < sum(map(len, received)) < len(LARGE)
        assert len(complaints(server)) == 1

    @pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
    def test_of_another_size_is_refused_at_once(self, server: Api, body: bytes) -> None:
        put(server, body)
        overwrite(server, body[1:])
        answer = get(server)
        assert answer.status_code == 409
        assert f"{len(body) - 1} bytes instead of {len(body)}" in answer.json["message"]

    def test_cannot_fill_the_log(self, on_folder: Api) -> None:
        put(on_folder, SMALL)
        overwrite(on_folder, b"x")
        for _ in range(30):
            assert get(on_folder).status_code == 409
        assert len(complaints(on_folder)) == 10


class TestARightFile:
    @pytest.mark.parametrize("body", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
    def test_is_sent_and_so_is_what_replaces_it(self, server: Api, body: bytes) -> None:
        for each in (body, body + b"more", body):
            put(server, each)
            assert get(server).data == each
        part = get(server, headers={"Range": "bytes=1-3"})
        assert part.data == body[1:4]
        assert not complaints(server)

    def test_of_before_is_sent_and_known_from_the_next_upload_on(self, server: Api) -> None:
        overwrite(server, b"old")
        assert get(server).data == b"old"
        put(server, SMALL)
        overwrite(server, b"old")
        assert get(server).status_code == 409

    def test_is_there_although_another_upload_broke_off(self, server: Api) -> None:
        put(server, SMALL)
        digests.note(of(server).db, of(server).store, PLACE, Stored(3, b"\1" * 32))
        assert get(server).data == SMALL

    def test_of_before_is_there_although_an_upload_never_came(self, server: Api) -> None:
        overwrite(server, b"old")
        digests.note(of(server).db, of(server).store, PLACE, Stored(3, b"\1" * 32))
        assert get(server).data == b"old"

    def test_that_is_deleted_is_forgotten(self, server: Api) -> None:
        for delete in (str(PLACE), f"0/{'a' * 32}/artifacts", f"0/{'a' * 32}", "0"):
            put(server, SMALL)
            assert digests.known(of(server).db, PLACE)
            assert server.http.delete(f"{AREA}/artifacts/{delete}").status_code == 200
            assert not digests.known(of(server).db, PLACE)


class TestStraightToS3:
    def test_a_presigned_upload(self, on_s3: Api) -> None:
        run_id = on_s3.create_run()
        status, signed = ask(
            on_s3,
            "presigned-upload-url",
            run_id=run_id,
            path="w.bin",
            content_length=len(SMALL),
            checksum_sha256=base64.b64encode(hashlib.sha256(SMALL).digest()).decode(),
        )
        assert status == 200
        assert send(signed["presigned_url"], signed["headers"], SMALL) == 200
        place = ArtifactPath(f"0/{run_id}/artifacts/w.bin")
        assert get(on_s3, place).data == SMALL
        of(on_s3).store.put(place, [changed(SMALL)])
        assert get(on_s3, place).status_code == 409


def test_files_that_were_replaced_while_a_backup_was_taken(
    db: Database, store: ArtifactStore
) -> None:
    then, now, other = (Stored(3, bytes([each]) * 32) for each in range(3))
    digests.note(db, store, PLACE, then)
    with db.migrating() as connection:
        digests.add_missing(connection, [(PLACE.key, now), ("0/unknown", other)])
    assert digests.known(db, PLACE) == {(3, then.sha256), (3, now.sha256)}
    assert not digests.known(db, ArtifactPath("0/unknown"))


def test_old_ones_are_forgotten_when_enough_others_have_come(
    db: Database, store: ArtifactStore
) -> None:
    for number in range(12):
        digests.note(db, store, PLACE, Stored(number, bytes([number]) * 32))
    assert len(digests.known(db, PLACE)) == 12  # any of them may be on its way
    with db.writing() as session:
        session.execute(text("UPDATE file_digests SET at = at - 4000000"))
    digests.note(db, store, PLACE, Stored(99, b"\x63" * 32))
    assert len(digests.known(db, PLACE)) == 8
    assert (99, b"\x63" * 32) in digests.known(db, PLACE)
