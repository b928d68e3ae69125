"""Reading what a model says of itself: ``MLmodel``, and the files that name its environment.

They come from whoever logged the model, so they may be anything: large, deep, or small and of
endless size once their references are followed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
_MAX_NODES = 20_000
_MAX_DEPTH = 50
# What is kept of an MLmodel file.
_FIELDS = (
    "signature",
    "flavors",
    "mlflow_version",
    "model_size_bytes",
    "utc_time_created",
    "metadata",
    "saved_input_example_info",
)
ENVIRONMENTS = ("requirements.txt", "python_env.yaml", "conda.yaml")


class Unreadable(Exception):
    """Why a file is not what its name says."""


def parse_mlmodel(text: bytes) -> dict[str, Any]:
    """The part of it that is kept, as JSON can hold it."""
    found = _load(text, "MLmodel")
    if not isinstance(found, Mapping):
        raise Unreadable("MLmodel is no mapping.")
    return {key: found[key] for key in _FIELDS if key in found}


def parse_environment(files: Mapping[str, bytes]) -> dict[str, str]:
    """Packages and what is said of their versions; of several files the most exact one counts."""
    if "requirements.txt" in files:
        lines = files["requirements.txt"].decode("utf-8", "replace").splitlines()
    elif "conda.yaml" in files:
        lines = _conda(_load(files["conda.yaml"], "conda.yaml"))
    else:
        lines = []
    found = dict(_requirement(line) for line in lines if line.strip() and line[0] not in "#-")
    if "python_env.yaml" in files:
        told = _load(files["python_env.yaml"], "python_env.yaml")
        if isinstance(told, Mapping) and "python" in told:
            found["python"] = f"=={told['python']}"
    return found


def _conda(told: Any) -> list[str]:
    rows = told.get("dependencies", []) if isinstance(told, Mapping) else []
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, str):
            found.append(row)
        elif isinstance(row, Mapping) and isinstance(row.get("pip"), list):
            found += [str(each) for each in row["pip"]]
    return found


def _requirement(line: str) -> tuple[str, str]:
    line = line.split(" #", maxsplit=1)[0].split(";", maxsplit=1)[0].strip()
    for place, character in enumerate(line):
        if character in "=<>!~@ ":
            return line[:place].strip().lower(), line[place:].strip()
    return line.lower(), ""


def _load(text: bytes, name: str) -> Any:
    try:
        found = yaml.safe_load(text)
        return json.loads(json.dumps(_plain(found, _Budget(), 0)))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Unreadable(f"{name} cannot be read: {reason}") from None


class _Budget:
    left = _MAX_NODES


def _plain(value: Any, budget: _Budget, depth: int) -> Any:
    """The value as JSON has it. A node that is referred to often is counted as often."""
    budget.left -= 1
    if budget.left < 0 or depth > _MAX_DEPTH:
        raise ValueError("it is larger than any such file needs to be")
    if isinstance(value, Mapping):
        return {str(key): _plain(each, budget, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each, budget, depth + 1) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        budget.left -= len(value) // 1000
    return value
