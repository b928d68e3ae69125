"""Arriving from another MLflow: what is read from it (``source``) and how it is written here."""

from __future__ import annotations

from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from .conflicts import Arriving, Choice
from .experiments import copy_experiments
from .models import copy_models
from .source import opened

__all__ = ["Arriving", "Choice", "import_mlflow"]


def import_mlflow(db: Database, store: ArtifactStore, address: str, choice: Choice) -> Arriving:
    """Copy everything of the MLflow at ``address``: a server, a database or an mlruns folder.

    Before anything is written, every name is compared with what is here. What is here already, from
    an import that was interrupted, is left as it is.
    """
    with opened(address, choice.artifacts) as source:
        arriving = Arriving(db, store, source, choice)
        experiments = arriving.wanted_experiments()
        models = arriving.wanted_models()
        copy_experiments(arriving, experiments)
        copy_models(arriving, models)
        arriving.progress.clear()
    return arriving
