"""What things may be called and how large they may be: MLflow's rules, one function a rule.

The client checks with them at the call, the server at its edge. Each raises :class:`BadRequest`
naming the field, what was found and what is allowed.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata

from .errors import BadRequest

MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_RUN_NAME = 8000
MAX_MODEL_NAME = 256
MAX_ALIAS = 255
MAX_REGISTRY_TAG_VALUE = 100_000
MAX_DESCRIPTION = 100_000
MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 1024  # the longest key S3 takes
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# "/" is a folder in the charts; \w is any letter of any script.
_KEY = re.compile(r"[/\w.\- :]+")
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_ALIAS = re.compile(r"[\w\-]+")
_VERSION_ALIAS = re.compile(r"[vV]\d+")
# PostgreSQL stores neither, and a lone surrogate is in no encoding.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FORBIDDEN_IN_PATH = {"\\": "a backslash", "#": "'#'", "?": "'?'"}
_UNPRINTABLE = {
    "Cc": "a control character",
    "Cs": "a lone surrogate",
    "Zl": "a line separator",
    "Zp": "a line separator",
}
# "C:", "file:…" and "s3:" before a slash. A colon elsewhere, as in a time of day, is an ordinary
# character of a file name.
_DRIVE_OR_SCHEME = re.compile(r"[A-Za-z]:|file:|[A-Za-z][A-Za-z0-9+.-]*:$", re.IGNORECASE)


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
    if not isinstance(value, str):
        raise BadRequest(
            f"Invalid value {shown(value)} for parameter '{field}' supplied: "
            f"it must be a string, not {type(value).__name__}."
        )
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
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise BadRequest(
            f"Invalid value {shown(run_id)} for parameter '{field}' supplied: "
            "a run id is 32 lower-case hexadecimal digits."
        )
    return run_id


def check_experiment_name(name: str, field: str = "name") -> str:
    check_text(name, field, limit=MAX_EXPERIMENT_NAME)
    if not name.strip():
        raise BadRequest(f"Invalid value {name!r} for parameter '{field}' supplied: it is blank.")
    return name


def check_model_name(name: str, field: str = "name") -> str:
    """A registered model's name, which is a part of ``models:/<name>/<version>``."""
    check_text(name, field, limit=MAX_MODEL_NAME)
    if not name.strip():
        raise BadRequest(f"Missing value for required parameter '{field}'.")
    if "/" in name or ":" in name:
        raise BadRequest(f"Invalid model name {name!r}. Names cannot contain '/' or ':'.")
    if name in (".", "..") or name.startswith("..") or not name.isprintable():
        raise BadRequest(
            f"Invalid value {shown(name)} for parameter '{field}' supplied: "
            "a model name is printable text and does not begin with '..'."
        )
    return name


def check_alias(alias: str, field: str = "alias") -> str:
    if not alias:
        raise BadRequest("Registered model alias name cannot be empty.")
    check_text(alias, field, limit=MAX_ALIAS)
    if not _ALIAS.fullmatch(alias):
        raise BadRequest(
            f"Invalid alias name: {shown(alias)}. Names may only contain alphanumerics, "
            "underscores (_), and dashes (-)."
        )
    return alias


def check_new_alias(alias: str, field: str = "alias") -> str:
    """An alias that somebody may set: some mean something already."""
    check_alias(alias, field)
    if is_latest(alias):
        raise BadRequest("'latest' alias name (case insensitive) is reserved.")
    if _VERSION_ALIAS.fullmatch(alias):
        raise BadRequest(f"Version alias name '{alias}' is reserved.")
    return alias


def is_latest(alias: str) -> bool:
    """The alias that is always the highest version's."""
    return alias.lower() == "latest"


def fault_of_path(path: str) -> str | None:
    """Why this is no canonical relative path of a file or folder; None when it is one."""
    for character in path:
        found = _FORBIDDEN_IN_PATH.get(character) or _UNPRINTABLE.get(
            unicodedata.category(character)
        )
        if found:
            return f"holds {found}"
    return fault_of_segments(path) or _too_long(path)


def fault_of_segments(path: str) -> str | None:
    """The part of :func:`fault_of_path` that could lead out of a folder."""
    if path.startswith("/"):
        return "is absolute"
    for segment in path.split("/"):
        if not segment:
            return "has an empty segment"
        if segment in (".", ".."):
            return f"has the segment {segment!r}"
        if "\\" in segment:
            return "holds a backslash"
        if _DRIVE_OR_SCHEME.match(segment):
            return "has a drive letter or a scheme"
    return None


def shown(value: object) -> str:
    """The value for a message: as Python writes it, and not at any length."""
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "…"


def _too_long(path: str) -> str | None:
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in path.split("/")):
        return f"has a segment longer than {MAX_SEGMENT_BYTES} bytes"
    return None
