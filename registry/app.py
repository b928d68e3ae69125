"""The whole service: the tracker's application, the registry, and the pages over both.

This module is the :class:`podium.tracker.assembly.Assembly` that the commands run.
"""

from __future__ import annotations

from functools import partial

from flask import Flask
from podium.tracker import worker
from podium.tracker.app import create_app as create_tracker
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.schema_history import TRACKER
from podium.tracker.worker import Job

from . import api, mlflow, needed, promotion, run_events, state, web, webhooks
from .inspection.service import inspect_new
from .launches import on_promotion, reconcile
from .schema_history import REGISTRY
from .sweeps import service as sweeps

__all__ = ["HISTORIES", "create_app", "jobs", "needed"]

HISTORIES = (TRACKER, REGISTRY)

run_events.listen()
on_promotion.listen()


def create_app(
    config: Config, *, db: Database | None = None, store: ArtifactStore | None = None
) -> Flask:
    app = create_tracker(config, db=db, store=store, histories=HISTORIES, readers=(state.read,))
    mlflow.register(app)
    api.register(app)
    web.register(app)
    return app


def jobs(db: Database, store: ArtifactStore, config: Config) -> tuple[Job, ...]:
    """What the worker does, of both packages."""
    return (
        *worker.jobs(db, store),
        *webhooks.jobs(db, config),
        *reconcile.jobs(db, store, config),
        *sweeps.jobs(db, config),
        Job("inspect new versions", 2, partial(inspect_new, db, store), alone=True),
        *promotion.jobs(db, store, config),
    )
