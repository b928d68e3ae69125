"""Which of several rules is a model's: they name models by glob, as in ``fraud-*``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from podium.client.errors import BadRequest
from podium.client.rules import MAX_MODEL_NAME, check_text, shown

EVERY = "*"
_WILD = re.compile(r"\[[^\]]*\]|[*?]")


def check_glob(glob: str, field: str = "model") -> str:
    check_text(glob, field, limit=MAX_MODEL_NAME)
    if not glob.strip() or "/" in glob or ":" in glob:
        raise BadRequest(
            f"Invalid value {shown(glob)} for parameter '{field}' supplied: give a model's name, "
            "or a pattern of names as in 'fraud-*'."
        )
    return glob


def matches(glob: str, name: str) -> bool:
    return glob == name or fnmatchcase(name, glob)


def closest(globs: Iterable[str], name: str) -> str | None:
    """The one that says most about ``name``: the name itself, else the one of most letters."""
    found = [glob for glob in globs if matches(glob, name)]
    return min(found, key=lambda each: (each != name, -_letters(each), each), default=None)


def _letters(glob: str) -> int:
    return len(_WILD.sub("", glob))
