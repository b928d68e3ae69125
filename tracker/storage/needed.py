"""What others build on, and therefore stays: the lineage of what is registered.

Who keeps references to runs, logged models or their files, in another package, says so with
:func:`needs`. What they are made of is needed, too: the run that made a model, the models that run
has read, the run it is a part of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..logged_models.tables import LoggedModel, RunModel
from ..models import Run, Tag

_PARENT = "mlflow.parentRunId"
_IDS_A_QUERY = 500


@dataclass(slots=True)
class Needed:
    """Ids of runs and logged models, and places of files (``mlflow-artifacts:/…``)."""

    runs: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)

    def below(self, folder: str) -> bool:
        """Whether a needed place is in this folder of the store."""
        prefix = f"mlflow-artifacts:/{folder}/"
        return any(place.startswith(prefix) for place in self.places)


Rule = Callable[[Session], Needed]
_rules: list[Rule] = []


def needs(rule: Rule) -> Rule:
    """Ask ``rule``, too, what must stay."""
    _rules.append(rule)
    return rule


def needed(session: Session) -> Needed:
    """All of it, with everything it comes from."""
    found = Needed()
    for rule in _rules:
        each = rule(session)
        found.runs |= each.runs
        found.models |= each.models
        found.places |= each.places
    runs, models = set(found.runs), set(found.models)
    while runs or models:
        new_runs, new_models = _sources(session, models), _inputs(session, runs)
        new_runs |= _parents(session, runs)
        runs, models = new_runs - found.runs, new_models - found.models
        found.runs |= runs
        found.models |= models
    return found


def _sources(session: Session, models: set[str]) -> set[str]:
    """The runs that made these logged models."""
    found: set[str | None] = set()
    for ids in _chunks(models):
        source = select(LoggedModel.source_run_id).where(LoggedModel.model_id.in_(ids))
        found.update(session.scalars(source))
    return {run_id for run_id in found if run_id is not None}


def _inputs(session: Session, runs: set[str]) -> set[str]:
    """The logged models that these runs have read."""
    found: set[str] = set()
    for ids in _chunks(runs):
        found.update(
            session.scalars(
                select(LoggedModel.model_id)
                .join(RunModel, RunModel.model == LoggedModel.id)
                .join(Run, Run.id == RunModel.run)
                .where(Run.run_id.in_(ids), RunModel.direction == "input")
            )
        )
    return found


def _parents(session: Session, runs: set[str]) -> set[str]:
    found: set[str] = set()
    for ids in _chunks(runs):
        parents = select(Tag.value).join(Run, Run.id == Tag.run)
        found.update(session.scalars(parents.where(Run.run_id.in_(ids), Tag.key == _PARENT)))
    return found


def _chunks(ids: set[str]) -> Iterator[list[str]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _IDS_A_QUERY):
        yield ordered[start : start + _IDS_A_QUERY]
