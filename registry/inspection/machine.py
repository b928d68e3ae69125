"""An unpickler with symbols on its stack: nothing is imported, made or called.

What a pickle does is seen as an unpickler does it, and not guessed from the order of its opcodes.
Who wants to know something of it overrides what is done with the symbols.
"""

from __future__ import annotations

import pickletools
from typing import Any, NamedTuple


class Name(NamedTuple):
    """What a pickle imports."""

    module: str
    name: str


class NotUnderstood(Exception):
    """It cannot be told what an unpickler would do."""


# A value of which nothing need be known: a list, a dictionary, a buffer.
OPAQUE = object()
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "TUPLE": None}
_CONSTANTS = {"NEWFALSE": False, "NEWTRUE": True, "NONE": None}
# How many are taken for one call, and for what is added to something.
_CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_ADDS = {"APPEND": 1, "APPENDS": None, "SETITEM": 2, "SETITEMS": None, "ADDITEMS": None}
_NOTHING = frozenset(("PROTO", "FRAME", "STOP"))
_FOREIGN = frozenset(("EXT1", "EXT2", "EXT4", "INST", "OBJ", "PERSID", "BINPERSID"))


class Machine:
    """``stack`` is what has been pushed since the last mark, ``below`` the stacks under marks."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Do what an opcode does."""
        name = opcode.name
        if name in _FOREIGN:
            self.foreign(opcode)
        elif name.endswith("PUT") or name == "MEMOIZE":
            self.memo[len(self.memo) if argument is None else int(argument)] = self.stack[-1]
        elif name.endswith("GET"):
            self.stack.append(self.fetched(self.memo[int(argument)]))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, attribute = argument.split(" ", 1) if argument else self.pop(2)
            self.stack.append(self.imported(module, attribute))
        elif name in _CALLS:
            callee, *arguments = self.pop(_CALLS[name])
            self.stack.append(self.called(name, callee, arguments))
        elif name in _TUPLES:
            values = self.used(self.pop(_TUPLES[name]))
            self.stack.append(tuple(values))
        elif name in _ADDS:
            items = self.used(self.pop(_ADDS[name]))
            self.added(self.stack[-1], items, pairs=name.startswith("SET"))
        elif name == "BUILD":
            [state] = self.pop(1)
            self.built(self.stack[-1], state)
        elif argument is not None and opcode.stack_after and not opcode.stack_before:
            self.stack.append(argument)  # a number or a text
        elif name not in _NOTHING:
            self._push(name, opcode)

    def imported(self, module: Any, name: Any) -> Any:
        """A text that was put together by a call may be anything."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotUnderstood
        return Name(module, name)

    def called(self, opcode: str, callee: Any, arguments: list[Any]) -> Any:
        """``arguments`` holds a tuple, and for NEWOBJ_EX a dictionary; what is made is returned."""
        self.used([callee, *arguments])
        return OPAQUE

    def built(self, target: Any, state: Any) -> None:
        self.used([state])

    def added(self, target: Any, items: list[Any], *, pairs: bool) -> None:
        """Items, or keys and values in turn, to a list, a set or a dictionary."""

    def foreign(self, opcode: pickletools.OpcodeInfo) -> None:
        """What only the program that loads it knows, or nobody writes any more."""
        raise NotUnderstood

    def fetched(self, value: Any) -> Any:
        return self.used([value])[0]

    def used(self, values: list[Any]) -> list[Any]:
        """What is put into something, or given to a call."""
        return values

    def empty_dict(self) -> Any:
        return OPAQUE

    def pop(self, count: int | None) -> list[Any]:
        """So many from the top; None is all down to a mark, and the mark."""
        if count is None:
            found, self.stack = self.stack, self.below.pop()
            return found
        if count > len(self.stack):
            raise NotUnderstood
        left = len(self.stack) - count
        found = self.stack[left:]
        del self.stack[left:]
        return found

    def _push(self, name: str, opcode: pickletools.OpcodeInfo) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("EMPTY_DICT", "DICT"):
            items = self.used(self.pop(None if name == "DICT" else 0))
            self.stack.append(self.empty_dict())
            self.added(self.stack[-1], items, pairs=True)
        elif name == "MARK":
            self.below.append(self.stack)
            self.stack = []
        elif name == "POP":
            self.used(self.pop(1 if self.stack else None))
        elif name == "DUP":
            self.stack += self.used(self.pop(1)) * 2
        else:
            taken = opcode.stack_before
            marked = any(each.name == "mark" for each in taken)
            self.used(self.pop(None if marked else len(taken)))
            self.stack += [OPAQUE] * len(opcode.stack_after)
