"""/mlflow/artifacts/… and /get-artifact: the files of a run, by the run's id."""

from __future__ import annotations

import base64

from flask import Blueprint, Response
from podium.client.errors import BadRequest

from .. import run_files
from ..artifacts.base import MAX_PRESIGNED_SECONDS
from ..auth.permissions import LOG, READ, allow
from ..download import send
from ..rest import arguments
from ..schema import Int64, Schema, Text
from ..services import services
from . import render
from .render import Json

routes = Blueprint("artifacts", __name__, url_prefix="/2.0/mlflow/artifacts")
plain = Blueprint("get-artifact", __name__)

_SHA256_BYTES = 32


class Folder(Schema):
    run_id = Text(required=True)
    path = Text(load_default="")


class File(Schema):
    run_id = Text(required=True)
    path = Text(required=True)


class Upload(File):
    content_length = Int64(required=True)
    checksum_sha256 = Text(required=True)


class Download(File):
    expiration = Int64(load_default=MAX_PRESIGNED_SECONDS)


@routes.get("/list")
@allow(READ)
def list_artifacts() -> Json:
    asked = arguments(Folder)
    db = services().db
    found = run_files.list_files(db, services().store, asked["run_id"], asked["path"])
    uri = run_files.uri_of(db, asked["run_id"])
    return {"root_uri": uri, **render.page("files", render.files(found), None)}


@routes.post("/presigned-upload-url")
@allow(LOG)
def presigned_upload_url() -> Json:
    """One PUT of exactly these bytes, straight to S3."""
    asked = arguments(Upload)
    if asked["content_length"] < 0:
        raise BadRequest("'content_length' must be the file's size in bytes, zero or more.")
    signed = run_files.direct(services().store).presign_put(
        run_files.file_of(services().db, asked["run_id"], asked["path"]),
        length=asked["content_length"],
        sha256=parse_sha256(asked["checksum_sha256"], "checksum_sha256"),
    )
    return {"presigned_url": signed.url, "headers": signed.headers}


@routes.post("/presigned-download-url")
@allow(READ)
def presigned_download_url() -> Json:
    asked = arguments(Download)
    if asked["expiration"] < 1:
        raise BadRequest("'expiration' must be a number of seconds, one or more.")
    signed = run_files.direct(services().store).presign_get(
        run_files.file_of(services().db, asked["run_id"], asked["path"]),
        expires=min(asked["expiration"], MAX_PRESIGNED_SECONDS),
    )
    return {"presigned_url": signed.url, "headers": signed.headers}


@plain.get("/get-artifact")
@allow(READ)
def get_artifact() -> Response:
    asked = arguments(File)
    path = run_files.file_of(services().db, asked["run_id"], asked["path"])
    return send(services().store, path)


def parse_sha256(text: str, field: str) -> bytes:
    """A digest in base64, as S3 writes checksums."""
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise BadRequest(
            f"'{field}' must be the SHA-256 of the body in base64, which has 44 characters; "
            f"got {text[:60]!r}."
        )
    return digest
