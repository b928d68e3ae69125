"""/mlflow/registered-models/alias"""

from __future__ import annotations

from flask import Blueprint
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.mlflow.render import Json
from podium.tracker.rest import arguments
from podium.tracker.schema import Schema, Text
from podium.tracker.services import services

from .. import aliases
from . import render

routes = Blueprint("aliases", __name__, url_prefix="/2.0/mlflow/registered-models/alias")


class ByAlias(Schema):
    name = Text(required=True)
    alias = Text(required=True)


class Set(ByAlias):
    version = Text(required=True)


@routes.post("")
@allow(REGISTER)
def set_alias() -> Json:
    aliases.set_alias(services().db, **arguments(Set))
    return {}


@routes.get("")
@allow(READ)
def get_by_alias() -> Json:
    found = aliases.get_version_by_alias(services().db, **arguments(ByAlias))
    return {"model_version": render.model_version(found)}


@routes.delete("")
@allow(REGISTER)
def delete_alias() -> Json:
    aliases.delete_alias(services().db, **arguments(ByAlias))
    return {}
