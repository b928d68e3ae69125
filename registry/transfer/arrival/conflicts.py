"""What is to arrive, compared with what is here before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from podium.client.entities import LifecycleStage
from podium.client.errors import BadRequest, Conflict
from podium.client.rules import check_experiment_name, shown
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database
from podium.tracker.models import Experiment
from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import RegisteredModel
from ..load import is_untouched_default
from ..progress import Progress
from .old import OldExperiment, OldModel
from .source import Source

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """``prefix`` is put before the names of experiments and models; with ``skip`` those whose
    names are taken are left out. ``artifacts`` is where files are that only a server knows."""

    prefix: str = ""
    skip: bool = False
    files: bool = True
    artifacts: str | None = None


@dataclass
class Arriving:
    """One import: where from, where to, how, and what has arrived so far.

    ``elsewhere`` are folders of files that this machine does not have.
    """

    db: Database
    store: ArtifactStore
    source: Source
    choice: Choice
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)

    def named(self, old: OldExperiment | OldModel) -> str:
        """What it is called here."""
        return self.choice.prefix + old.name

    def experiment_here(self, session: Session, old: OldExperiment) -> Experiment | None:
        return session.scalar(select(Experiment).where(Experiment.name == self.named(old)))

    def model_here(self, session: Session, old: OldModel) -> RegisteredModel | None:
        name = self.named(old)
        return session.scalar(select(RegisteredModel).where(RegisteredModel.name == name))

    def wanted_experiments(self) -> list[OldExperiment]:
        """Those to copy; :class:`Conflict` names what is called like something else here."""
        wanted: list[OldExperiment] = []
        taken: list[OldExperiment] = []
        for old in self.source.experiments():
            first = next(iter(self.source.runs(old)), None)
            if _is_default(old) and first is None:
                continue
            if first is not None:
                self._check_files(first.artifact_uri)
            check_experiment_name(self.named(old))
            with self.db.reading() as session:
                clash = self._clashes(session, old)
            (taken if clash else wanted).append(old)
        self._settle("experiments", [each.name for each in taken])
        return wanted

    def wanted_models(self) -> list[OldModel]:
        wanted: list[OldModel] = []
        taken: list[OldModel] = []
        for old in self.source.models():
            with self.db.reading() as session:
                here = self.model_here(session, old)
            clash = here is not None and here.creation_time != old.creation_time
            (taken if clash else wanted).append(old)
        self._settle("registered models", [each.name for each in taken])
        return wanted

    def _clashes(self, session: Session, old: OldExperiment) -> bool:
        """Whether another has the name. What arrived before was created at the same moment."""
        here = self.experiment_here(session, old)
        if here is None or here.creation_time == old.creation_time:
            return False
        return not (here.id == 0 and is_untouched_default(session))

    def _settle(self, kind: str, taken: Sequence[str]) -> None:
        if taken and not self.choice.skip:
            names = ", ".join(shown(self.choice.prefix + name) for name in taken[:_NAMED])
            more = f" and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
            raise Conflict(
                f"Other {kind} are called {names}{more} here. Put something before all names with "
                "--into, as in --into old-, or leave these out with --skip."
            )
        self.notes += [
            f"{kind}: {shown(name)} was left out, for its name is taken" for name in taken
        ]

    def _check_files(self, uri: str) -> None:
        if self.choice.files and self.source.only_its_server_knows(uri):
            raise BadRequest(
                f"Files of {self.source.name} are at {uri}, an address that its server alone "
                "knows. Name the folder or bucket of that server's --artifacts-destination with "
                "--artifacts, import from the server's URL, or leave files out with --no-files."
            )


def _is_default(old: OldExperiment) -> bool:
    """Every MLflow has an experiment "Default", used or not."""
    return old.id == "0" and not old.tags and old.lifecycle_stage == LifecycleStage.ACTIVE
