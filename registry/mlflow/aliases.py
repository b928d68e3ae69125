"""/mlflow/registered-models/alias"""

from __future__ import annotations

from flask import Blueprint
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.mlflow.render import Json
from podium.tracker.rest import takes
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
@takes(Set)
def set_alias(asked: Json) -> Json:
    aliases.set_alias(services().db, **asked)
    return {}


@routes.get("")
@allow(READ)
@takes(ByAlias)
def get_by_alias(asked: Json) -> Json:
    found = aliases.get_version_by_alias(services().db, **asked)
    return {"model_version": render.model_version(found)}


@routes.delete("")
@allow(REGISTER)
@takes(ByAlias)
def delete_alias(asked: Json) -> Json:
    aliases.delete_alias(services().db, **asked)
    return {}
