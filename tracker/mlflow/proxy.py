"""/mlflow-artifacts/…: files by their place in the store, through the server or around it.

This is how the stock client exchanges files when artifact URIs begin with ``mlflow-artifacts:/``.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request
from podium.client.errors import BadRequest

from .. import run_files
from ..artifacts.base import CHUNK, MAX_PARTS, Part, Stored
from ..artifacts.paths import ROOT, ArtifactPath
from ..auth.permissions import LOG, READ, allow
from ..download import send
from ..rest import takes
from ..schema import Int64, Items, Object, Schema, Text
from ..services import services
from ..storage import digests, holds, quotas
from . import render
from .artifacts import parse_sha256
from .render import Json

routes = Blueprint("mlflow-artifacts", __name__, url_prefix="/2.0/mlflow-artifacts")

CHECKSUM = "X-Podium-Checksum-SHA256"


class Folder(Schema):
    path = Text(load_default="")


class CreateUpload(Schema):
    path = Text(required=True)
    num_parts = Int64(required=True)
    part_checksums_sha256 = Items(Text(), load_default=None)


class EndUpload(Schema):
    path = Text(required=True)
    upload_id = Text(required=True)


class UploadedPart(Schema):
    part_number = Int64(required=True)
    etag = Text(required=True)
    checksum_sha256 = Text(load_default=None)


class CompleteUpload(EndUpload):
    """The length and digest of the whole are ours: the stock client tells neither."""

    parts = Items(Object(UploadedPart), required=True)
    content_length = Int64(load_default=None)
    checksum_sha256 = Text(load_default=None)


@routes.put("/artifacts/<path:path>")
@allow(LOG)
def put(path: str) -> Json:
    checksum = request.headers.get(CHECKSUM)
    place = _place(_parse(path))
    quotas.admit(services().db, place, request.content_length)
    digests.put(
        services().db,
        services().store,
        place,
        _received(),
        length=request.content_length,
        sha256=None if checksum is None else parse_sha256(checksum, CHECKSUM),
    )
    return {}


@routes.get("/artifacts/<path:path>")
@allow(READ)
def get(path: str) -> Response:
    return send(services(), _place(_parse(path)))


@routes.delete("/artifacts/<path:path>")
@allow(LOG)
def delete(path: str) -> Json:
    place = _place(_parse(path))
    holds.refuse_deletion(services().db, place)
    services().store.delete(place)
    digests.forget(services().db, place)
    return {}


@routes.get("/artifacts")
@allow(READ)
@takes(Folder)
def list_artifacts(asked: Json) -> Json:
    folder = _place(ArtifactPath.parse_folder(asked["path"]))
    return render.page("files", render.files(services().store.list(folder)), None)


@routes.post("/mpu/create/<path:folder>")
@allow(LOG)
@takes(CreateUpload)
def create_upload(asked: Json, folder: str) -> Json:
    if not 1 <= asked["num_parts"] <= MAX_PARTS:
        raise BadRequest(f"'num_parts' must be between 1 and {MAX_PARTS}.")
    checksums = asked["part_checksums_sha256"]
    if checksums is not None:
        if len(checksums) != asked["num_parts"]:
            raise BadRequest(
                f"'part_checksums_sha256' has {len(checksums)} digests for {asked['num_parts']} "
                "parts: give one for each."
            )
        checksums = [
            parse_sha256(text, f"part_checksums_sha256[{index}]")
            for index, text in enumerate(checksums)
        ]
    place = _in_folder(folder, asked["path"])
    quotas.admit(services().db, place, None)
    upload = run_files.direct(services().store).create_multipart(
        place, parts=asked["num_parts"], checksums=checksums
    )
    return {
        "upload_id": upload.upload_id,
        "credentials": [
            {"url": part.url, "part_number": part.part_number, "headers": part.headers}
            for part in upload.parts
        ],
    }


@routes.post("/mpu/complete/<path:folder>")
@allow(LOG)
@takes(CompleteUpload)
def complete_upload(asked: Json, folder: str) -> Json:
    place = _in_folder(folder, asked["path"])
    digests.note(services().db, services().store, place, _whole(**asked))
    run_files.direct(services().store).complete_multipart(
        place,
        asked["upload_id"],
        [_part(index, **part) for index, part in enumerate(asked["parts"])],
    )
    return {}


@routes.post("/mpu/abort/<path:folder>")
@allow(LOG)
@takes(EndUpload)
def abort_upload(asked: Json, folder: str) -> Json:
    run_files.direct(services().store).abort_multipart(
        _in_folder(folder, asked["path"]), asked["upload_id"]
    )
    return {}


@routes.get("/presigned/<path:path>")
@allow(READ)
def presigned(path: str) -> Json:
    signed = run_files.direct(services().store).presign_get(_place(_parse(path)))
    return {"url": signed.url, "headers": signed.headers, "file_size": signed.size}


def _whole(
    *, content_length: int | None, checksum_sha256: str | None, **_of_parts: object
) -> Stored | None:
    if content_length is None or checksum_sha256 is None:
        return None
    return Stored(content_length, parse_sha256(checksum_sha256, "checksum_sha256"))


def _part(index: int, *, part_number: int, etag: str, checksum_sha256: str | None) -> Part:
    if checksum_sha256 is None:
        return Part(part_number, etag)
    field = f"parts[{index}].checksum_sha256"
    return Part(part_number, etag, parse_sha256(checksum_sha256, field))


def _received() -> Iterator[bytes]:
    """The body as it comes; that it breaks off is the sender's failure and not the store's.

    Some programs say of every body that it is a form, and of those the gate takes small ones only.
    """
    request.max_content_length = None
    try:
        while chunk := request.stream.read(CHUNK):
            yield chunk
    except OSError as error:
        raise BadRequest("The body broke off before its end. Send it again.") from error


def _in_folder(folder: str, path: str) -> ArtifactPath:
    """The file that a multipart upload is of.

    The stock client says where it lies on its own disk, of which the name alone counts.
    """
    name = path.replace("\\", "/").rpartition("/")[2]
    return _place((ROOT if folder == "." else _parse(folder)) / ArtifactPath.parse(name))


def _place(path: ArtifactPath) -> ArtifactPath:
    return run_files.check_place(services().db, path)


def _parse(path: str) -> ArtifactPath:
    # What the address holds in place of bytes that are not UTF-8: two names would become one.
    if "\ufffd" in path:
        raise BadRequest(f"Invalid path: artifact_path={path!r} is not UTF-8. Encode it as UTF-8.")
    return ArtifactPath.parse(path, field="artifact_path")
