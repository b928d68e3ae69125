"""What a pickle imports, and what it does with that beyond what is allowed.

What is allowed is a list of names (``allowed``), and how a pickle of a model uses them: it makes
objects of classes, calls a few functions that put an object together, and gives each object its
items and then its state, once. Whatever else can be done with allowed names is not allowed with
them: an object that is called, a class or a module whose attributes are set, an attribute that was
set by a first state and is called as ``__setstate__`` by the second.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from typing import IO, Any

from .allowed import CALLED, METHODS, Argument, Must
from .machine import OPAQUE, Machine, Name, NotUnderstood


@dataclass(slots=True)
class Reading:
    """``calls`` holds what is called and may only be named, ``tricks`` what no pickler writes.

    ``whole`` says that it was read to its end.
    """

    names: set[Name] = field(default_factory=set)
    calls: set[Name] = field(default_factory=set)
    tricks: set[str] = field(default_factory=set)
    whole: bool = True


def read(content: IO[bytes]) -> Reading:
    """Read pickles, one after another, from where ``content`` stands."""
    reading = Reading()
    try:
        while content.read(1):
            content.seek(-1, 1)
            machine = _Watched(reading)
            for opcode, argument, _ in pickletools.genops(content):
                machine.step(opcode, argument)
    except Exception:  # noqa: BLE001  (each of the ways in which a pickle can be broken)
        reading.whole = False
    return reading


@dataclass(slots=True, eq=False)
class _Made:
    """What a call has made. It is ``done`` when it has its state."""

    of: Any
    called: bool
    done: bool = False


class _Keys(set[Any]):
    """The keys of a dictionary."""


class _Watched(Machine):
    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self._reading = reading

    def imported(self, module: Any, name: Any) -> Any:
        found: Name = super().imported(module, name)
        self._reading.names.add(found)
        return found

    def called(self, opcode: str, callee: Any, arguments: list[Any]) -> Any:
        if not isinstance(callee, Name):
            self._reading.tricks.add("calls what it has made itself")
            return _Made(None, called=True)
        if opcode == "NEWOBJ" and arguments == [()]:
            return _Made(callee, called=False)
        if not _may_be_called(callee, arguments):
            self._reading.calls.add(callee)
            return _Made(callee, called=True)
        by_class = CALLED[callee].get(0) is Must.BE_NAMED
        return _Made(arguments[0][0] if by_class else callee, called=True)

    def built(self, target: Any, state: Any) -> None:
        if not isinstance(target, _Made):
            self._reading.tricks.add("sets attributes of what it has not made")
        elif target.done:
            self._reading.tricks.add("changes an object that is made")
        elif target.of in METHODS and not _leaves(METHODS[target.of], state):
            self._reading.tricks.add(f"sets a method of {target.of.name}")
        else:
            target.done = True

    def added(self, target: Any, items: list[Any], *, pairs: bool) -> None:
        if isinstance(target, _Keys) and pairs:
            target.update(each if isinstance(each, str) else OPAQUE for each in items[::2])
        elif isinstance(target, _Made):
            if target.done:
                self._reading.tricks.add("changes an object that is made")
        elif target is not OPAQUE:
            self._reading.tricks.add("adds to what it has not made")

    def foreign(self, opcode: pickletools.OpcodeInfo) -> None:
        """PyTorch's storages have such ids; the rest are ways to import what is not said."""
        if "PERSID" not in opcode.name:
            self._reading.tricks.add(f"is written with {opcode.name}")
            raise NotUnderstood
        self.pop(len(opcode.stack_before))
        self.stack.append(object())

    def empty_dict(self) -> Any:
        return _Keys()


def _may_be_called(callee: Name, arguments: list[Any]) -> bool:
    [values, *keywords] = arguments
    if callee not in CALLED or keywords or not isinstance(values, tuple):
        return False
    wanted = CALLED[callee]
    return all(_fits(value, wanted[place]) for place, value in enumerate(values) if place in wanted)


def _fits(value: Any, wanted: Argument) -> bool:
    if wanted is Must.BE_NAMED:
        return isinstance(value, Name)
    if wanted is Must.BE_FRESH:
        return isinstance(value, _Made) and value.called and not value.done
    return value in wanted if isinstance(value, Name) else isinstance(value, str)


def _leaves(methods: frozenset[str], state: Any) -> bool:
    return isinstance(state, _Keys) and OPAQUE not in state and not methods & state
