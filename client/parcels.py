"""What is logged, as records; and what one request carries of it, as parcels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Param:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Tag:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the run itself, as the JSON of ``runs/<verb>``."""

    verb: str
    body: Mapping[str, Any]
    points = 0

    def split(self) -> Sequence[Parcel]:
        return ()


@dataclass(frozen=True, slots=True)
class Items:
    """Params and tags of one log-batch request."""

    params: tuple[Param, ...]
    tags: tuple[Tag, ...]
    points = 0

    def split(self) -> Sequence[Parcel]:
        """Two halves, so that one item the server refuses does not take the others with it."""
        items = self.params + self.tags
        half = len(items) // 2
        if half == 0:
            return ()
        cut = min(half, len(self.params))
        return (
            Items(self.params[:cut], self.tags[: half - cut]),
            Items(self.params[cut:], self.tags[half - cut :]),
        )


@dataclass(eq=False, slots=True)
class Points:
    """A batch of points: the slots from ``start`` to ``stop`` of one segment, under one number.

    The number and the slots are on disk before it is sent, so that whoever sends it again, be it
    another process, sends the same points under the same name.
    """

    sequence: int
    segment: int
    start: int
    stop: int
    points: int
    encode: Callable[[Points], bytes]
    """Reads the slots: a batch that waits costs no memory."""
    halve: Callable[[Points], Sequence[Points]]
    """Gives its slots to two others, on disk as well."""
    _body: bytes | None = None

    @property
    def body(self) -> bytes:
        """The request's body, in the format of :mod:`wire`."""
        # No cached_property: before Python 3.12 it holds a lock, and a fork in another thread at
        # that moment would leave it locked in the child for ever.
        if self._body is None:
            self._body = self.encode(self)
        return self._body

    def split(self) -> Sequence[Parcel]:
        """Two halves under new numbers, for a server that found the whole too large."""
        if self.stop - self.start < 2:
            return ()
        return self.halve(self)


Record: TypeAlias = Param | Tag | Change
Parcel: TypeAlias = Points | Items | Change
