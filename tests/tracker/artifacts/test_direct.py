"""Bytes that go straight to S3: what a presigned URL allows, and what is left unfinished."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from podium.client.errors import BadRequest, NotFound
from podium.tracker.artifacts import s3 as s3_module
from podium.tracker.artifacts.base import DirectTransfer, Part
from podium.tracker.artifacts.files import FolderStore
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.artifacts.s3_direct import DirectS3Store

PATH = ArtifactPath("1/run/artifacts/model.bin")
PART = 5 * 1024 * 1024  # S3 takes no smaller part but the last


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    pool = urllib3.PoolManager(retries=False)
    yield pool
    pool.clear()


def sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def test_only_s3_transfers_directly(bucket_store: DirectS3Store, folder_store: FolderStore) -> None:
    assert isinstance(bucket_store, DirectTransfer)
    assert not isinstance(folder_store, DirectTransfer)


def test_a_put_and_a_get(bucket_store: DirectS3Store, http: urllib3.PoolManager) -> None:
    body = b"weights"
    put = bucket_store.presign_put(PATH, length=len(body), sha256=sha256(body))
    assert http.request("PUT", put.url, body=body, headers=put.headers).status == 200
    get = bucket_store.presign_get(PATH)
    answer = http.request("GET", get.url, headers=get.headers)
    assert (answer.data, get.size) == (body, len(body))
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("body", "checksum"),
    [(b"another", True), (b"weights", False)],
    ids=["other bytes", "without the signed checksum"],
)
def test_a_url_takes_the_announced_bytes_only(
    bucket_store: DirectS3Store, http: urllib3.PoolManager, body: bytes, checksum: bool
) -> None:
    put = bucket_store.presign_put(PATH, length=7, sha256=sha256(b"weights"))
    headers = put.headers if checksum else {}
    assert http.request("PUT", put.url, body=body, headers=headers).status in (400, 403)
    with pytest.raises(NotFound):
        bucket_store.stat(PATH)


def test_a_url_is_for_one_method_and_one_object(
    bucket_store: DirectS3Store, http: urllib3.PoolManager
) -> None:
    body = b"weights"
    put = bucket_store.presign_put(PATH, length=len(body), sha256=sha256(body))
    assert http.request("GET", put.url).status == 403
    assert http.request("DELETE", put.url).status == 403
    elsewhere = put.url.replace("model.bin", "other.bin")
    assert http.request("PUT", elsewhere, body=body, headers=put.headers).status == 403


@pytest.mark.parametrize(("asked", "given"), [(60, 60), (10**6, 900)])
def test_a_url_lasts_fifteen_minutes_at_most(
    bucket_store: DirectS3Store, asked: int, given: int
) -> None:
    put = bucket_store.presign_put(PATH, length=1, sha256=sha256(b"x"), expires=asked)
    assert parse_qs(urlsplit(put.url).query)["X-Amz-Expires"] == [str(given)]
    with pytest.raises(BadRequest, match="expiration"):
        bucket_store.presign_put(PATH, length=1, sha256=sha256(b"x"), expires=0)


def test_a_get_of_nothing(bucket_store: DirectS3Store) -> None:
    with pytest.raises(NotFound, match=r"model\.bin"):
        bucket_store.presign_get(PATH)


def test_an_upload_in_parts(bucket_store: DirectS3Store, http: urllib3.PoolManager) -> None:
    bodies = [b"a" * PART, b"b" * PART, b"the end"]
    upload = bucket_store.create_multipart(PATH, parts=3, checksums=[sha256(b) for b in bodies])
    wrong = http.request(
        "PUT", upload.parts[0].url, body=b"x" * PART, headers=upload.parts[0].headers
    )
    assert wrong.status in (400, 403)
    done = []
    for part, body in zip(upload.parts, bodies, strict=True):
        answer = http.request("PUT", part.url, body=body, headers=part.headers)
        assert answer.status == 200, answer.data
        done.append(Part(part.part_number, answer.headers["ETag"], sha256(body)))
    with pytest.raises(NotFound):
        bucket_store.stat(PATH)
    bucket_store.complete_multipart(PATH, upload.upload_id, done[::-1])
    # The answer was lost, so it is asked again.
    bucket_store.complete_multipart(PATH, upload.upload_id, done)
    with bucket_store.open(PATH) as content:
        assert content.read() == b"".join(bodies)


def test_an_upload_that_is_given_up(bucket_store: DirectS3Store, http: urllib3.PoolManager) -> None:
    upload = bucket_store.create_multipart(PATH, parts=1)
    answer = http.request("PUT", upload.parts[0].url, body=b"x", headers=upload.parts[0].headers)
    bucket_store.abort_multipart(PATH, upload.upload_id)
    bucket_store.abort_multipart(PATH, upload.upload_id)
    with pytest.raises(NotFound):
        bucket_store.complete_multipart(PATH, upload.upload_id, [Part(1, answer.headers["ETag"])])


@pytest.mark.parametrize("parts", [0, 10_001])
def test_a_number_of_parts_there_cannot_be(bucket_store: DirectS3Store, parts: int) -> None:
    with pytest.raises(BadRequest, match="num_parts"):
        bucket_store.create_multipart(PATH, parts=parts)
    with pytest.raises(BadRequest, match="part_checksums"):
        bucket_store.create_multipart(PATH, parts=2, checksums=[b""])


def test_what_was_left_unfinished_is_swept_after_a_day(
    bucket_store: DirectS3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = bucket_store.create_multipart(PATH, parts=1)
    assert bucket_store.sweep() == 0
    monkeypatch.setattr(s3_module, "ABANDONED_SECONDS", -60)
    assert bucket_store.sweep() == 1
    assert bucket_store.sweep() == 0
    with pytest.raises(NotFound):
        bucket_store.complete_multipart(PATH, upload.upload_id, [Part(1, '"etag"')])
