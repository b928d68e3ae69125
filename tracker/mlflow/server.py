"""/mlflow/server-info: how a client is to exchange files with this server. Answered to anybody."""

from __future__ import annotations

from flask import Blueprint

from ..artifacts.base import DirectTransfer
from ..auth.permissions import PUBLIC, allow
from ..services import services
from .render import Json

routes = Blueprint("server-info", __name__, url_prefix="/3.0/mlflow")


@routes.get("/server-info")
@allow(PUBLIC)
def server_info() -> Json:
    direct = isinstance(services().store, DirectTransfer)
    return {
        "store_type": "SqlStore",
        "multipart_uploads_enabled": direct,
        "multipart_downloads_enabled": direct,
        "artifacts_presigned_only": False,
        "workspaces_enabled": False,
    }
