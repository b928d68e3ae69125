"""YAML and JSON in, YAML out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from podium.client.errors import ConfigError

from .faults import InvalidLaunch

_LONGEST = 1_000_000  # characters
_MOST = 100_000  # values, each as often as YAML's aliases repeat it
_DEEPEST = 50


def text_of(path: str | Path) -> str:
    """What a file, or with ``-`` the standard input, says; :class:`ConfigError` if it cannot be
    read."""
    try:
        return sys.stdin.read() if str(path) == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. Name a YAML or JSON file.") from None


def read_file(text: str, what: str = "spec") -> Mapping[str, Any]:
    """A YAML or JSON document that is a mapping."""
    if len(text) > _LONGEST:
        raise InvalidLaunch([f"{what}: is longer than {_LONGEST:,} characters"])
    try:
        found = _parse(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = str(error).replace("\n", " ").strip() or "it is nested too deep"
        raise InvalidLaunch([f"{what}: is neither YAML nor JSON: {where}"]) from None
    if not _fits(found):
        raise InvalidLaunch(
            [f"{what}: is nested deeper than {_DEEPEST}, or longer than {_MOST:,} values"]
        )
    if not isinstance(found, dict):
        raise InvalidLaunch([f"{what}: must be a mapping of fields, not {type(found).__name__}"])
    return found


def _fits(found: Any) -> bool:
    """Whether it can be walked: a few aliases of aliases can stand for billions of values."""
    todo, seen = [(found, 0)], 0
    while todo:
        value, depth = todo.pop()
        seen += 1
        if depth > _DEEPEST or seen + len(todo) > _MOST:
            return False
        if isinstance(value, dict):
            todo += [(below, depth + 1) for below in value.values()]
        elif isinstance(value, list):
            todo += [(below, depth + 1) for below in value]
    return True


def as_yaml(manifests: Iterable[Mapping[str, Any]]) -> str:
    """A stream of documents, in the order of the manifests and with their keys as they are."""
    return yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML, where saying a key twice is a mistake and not a choice of the last."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value!r} is there twice")
        seen.add(str(key.value))
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _parse(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            pass  # a flow mapping of YAML begins like that too
    return yaml.load(text, Loader=_Loader)  # noqa: S506  (a safe loader)


class _Dumper(yaml.SafeDumper):
    """Without anchors, and long texts as blocks."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\x85" in text:  # a line break to YAML 1.1, which is told apart in this style alone
        style: str | None = '"'
    else:
        style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
