"""What a request handler works with: the database, the artifact store, the settings, and what says
how all of it is doing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

from .artifacts.watch import Watch

if TYPE_CHECKING:
    from .artifacts.base import ArtifactStore
    from .config import Config
    from .db import Database
    from .schema_history import History
    from .state import State

EXTENSION = "podium"


@dataclass(frozen=True, slots=True)
class Services:
    db: Database
    store: ArtifactStore
    config: Config
    state: State
    histories: tuple[History, ...]
    files: Watch = field(init=False)
    """How the store does, for who cannot wait for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", Watch(self.store))


def services() -> Services:
    """Those of the application that handles the current request."""
    return cast(Services, current_app.extensions[EXTENSION])
