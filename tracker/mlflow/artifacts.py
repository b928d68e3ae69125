"""/mlflow/artifacts/… and others: the files of a run or a logged model, by its id."""

from __future__ import annotations

import base64

from flask import Blueprint, Response
from podium.client.errors import BadRequest

from .. import run_files
from ..artifacts.base import MAX_PRESIGNED_SECONDS, Stored
from ..artifacts.paths import ArtifactPath
from ..auth.permissions import LOG, READ, allow
from ..download import send
from ..logged_models import files as model_files
from ..rest import body_bytes, query, takes
from ..schema import Int64, Schema, Text
from ..services import services
from ..storage import digests, quotas
from . import render
from .render import Json

routes = Blueprint("artifacts", __name__, url_prefix="/2.0/mlflow/artifacts")
upload = Blueprint("upload-artifact", __name__, url_prefix="/2.0/mlflow/upload-artifact")
plain = Blueprint("get-artifact", __name__)

_SHA256_BYTES = 32
MAX_UPLOAD = 10 * 1024 * 1024


class Folder(Schema):
    run_id = Text(required=True)
    path = Text(load_default="")


class File(Schema):
    run_id = Text(required=True)
    path = Text(required=True)


class Presigned(Schema):
    """Of a run or of a logged model."""

    run_id = Text(load_default="")
    model_id = Text(load_default="")
    path = Text(required=True)


class Upload(Presigned):
    content_length = Int64(required=True)
    checksum_sha256 = Text(required=True)


class Download(Presigned):
    expiration = Int64(load_default=MAX_PRESIGNED_SECONDS)


@routes.get("/list")
@allow(READ)
@takes(Folder)
def list_artifacts(asked: Json) -> Json:
    db = services().db
    found = run_files.list_files(db, services().store, asked["run_id"], asked["path"])
    uri = run_files.uri_of(db, asked["run_id"])
    return {"root_uri": uri, **render.page("files", render.files(found), None)}


@routes.post("/presigned-upload-url")
@allow(LOG)
@takes(Upload)
def presigned_upload_url(asked: Json) -> Json:
    """One PUT of exactly these bytes, straight to S3."""
    if asked["content_length"] < 0:
        raise BadRequest("'content_length' must be the file's size in bytes, zero or more.")
    place = _file_of(asked)
    quotas.admit(services().db, place, asked["content_length"])
    what = Stored(
        asked["content_length"], parse_sha256(asked["checksum_sha256"], "checksum_sha256")
    )
    signed = run_files.direct(services().store).presign_put(
        place, length=what.size, sha256=what.sha256
    )
    digests.note(services().db, services().store, place, what)
    return {"presigned_url": signed.url, "headers": signed.headers}


@routes.post("/presigned-download-url")
@allow(READ)
@takes(Download)
def presigned_download_url(asked: Json) -> Json:
    if asked["expiration"] < 1:
        raise BadRequest("'expiration' must be a number of seconds, one or more.")
    signed = run_files.direct(services().store).presign_get(
        _file_of(asked),
        expires=min(asked["expiration"], MAX_PRESIGNED_SECONDS),
    )
    return {"presigned_url": signed.url, "headers": signed.headers}


@plain.get("/get-artifact")
@allow(READ)
@takes(File)
def get_artifact(asked: Json) -> Response:
    path = run_files.file_of(services().db, asked["run_id"], asked["path"])
    return send(services(), path)


@upload.post("")
@allow(LOG)
def upload_artifact() -> Json:
    """A file of at most 10 MB as the body, which MLflow's own pages send."""
    asked = query(File)
    body = body_bytes(MAX_UPLOAD)
    if not body:
        raise BadRequest("Request must specify data: send the file as the body.")
    path = run_files.file_of(services().db, asked["run_id"], asked["path"])
    quotas.admit(services().db, path, len(body))
    digests.put(services().db, services().store, path, [body], length=len(body))
    return {}


def _file_of(asked: Json) -> ArtifactPath:
    run_id, model_id = asked["run_id"], asked["model_id"]
    if bool(run_id) == bool(model_id):
        raise BadRequest("Exactly one of 'run_id' and 'model_id' must be provided.")
    if run_id:
        return run_files.file_of(services().db, run_id, asked["path"])
    return model_files.file_of(services().db, model_id, asked["path"])


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
