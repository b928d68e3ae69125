"""What a model takes and gives, as its MLmodel file says, and whether one can stand for another.

A signature's ``inputs``, ``outputs`` and ``params`` are JSON inside of YAML: lists of columns or of
tensors, each with or without a name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """``type`` is written so that types that are the same are written the same."""

    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signature:
    """Columns by name; one without a name goes by its place, as in ``#1``."""

    inputs: Mapping[str, Column] = field(default_factory=dict)
    outputs: Mapping[str, Column] = field(default_factory=dict)
    params: Mapping[str, Column] = field(default_factory=dict)


def signature_of(model: Mapping[str, Any]) -> Signature | None:
    """The signature in an MLmodel file; None when it has none, or none that can be read."""
    told = model.get("signature")
    if not isinstance(told, Mapping):
        return None
    try:
        return Signature(*(_columns(told.get(each)) for each in ("inputs", "outputs", "params")))
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None


def incompatibilities(old: Signature, new: Signature) -> list[str]:
    """Why who calls ``old`` cannot call ``new``; nothing when he can.

    ``new`` may leave inputs out and need what was optional no more, and give more outputs.
    """
    found = []
    for what, before, after in (
        ("input", old.inputs, new.inputs),
        ("param", old.params, new.params),
    ):
        for name, column in after.items():
            known = before.get(name)
            if known is None:
                if column.required:
                    found.append(f"{what} {name} is new and required")
            elif known.type != column.type:
                found.append(f"{what} {name} was {known.type} and is {column.type}")
            elif column.required and not known.required:
                found.append(f"{what} {name} was optional and is required")
    for name, column in old.outputs.items():
        given = new.outputs.get(name)
        if given is None:
            found.append(f"output {name} is gone")
        elif given.type != column.type:
            found.append(f"output {name} was {column.type} and is {given.type}")
    return found


def _columns(written: Any) -> dict[str, Column]:
    if written is None:
        return {}
    rows = json.loads(written) if isinstance(written, str) else written
    found = {}
    for place, row in enumerate(rows, 1):
        name = row.get("name")
        # A param has a default; an input says whether it is required, which it is by default.
        required = bool(row.get("required", "default" not in row))
        found[str(name) if name is not None else f"#{place}"] = Column(_type(row), required)
    return found


def _type(row: Mapping[str, Any]) -> str:
    if "tensor-spec" in row:
        spec = row["tensor-spec"]
        return f"tensor of {spec['dtype']} {spec['shape']}"
    beyond = {
        key: value
        for key, value in row.items()
        if key not in ("name", "required", "default", "type", "optional") and value is not None
    }
    return f"{row['type']} {json.dumps(beyond, sort_keys=True)}" if beyond else str(row["type"])
