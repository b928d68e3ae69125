"""Renaming a model, which must not lead it from under the rules that go by its name."""

from __future__ import annotations

from collections.abc import Mapping

from podium.client import entities
from podium.client.errors import AlreadyExists, PermissionDenied
from podium.client.rules import check_model_name
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.auth.permissions import ADMIN
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import events
from .launches import write as launches
from .launches.rules import every_rule_of
from .models import ModelVersion
from .outbox import emit
from .promotion.freezes import freezes_of
from .promotion.locks import hold_rules
from .promotion.policies import policies_of
from .promotion.refusals import recorded
from .promotion.stage_sets import set_for
from .promotion.waking import wake_model
from .read import find_model, model_entities, subject
from .sweeps import start as sweeps


def rename_model(db: Database, name: str, new_name: str) -> entities.RegisteredModel:
    """Versions, aliases and tags stay; whoever asks for the old name finds nothing.

    Where other rules hold for the new name, only who may change rules renames: anybody else could
    take a model out of a policy or a freeze, promote it, and bring it back.
    """
    check_model_name(new_name, "new_name")
    try:
        with recorded(db, "model.rename", subject(name)), db.writing() as session:
            hold_rules(session)
            return _rename(session, name, new_name)
    except IntegrityError:
        raise AlreadyExists(
            f"Registered Model (name={new_name}) already exists. Choose another 'new_name'."
        ) from None


def _rename(session: Session, name: str, new_name: str) -> entities.RegisteredModel:
    model = find_model(session, name, change=True)
    _refuse_other_rules(session, name, new_name)
    now = now_ms()
    model.name = new_name
    model.last_update_time = now
    session.flush()
    session.execute(
        update(ModelVersion)
        .where(ModelVersion.model == model.id)
        .values(last_update_time=now)
        .execution_options(synchronize_session=False)
    )
    launches.rename(session, model.id, new_name)
    sweeps.rename(session, model.id, new_name)
    wake_model(session, model.id)
    audit.record(session, "model.rename", subject(name), after={"name": new_name})
    emit(session, events.registered_model_renamed(name=name, new_name=new_name))
    return model_entities(session, [model])[0]


def _refuse_other_rules(session: Session, name: str, new_name: str) -> None:
    who = caller()
    if who.role is Role.ADMIN and ADMIN in who.scopes:
        return
    before, after = _rules_of(session, name), _rules_of(session, new_name)
    other = [what for what, found in before.items() if found != after[what]]
    if other:
        raise PermissionDenied(
            f"Under the name {new_name} the model {name} would have other {' and '.join(other)}. "
            "Only an admin of the server renames it so."
        )


def _rules_of(session: Session, name: str) -> Mapping[str, object]:
    """Which rules hold for a name, by what they are: two that say the same are two, since each may
    be changed without the other.
    """
    stages = set_for(session, name)
    return {
        "stages": None if stages is None else stages.glob,
        "policies": [each.revision for each in policies_of(session, name)],
        "freezes": [each.id for each in freezes_of(session, name, now_ms())],
        "launch rules": [each.id for each in every_rule_of(session, name)],
    }
