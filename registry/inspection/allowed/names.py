"""How the lists of names are written."""

from __future__ import annotations

from enum import Enum

from ..machine import Name


class Must(Enum):
    """What an argument has to be, where the function calls it or asks it for something."""

    BE_NAMED = "a class of the list, and no object that is dressed up as one"
    BE_FRESH = "what another call has made, before anything was set on it"


# Or: one of these names, or a text.
Argument = Must | frozenset[Name]
# By its place among the arguments.
Arguments = dict[int, Argument]


def names(text: str) -> frozenset[Name]:
    """Lines of a module and what is in it."""
    lines = [line.split() for line in text.strip().splitlines()]
    return frozenset(Name(module, name) for module, *found in lines for name in found)


def functions(text: str, **arguments: Argument) -> dict[Name, Arguments]:
    """Of all that is in ``text`` the arguments ``_0``, ``_1`` … must be so."""
    wanted = {int(place[1:]): argument for place, argument in arguments.items()}
    return dict.fromkeys(names(text), wanted)
