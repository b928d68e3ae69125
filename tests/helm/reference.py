"""The README of the chart: what its values are, made of values.schema.json and values.yaml.

python tests/helm/reference.py writes it, and what launching needs of a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from podium.registry.launch import rbac

CHART = Path(__file__).parents[2] / "helm" / "podium"
_BEGIN, _END = "<!-- values -->", "<!-- end of values -->"
_RIGHTS = "# registry/launch/rbac.py, written by tests/helm/reference.py.\n"
Schema = dict[str, Any]


def described() -> Iterator[tuple[str, Schema, object]]:
    """Each key with its schema and default, outer ones before those in them."""
    whole = schema()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    yield from _below("", whole, values, whole["$defs"])


def schema() -> Schema:
    found: Schema = json.loads((CHART / "values.schema.json").read_text())
    return found


def rights() -> str:
    """What launching needs, by target, as the template of the Role reads it."""
    targets = {
        name: _rights({each: rbac.launched(each) for each in objects})
        for name, objects in rbac.OBJECTS.items()
    }
    table = {"targets": targets, "watched": _rights(rbac.WATCHED)}
    return _RIGHTS + yaml.safe_dump(table, sort_keys=True, default_flow_style=None)


def _rights(verbs: Mapping[tuple[str, str], tuple[str, ...]]) -> list[dict[str, object]]:
    return [
        {"group": group, "resource": resource, "verbs": list(said)}
        for (group, resource), said in verbs.items()
    ]


def readme() -> str:
    """The README with the table as it has to be."""
    before, rest = (CHART / "README.md").read_text().split(_BEGIN)
    return f"{before}{_BEGIN}\n\n{table()}\n{_END}{rest.split(_END)[1]}"


def table() -> str:
    rows = ["| value | meaning | default |", "|---|---|---|"]
    for path, schema, default in described():
        shown = "" if _has_keys(schema) else _shown(default)
        rows.append(f"| `{path}` | {_meaning(schema)} | {shown} |")
    return "\n".join(rows) + "\n"


def _below(
    above: str, schema: Schema, values: object, shared: dict[str, Schema]
) -> Iterator[tuple[str, Schema, object]]:
    for name, given in schema.get("properties", {}).items():
        found = {**shared[given["$ref"].rpartition("/")[2]], **given} if "$ref" in given else given
        default = values.get(name) if isinstance(values, dict) else None
        yield f"{above}{name}", found, default
        # What is in a shared part is said once, by its description and by Kubernetes.
        if "$ref" not in given:
            yield from _below(f"{above}{name}.", found, default, shared)


def _has_keys(schema: Schema) -> bool:
    return bool(schema.get("properties")) and "$ref" not in schema


def _meaning(schema: Schema) -> str:
    text = str(schema["description"])
    if "enum" in schema:
        text = f"{text.removesuffix('.')}: {', '.join(f'`{each}`' for each in schema['enum'])}."
    return text.replace("|", "\\|")


def _shown(default: object) -> str:
    return "" if default in ("", None, [], {}) else f"`{json.dumps(default)}`"


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme())
    (CHART / "files" / "launch-rights.yaml").write_text(rights())
