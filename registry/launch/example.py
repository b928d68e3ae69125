"""A full spec of a target, with a comment at every field: to be copied and cut down."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .fields import Part, Schema
from .files import as_yaml
from .render import EVERYWHERE, find_target
from .schema import LaunchSchema
from .spec import Purpose

_DIGEST = "sha256:" + "0123456789abcdef" * 4

# What an example says where its target says nothing else.
_EXAMPLE: Mapping[str, Any] = {
    "name": "churn",
    "source": {"model": "churn", "version": 7, "stage": "Staging"},
    "run_id": "0123456789abcdef0123456789abcdef",
    "image": f"registry.example.com/churn/train@{_DIGEST}",
    "command": ["python", "-m", "train"],
    "args": ["--epochs=3"],
    "env": {"LEARNING_RATE": "0.01"},
    "secrets": ["s3-credentials"],
    "tracking": {"uri": "http://podium.podium.svc", "secret": "podium-token"},
    "resources": {
        "cpu": "4",
        "memory": "16Gi",
        "gpu": {"count": 1, "product": "NVIDIA-H100-80GB-HBM3"},
    },
    "workers": 1,
    "queue": "team-queue",
    "priority": "high",
    "deadline": "24h",
    "retries": 2,
    "storage": "s3://models/churn/7",
    "service_account": "s3-reader",
    "scaling": {"min": 1, "max": 4, "cpu": 70},
    "canary": {"percent": 10, "storage": "s3://models/churn/8", "version": 8},
    "serving": {"format": "mlflow", "port": 8080, "ready": "/v2/health/ready"},
    "monitoring": {"path": "/metrics", "port": 9090, "interval": "30s"},
}


def example(target: str) -> str:
    """The example of a target, which renders as it is."""
    return commented(f"{find_target(target).SUMMARY}.", target, said_of(target))


def commented(about: str, target: str, said: Mapping[str, Any]) -> str:
    """A file that says what it is about, with a sentence above each field."""
    head = [f"# {about}", "# Cut out what you do not need; what is left has a default."]
    fields = _object(LaunchSchema(), said, find_target(target).OPTIONS, 0)
    return "\n".join([*head, "", *fields]) + "\n"


def outline(target: str, *, without: Collection[str]) -> str:
    """The example as a beginning: fields are comments as long as nobody takes away the "#" before
    them, but for those without which the target does nothing."""
    found = find_target(target)
    needs = found.NEEDS - {"storage"}  # that of a version is known
    if any(field.required for field in found.OPTIONS().fields.values()):
        needs |= {"options"}
    lines: list[str] = []
    for name, value in said_of(target).items():
        if name not in without:
            shut = "" if name in needs else "#"
            made = _object(LaunchSchema(), {name: value}, found.OPTIONS, 0)
            lines += [line if not line or line.startswith("# ") else shut + line for line in made]
    return "\n".join(lines)


def said_of(target: str) -> dict[str, Any]:
    """What the example of a target says."""
    found = find_target(target)
    purpose = next(each for each in Purpose if each in found.PURPOSES)
    said = {"target": target, "purpose": str(purpose), **_EXAMPLE, **found.EXAMPLE}
    used = found.TAKES | EVERYWHERE
    return {
        name: value for name, value in said.items() if name in used and value not in ([], {}, None)
    }


def _object(
    schema: Schema, said: Mapping[str, Any], options: type[Schema], depth: int
) -> Iterator[str]:
    names = {field.data_key or name: field for name, field in schema.fields.items()}
    indent = "  " * depth
    for name, field in names.items():
        if name not in said:
            continue
        about = field.metadata.get("about", "")
        yield from textwrap.wrap(
            about, 92, initial_indent=indent + "# ", subsequent_indent=indent + "# "
        )
        value = said[name]
        inner = (
            options() if name == "options" else field.schema if isinstance(field, Part) else None
        )
        if isinstance(inner, Schema):
            yield f"{indent}{name}:"
            yield from _object(inner, value, options, depth + 1)
        else:
            yield from textwrap.indent(as_yaml([{name: value}]).rstrip(), indent).splitlines()
        if depth == 0:
            yield ""
