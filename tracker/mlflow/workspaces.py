"""/mlflow/workspaces…: this server has none.

MLflow's server answers 503 where they are switched off, which its clients take for a reason to try
again for minutes; 501 tells them at once.
"""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint, request
from podium.client.errors import NotSupported

from ..auth.permissions import ADMIN, READ, allow

routes = Blueprint("workspaces", __name__, url_prefix="/3.0/mlflow/workspaces")


@routes.get("")
@routes.get("/<name>")
@allow(READ)
def read(name: str = "") -> NoReturn:
    _refuse()


@routes.post("")
@routes.patch("/<name>")
@routes.delete("/<name>")
@allow(ADMIN)
def change(name: str = "") -> NoReturn:
    _refuse()


def _refuse() -> NoReturn:
    raise NotSupported(
        f"Endpoint: {request.path} disabled because the server is running without workspaces "
        "support. Work without a workspace: unset MLFLOW_WORKSPACE."
    )
