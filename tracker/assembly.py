"""What the topmost layer puts together, for the commands that run it.

A command knows that layer by its name only, since it imports this one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from flask import Flask

    from .artifacts.base import ArtifactStore
    from .config import Config
    from .db import Database
    from .schema_history import History
    from .worker import Job


class Assembly(Protocol):
    """A module with these three names."""

    HISTORIES: tuple[History, ...]

    def create_app(
        self, config: Config, *, db: Database | None = None, store: ArtifactStore | None = None
    ) -> Flask: ...

    def jobs(self, db: Database, store: ArtifactStore, config: Config) -> tuple[Job, ...]: ...


def assembly(module: str) -> Assembly:
    return cast(Assembly, importlib.import_module(module))
