"""/mlflow/logged-models/search: there are none yet.

The stock client asks for the logged models of a run whenever it lists or downloads a folder of it,
so that "none" has to be an answer before they can be created.
"""

from __future__ import annotations

from flask import Blueprint

from .. import experiments
from ..auth.permissions import READ, allow
from ..rest import arguments
from ..schema import Items, Schema, Text
from ..services import services
from .render import Json

routes = Blueprint("logged-models", __name__, url_prefix="/2.0/mlflow/logged-models")


class Search(Schema):
    experiment_ids = Items(Text(), required=True)


@routes.post("/search")
@allow(READ)
def search() -> Json:
    for experiment_id in arguments(Search)["experiment_ids"]:
        experiments.get_experiment(services().db, experiment_id)
    return {}
