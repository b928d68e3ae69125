"""The built script and style: named by their content, so that a browser may keep them for ever.

The build has compressed each already (ui/compress.ts); a browser is sent the smallest it takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flask import Blueprint, Response, abort, request, send_from_directory
from podium.client.errors import ConfigError
from podium.tracker.auth.permissions import PUBLIC, allow

STATIC = Path(__file__).resolve().parent / "static"
_YEAR = 365 * 24 * 3600
_ENDINGS = {"br": ".br", "gzip": ".gz"}
_TYPES = {".js": "text/javascript", ".css": "text/css"}

assets = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Assets:
    """Which files the script and the style of every page were built into.

    What the script loads when it is needed, it finds by itself.
    """

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
        entry = next(each for each in outputs if outputs[each].get("entryPoint") == "src/main.ts")
        files = {"main.js": _name(entry), "main.css": _name(outputs[entry]["cssBundle"])}
        return cls(files)

    def url(self, name: str) -> str:
        """The address of ``main.js`` or ``main.css``."""
        return f"/static/{self.files[name]}"


def _name(output: str) -> str:
    return PurePosixPath(output).name


@assets.get("/static/<name>")
@allow(PUBLIC)
def static(name: str) -> Response:
    path = PurePosixPath(name)
    if path.suffix not in _TYPES:
        abort(404)
    coding = request.accept_encodings.best_match([*_ENDINGS])
    ending = _ENDINGS[coding] if coding else ""
    response = send_from_directory(
        STATIC, f"{name}{ending}", mimetype=_TYPES[path.suffix], max_age=_YEAR
    )
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.vary.add("Accept-Encoding")
    if coding is not None:
        response.content_encoding = coding
    return response
