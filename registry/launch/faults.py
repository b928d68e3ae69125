"""What is wrong with a spec: all of it at once, a line a fault, each with its field and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from marshmallow import ValidationError
from marshmallow.exceptions import SCHEMA
from podium.client.errors import BadRequest


class InvalidLaunch(BadRequest):
    """``faults`` holds lines as ``resources.gpu.count: must be …``; the message is all of them."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


def refuse(faults: Iterable[str]) -> None:
    """Raise :class:`InvalidLaunch` if there are any."""
    found = tuple(dict.fromkeys(faults))
    if found:
        raise InvalidLaunch(found)


def lines(error: ValidationError, path: str = "") -> Iterator[str]:
    """The faults marshmallow found, with the way to each field."""
    yield from _lines(error.messages, path)


def _lines(found: Any, path: str) -> Iterator[str]:
    if isinstance(found, Mapping):
        for name, below in found.items():
            if isinstance(name, int):
                yield from _lines(below, f"{path}[{name}]")
            elif name == SCHEMA:
                yield from _lines(below, path)
            else:
                yield from _lines(below, f"{path}.{name}" if path else str(name))
    elif isinstance(found, list):
        for reason in found:
            yield from _lines(reason, path)
    else:
        yield f"{path or 'spec'}: {found}"
