"""What clients may call things and how large they may be: MLflow's rules, one function a rule.

Each raises :class:`BadRequest` naming the field, what was found and what is allowed.
"""

from __future__ import annotations

import posixpath
import re

from podium.client.errors import BadRequest

MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_RUN_NAME = 8000
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# "/" is a folder in the charts; \w is any letter of any script.
_KEY = re.compile(r"[/\w.\- :]+")
_RUN_ID = re.compile(r"[0-9a-f]{32}")
# PostgreSQL stores neither, and a lone surrogate is in no encoding.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check_key(key: str, field: str, *, kind: str) -> str:
    """A metric, param or tag name; ``kind`` is the word for the message."""
    check_text(key, field)
    if len(key) > MAX_KEY:
        raise BadRequest(
            f"'{field}' exceeds the maximum length of {MAX_KEY} characters: "
            f"the {kind} name {key[:40]!r}… has {len(key)}."
        )
    if not _KEY.fullmatch(key):
        raise BadRequest(
            f"Invalid value {key!r} for parameter '{field}' supplied: a {kind} name may only hold "
            "letters and digits, underscores, dashes, periods, spaces, colons and slashes."
        )
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        raise BadRequest(
            f"Invalid value {key!r} for parameter '{field}' supplied: a {kind} name must be a "
            f"plain path. Did you mean {posixpath.normpath(key).lstrip('./') or 'value'!r}?"
        )
    return key


def check_text(value: str, field: str, *, limit: int | None = None) -> str:
    found = _UNSTORABLE.search(value)
    if found:
        raise BadRequest(
            f"Invalid value for parameter '{field}' supplied: the character "
            f"U+{ord(found[0]):04X} at position {found.start()} cannot be stored. Remove it."
        )
    if limit is not None and len(value) > limit:
        raise BadRequest(
            f"'{field}' exceeds the maximum length of {limit} characters: it has {len(value)}."
        )
    return value


def check_int64(value: int, field: str) -> int:
    if not INT64_MIN <= value <= INT64_MAX:
        raise BadRequest(
            f"Invalid value {value} for parameter '{field}' supplied: it must fit in 64 bits."
        )
    return value


def check_timestamp(value: int, field: str) -> int:
    if not 0 <= value <= INT64_MAX:
        raise BadRequest(
            f"Invalid value {value} for parameter '{field}' supplied: "
            "it must be milliseconds since 1970, zero or more."
        )
    return value


def check_run_id(run_id: str, field: str = "run_id") -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise BadRequest(
            f"Invalid value {run_id[:80]!r} for parameter '{field}' supplied: "
            "a run id is 32 lower-case hexadecimal digits."
        )
    return run_id


def check_experiment_name(name: str, field: str = "name") -> str:
    check_text(name, field, limit=MAX_EXPERIMENT_NAME)
    if not name.strip():
        raise BadRequest(f"Invalid value {name!r} for parameter '{field}' supplied: it is blank.")
    return name


def parse_experiment_id(experiment_id: str, field: str = "experiment_id") -> int:
    """Experiment ids are decimal strings on the wire and integers in the database."""
    if not re.fullmatch(r"[0-9]{1,18}", experiment_id):
        raise BadRequest(
            f"Invalid experiment ID {experiment_id[:80]!r} for parameter '{field}': "
            "it must be a whole number, as in '1'."
        )
    return int(experiment_id)
