"""/operations/storage: what is stored by whom, and what of it would be freed. Admins only."""

from __future__ import annotations

from flask import Blueprint, render_template
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.experiments import names_of
from podium.tracker.services import services
from podium.tracker.storage import count, gc, holds, quotas, retention, trash

from ..storage_of_models import by_model

storage = Blueprint("storage_page", __name__, url_prefix="/operations/storage")

_SHOWN = 50


@storage.get("")
@allow(ADMIN)
def page() -> str:
    db = services().db
    experiments = count.totals(db, count.EXPERIMENT, limit=_SHOWN)
    return render_template(
        "storage.html",
        total=count.total(db, count.ALL, ""),
        other=count.total(db, count.OTHER, ""),
        experiments=experiments,
        names=names_of(db, [each.name for each in experiments]),
        users=count.totals(db, count.USER, limit=_SHOWN),
        models=by_model(db, limit=_SHOWN),
        quotas={(each.kind, each.name): each for each in quotas.list_quotas(db)},
        trash=trash.look(db),
        waiting=gc.waiting(db),
        policies=retention.list_policies(db),
        holds=holds.list_holds(db),
    )
