"""The built script and style: named by their content, so that a browser may keep them for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flask import Blueprint, Response, send_from_directory
from podium.client.errors import ConfigError
from podium.tracker.auth.permissions import PUBLIC, allow

STATIC = Path(__file__).resolve().parent / "static"
_YEAR = 365 * 24 * 3600

assets = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Assets:
    """Which file an entry point and its style were built into."""

    files: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path = STATIC) -> Assets:
        """From esbuild's list of what it wrote; :class:`ConfigError` if there is none."""
        try:
            outputs = json.loads((folder / "meta.json").read_text())["outputs"]
        except FileNotFoundError:
            raise ConfigError(
                "The pages' script and style have not been built. Install Podium again: "
                "pip install '.[server]', or make dev in a checkout."
            ) from None
        files = {}
        for built in outputs:
            name = PurePosixPath(built)
            files[name.stem.partition("-")[0] + name.suffix] = name.name
        return cls(files)

    def url(self, name: str) -> str:
        """The address of ``main.js`` or ``main.css``."""
        return f"/static/{self.files[name]}"


@assets.get("/static/<name>")
@allow(PUBLIC)
def static(name: str) -> Response:
    response = send_from_directory(STATIC, name, max_age=_YEAR)
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    return response
