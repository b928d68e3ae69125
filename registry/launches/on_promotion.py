"""What a promotion or a rollback launches: rows in its transaction, which the worker carries out.

Training and evaluating begin when a version comes to a stage. Serving follows who holds the stage:
whatever happened, the holder is looked at and compared with what serves, so that a rollback, an
archived version or one that was deleted need no rules of their own.

What is to be launched is found out by functions that change nothing: :mod:`.preview` asks them
before anybody decides.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.promotion import TransitionKind
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..models import ModelVersion, RegisteredModel
from ..promotion.hooks import HOOKS, Decided
from ..read import versions
from .plan import Json
from .rules import for_version, rules_of
from .tables import LaunchRow, LaunchRule
from .write import add, ask_to_stop

_SERVE = "serve"


@dataclass(frozen=True, slots=True)
class Will:
    """A launch that is to come; ``rule`` is None of a service that follows its stage without."""

    version: ModelVersion
    stage: str
    spec: Json
    rule: LaunchRule | None

    @property
    def purpose(self) -> str:
        return str(self.spec["purpose"])

    @property
    def target(self) -> str:
        return str(self.spec["target"])

    @property
    def models(self) -> str:
        """The name or pattern that the rule is for; empty without one."""
        return "" if self.rule is None else self.rule.glob


def listen() -> None:
    """Launch on promotion; twice is once."""
    if launch not in HOOKS:
        HOOKS.append(launch)


def launch(session: Session, decided: Decided) -> None:
    """Whoever may promote sets off what an administrator's rules say."""
    entered = decided.entered
    if entered is not None and entered.kind == TransitionKind.MOVED:
        version = session.scalars(
            versions().where(
                RegisteredModel.name == decided.name, ModelVersion.version == entered.version
            )
        ).one()
        for will in on_arrival(session, version, decided.stage):
            _carry_out(session, will)
    told = [each for each in (entered, *decided.left) if each is not None]
    stages = {decided.stage, *(each.before for each in told), *(each.after for each in told)}
    for stage in sorted(stages - {""}):
        _serve_holder(session, decided.name, stage)


def on_arrival(session: Session, version: ModelVersion, stage: str) -> list[Will]:
    """The trainings and evaluations of the stage, of the version that comes to it."""
    rules = rules_of(session, version.registered.name, stage)
    return [_by(rule, version, stage) for rule in rules if rule.purpose != _SERVE]


def to_serve(
    session: Session, holder: ModelVersion, stage: str, serving: Sequence[LaunchRow]
) -> Will | None:
    """How the holder of the stage is to be served in place of what serves there, if it is not yet:
    as the rule says; without one, as the version before was launched by hand."""
    if serving and serving[0].version == holder.version:
        return None
    name = holder.registered.name
    for rule in rules_of(session, name, stage):
        if rule.purpose == _SERVE:
            return _by(rule, holder, stage)
    if not serving:
        return None
    spec: Json = json.loads(serving[0].spec)
    kept = {field: each for field, each in spec.items() if field not in ("storage", "canary")}
    return Will(holder, stage, for_version(kept, name, holder.version, stage), None)


def serving_in(name: str, stage: str) -> Select[LaunchRow]:
    """What serves the stage or is to, the newest will first."""
    return (
        select(LaunchRow)
        .where(
            LaunchRow.name == name,
            LaunchRow.model.is_not(None),
            LaunchRow.stage == stage,
            LaunchRow.purpose == _SERVE,
            LaunchRow.ended.is_(None),
            LaunchRow.desired == "RUN",
        )
        .order_by(LaunchRow.id.desc())
        .execution_options(populate_existing=True)
    )


def _serve_holder(session: Session, name: str, stage: str) -> None:
    """Have the version that holds the stage served, and no other."""
    holder = session.scalars(
        versions()
        .where(RegisteredModel.name == name, ModelVersion.stage == stage)
        .order_by(ModelVersion.version.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()
    serving = session.scalars(serving_in(name, stage).with_for_update()).all()
    if holder is None:
        for row in serving:
            ask_to_stop(session, row, "NoVersionInStage")
        return
    will = to_serve(session, holder, stage, serving)
    if will is not None:
        _carry_out(session, will)


def _by(rule: LaunchRule, version: ModelVersion, stage: str) -> Will:
    spec = for_version(json.loads(rule.spec), version.registered.name, version.version, stage)
    return Will(version, stage, spec, rule)


def _carry_out(session: Session, will: Will) -> None:
    add(
        session,
        will.spec,
        name=will.version.registered.name,
        version=will.version,
        rule=None if will.rule is None else will.rule.id,
    )
