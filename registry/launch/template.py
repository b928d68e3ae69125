"""Places ``${name}`` in an administrator's template, and the values that fill them.

A text that is nothing but a place takes on the value as it is, a number or a whole object. A place
whose value is None takes its field with it. Values are put into parsed objects, never into text
that is parsed afterwards, so none of them can become anything but a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .site import Template, Variable

_PLACE = re.compile(r"\$\{([a-z][a-z0-9_.]*)\}")
_KINDS: Mapping[str, tuple[type[Any], ...]] = {
    "text": (str,),
    "int": (int,),
    "number": (int, float),
    "bool": (bool,),
}


def faults(template: Template, given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the variables a user gives."""
    for name in sorted(set(given) - set(template.variables)):
        there = ", ".join(template.variables) or "none"
        yield f"options.variables.{name}: is no variable of the template; there are {there}"
    for name, variable in template.variables.items():
        value = given.get(name, variable.default)
        reason = _misfit(variable, value)
        if reason:
            yield f"options.variables.{name}: {reason}"


def _misfit(variable: Variable, value: Any) -> str | None:
    if value is None:
        return f"is missing; it must be of type {variable.type}. {variable.about}".strip()
    is_bool = isinstance(value, bool)
    if not isinstance(value, _KINDS[variable.type]) or is_bool != (variable.type == "bool"):
        return f"must be of type {variable.type}, not {value!r}"
    if variable.choices and str(value) not in variable.choices:
        return f"must be one of {', '.join(variable.choices)}, not {value!r}"
    if variable.type in ("int", "number"):
        if variable.min is not None and value < variable.min:
            return f"must be at least {variable.min:g}, not {value!r}"
        if variable.max is not None and value > variable.max:
            return f"must be at most {variable.max:g}, not {value!r}"
    return None


def places(template: Any, place: re.Pattern[str] = _PLACE) -> set[str]:
    """The names of all places in a template."""
    return set(_places(template, place))


def _places(template: Any, place: re.Pattern[str]) -> Iterator[str]:
    if isinstance(template, str):
        yield from place.findall(template)
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from _places(value, place)
    elif isinstance(template, (list, tuple)):
        for value in template:
            yield from _places(value, place)


def filled(template: Any, values: Mapping[str, Any], place: re.Pattern[str] = _PLACE) -> Any:
    """The template with a value at each place; ``place`` has the name as its only group."""
    if isinstance(template, str):
        alone = place.fullmatch(template)
        if alone:
            return values[alone[1]]
        return place.sub(lambda found: _written(values[found[1]]), template)
    if isinstance(template, Mapping):
        made = {name: filled(value, values, place) for name, value in template.items()}
        return {name: value for name, value in made.items() if value is not None}
    if isinstance(template, (list, tuple)):
        made_of = (filled(value, values, place) for value in template)
        return [each for each in made_of if each is not None]
    return template


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
