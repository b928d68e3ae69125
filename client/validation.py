"""Arguments of any Python type, made into what is stored: a mistake is raised at the call.

Each function raises :class:`BadRequest` naming the field, what was found and what is allowed.
Checking here is what lets everything later stay silent.
"""

from __future__ import annotations

import math
import operator
import unicodedata
from collections.abc import Mapping
from typing import Any

from .errors import BadRequest
from .rules import check_int64, check_text, check_timestamp, fault_of_path, fault_of_segments, shown


def as_number(value: Any, field: str) -> float:
    """A real number of any library, and an array or tensor of one element; no bool, no text."""
    kind = type(value).__name__
    if isinstance(value, (bool, str, bytes, bytearray)) or kind in ("bool", "bool_"):
        raise BadRequest(f"'{field}' must be a real number, not {kind} {shown(value)}.")
    shape = tuple(getattr(value, "shape", ()))
    if shape:
        if math.prod(shape) != 1 or not hasattr(value, "item"):
            raise BadRequest(
                f"'{field}' must be one real number, not an array of shape {shape}. "
                "Log its mean, or an element of it."
            )
        return as_number(value.item(), field)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise BadRequest(f"'{field}' must be a real number, not {kind} {shown(value)}.") from None


def as_int64(value: Any, field: str) -> int:
    kind = type(value).__name__
    try:
        if isinstance(value, bool):
            raise TypeError
        whole = int(value) if isinstance(value, float) and value.is_integer() else None
        number = operator.index(value) if whole is None else whole
    except TypeError:
        raise BadRequest(f"'{field}' must be a whole number, not {kind} {shown(value)}.") from None
    return check_int64(number, field)


def as_timestamp(value: Any, field: str) -> int:
    """Milliseconds since the Unix epoch."""
    return check_timestamp(as_int64(value, field), field)


def as_text(value: object, field: str) -> str:
    """``str(value)``, if it can be stored."""
    return check_text(value if isinstance(value, str) else str(value), field)


def as_mapping(value: Any, field: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise BadRequest(f"'{field}' must be a dict, not {type(value).__name__}.")
    return value


def check_path(path: str, field: str) -> str:
    """A file's place below the run's artifacts, as in ``model/weights.bin``."""
    from urllib.parse import unquote

    if not isinstance(path, str) or not path:
        reason: str | None = "is empty" if path == "" else "is no string"
    elif unquote(path, errors="replace") != path:
        reason = "is percent-encoded"  # which the server would undo
    else:
        folded = unicodedata.normalize("NFKC", path)
        reason = fault_of_path(path) or fault_of_segments(folded)
    if reason:
        raise BadRequest(
            f"'{field}' is {shown(path)}: it {reason}. Give a relative path such as "
            "'model/weights.bin'."
        )
    return path
