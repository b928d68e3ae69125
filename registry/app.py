"""The whole service: the tracker's application, and the pages over it."""

from __future__ import annotations

from flask import Flask
from podium.tracker.app import create_app as create_tracker
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database

from . import web


def create_app(
    config: Config, *, db: Database | None = None, store: ArtifactStore | None = None
) -> Flask:
    app = create_tracker(config, db=db, store=store)
    web.register(app)
    return app
