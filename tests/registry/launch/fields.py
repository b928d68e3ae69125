"""Whose a field is, as an API server keeps it: in ``managedFields``, by manager and operation.

Lists are one field here; the real one knows many of them by their items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
Manager = tuple[str, str]
"""Its name, and ``Apply`` or ``Update``: they are two, even under one name."""


def leaves(body: Mapping[str, Any]) -> dict[Path, Any]:
    """All that a body sets."""
    return dict(_leaves(body, ()))


def disputed(found: Mapping[str, Any], said: Mapping[Path, Any], by: Manager) -> bool:
    """Whether another owns one of the fields, with another value."""
    others = {path for who, paths in _owners(found).items() if who != by for path in paths}
    return any(path in others and _at(found, path) != value for path, value in said.items())


def apply(found: dict[str, Any], said: Mapping[Path, Any], by: Manager) -> None:
    """Set these, and take away what the manager alone had set before."""
    owners = _owners(found)
    others = {path for who, paths in owners.items() if who != by for path in paths}
    for path in owners.get(by, set()) - said.keys() - others:
        _put(found, path, None)
    _set(found, said, {**owners, by: set()}, by)


def change(found: dict[str, Any], said: Mapping[Path, Any], by: Manager) -> None:
    """Set these besides; None takes away."""
    _set(found, said, _owners(found), by)


def own(found: dict[str, Any], paths: Iterable[Path], by: Manager) -> None:
    _write(found, {**_owners(found), by: set(paths)})


def _set(
    found: dict[str, Any], said: Mapping[Path, Any], owners: dict[Manager, set[Path]], by: Manager
) -> None:
    for path, value in said.items():
        if _at(found, path) != value:
            for each in owners.values():
                each.discard(path)
            _put(found, path, value)
    mine = {path for path, value in said.items() if value is not None}
    _write(found, {**owners, by: owners.get(by, set()) | mine})


def _leaves(body: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(body, Mapping) and (body or not path):
        for name, value in body.items():
            yield from _leaves(value, (*path, name))
    else:
        yield path, body


def _at(found: Any, path: Path) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _put(found: dict[str, Any], path: Path, value: Any) -> None:
    *above, last = path
    for name in above:
        there = found.get(name)
        found = there if isinstance(there, dict) else found.setdefault(name, {})
    if value is None:
        found.pop(last, None)
    elif value != {} or not isinstance(found.get(last), dict):
        found[last] = value


def _owners(found: Mapping[str, Any]) -> dict[Manager, set[Path]]:
    return {
        (each["manager"], each["operation"]): set(_paths(each["fieldsV1"], ()))
        for each in found["metadata"].get("managedFields") or ()
    }


def _paths(said: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for name, below in said.items():
        here = (*path, name.removeprefix("f:"))
        if below:
            yield from _paths(below, here)
        else:
            yield here


def _write(found: dict[str, Any], owners: Mapping[Manager, set[Path]]) -> None:
    managed = []
    for (manager, operation), paths in owners.items():
        said: dict[str, Any] = {}
        for path in sorted(paths):
            below = said
            for name in path:
                below = below.setdefault(f"f:{name}", {})
        if said:
            managed.append({"manager": manager, "operation": operation, "fieldsV1": said})
    found["metadata"]["managedFields"] = managed
