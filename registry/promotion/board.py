"""A model's stages as a team looks at them: who is in which, where to from there, and by what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podium.client import entities
from podium.client.entities import LifecycleStage
from podium.client.promotion import Promotion
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import ModelVersion, RegisteredModel
from ..read import find_model, find_version, version_entities, versions
from ..stages import Stage, Stages
from .freezes import Freeze, freeze_of
from .policies import InForce, policy_of
from .read import waiting_for
from .rights import lacks
from .stage_sets import is_edge, stages_of

# So many versions of a stage, and requests, are looked at together; the rest is in lists.
SHOWN = 12
_WAITING = 50


@dataclass(frozen=True, slots=True)
class Target:
    """A stage with what it takes to come there now."""

    stage: Stage
    in_force: InForce
    freeze: Freeze | None

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def asks(self) -> bool:
        """Whether who promotes decides what becomes of former holders."""
        free = self.stage.held and not self.stage.exclusive
        return free and self.in_force.policy.archive is None


@dataclass(frozen=True, slots=True)
class Choices:
    """Where a version may go; ``refused`` says why the caller may not bring it there."""

    targets: tuple[Target, ...]
    refused: str


@dataclass(frozen=True, slots=True)
class Column:
    """A stage with its versions, the newest first: ``total`` of them, the first few told."""

    target: Target
    versions: Sequence[entities.ModelVersion]
    total: int
    choices: Choices


@dataclass(frozen=True, slots=True)
class Board:
    columns: tuple[Column, ...]
    waiting: Sequence[Promotion]
    refused: str

    @property
    def freezes(self) -> Sequence[Freeze]:
        """What keeps versions out of any of the stages."""
        found = [each.target.freeze for each in self.columns if each.target.freeze is not None]
        return sorted(set(found), key=lambda each: each.id)

    @property
    def requests(self) -> Mapping[int, Sequence[Promotion]]:
        """What waits, by version."""
        found = defaultdict(list)
        for each in self.waiting:
            found[each.version].append(each)
        return found


def board(db: Database, name: str) -> Board:
    with db.reading() as session:
        model = find_model(session, name)
        stages = stages_of(session, model.name)
        targets = _targets(session, model, stages)
        refused = _refused(session, model)
        counts = _counts(session, model, stages)
        there = _newest(session, model, stages)
        return Board(
            columns=tuple(
                Column(
                    target,
                    there[target.name],
                    counts[target.name],
                    Choices(_from(stages, targets, target.name), refused),
                )
                for target in targets
            ),
            waiting=waiting_for(session, model, limit=_WAITING),
            refused=refused,
        )


def choices(db: Database, name: str, version: str | int) -> Choices:
    """Where one version may go from where it is."""
    with db.reading() as session:
        found = find_version(session, name, version)
        model = found.registered
        stages = stages_of(session, model.name)
        targets = _targets(session, model, stages)
        return Choices(_from(stages, targets, found.stage), _refused(session, model))


def _refused(session: Session, model: RegisteredModel) -> str:
    return lacks(session, model, Role.EDITOR, "to promote")


def _targets(session: Session, model: RegisteredModel, stages: Stages) -> tuple[Target, ...]:
    now = now_ms()
    return tuple(
        Target(
            stage,
            policy_of(session, model.name, stage.name),
            freeze_of(session, model.name, stage.name, now),
        )
        for stage in stages.table.values()
    )


def _from(stages: Stages, targets: Sequence[Target], stage: str) -> tuple[Target, ...]:
    return tuple(each for each in targets if is_edge(stages, stage, each.name))


def _counts(session: Session, model: RegisteredModel, stages: Stages) -> Mapping[str, int]:
    wanted = (
        select(ModelVersion.stage, func.count())
        .where(
            ModelVersion.model == model.id, ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE
        )
        .group_by(ModelVersion.stage)
    )
    found: dict[str, int] = defaultdict(int)
    for stage, count in session.execute(wanted):
        found[_counts_as(stages, stage)] += count
    return found


def _newest(
    session: Session, model: RegisteredModel, stages: Stages
) -> Mapping[str, Sequence[entities.ModelVersion]]:
    """The highest versions of each stage."""
    rank = func.row_number().over(
        partition_by=ModelVersion.stage, order_by=ModelVersion.version.desc()
    )
    ranked = (
        select(ModelVersion.id, rank.label("rank"))
        .where(
            ModelVersion.model == model.id, ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE
        )
        .subquery()
    )
    wanted = versions().where(
        ModelVersion.id.in_(select(ranked.c.id).where(ranked.c.rank <= SHOWN))
    )
    rows = session.scalars(wanted.order_by(ModelVersion.version.desc())).all()
    found: dict[str, list[entities.ModelVersion]] = defaultdict(list)
    for each in version_entities(session, rows):
        column = found[_counts_as(stages, each.stage)]
        if len(column) < SHOWN:
            column.append(each)
    return found


def _counts_as(stages: Stages, stage: str) -> str:
    """A stage that the set has lost counts as its first."""
    return stage if stage in stages.table else stages.first
