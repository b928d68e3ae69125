"""The pickle in a joblib file, without the arrays that stand in the middle of it.

joblib writes an array as a ``NumpyArrayWrapper`` and, behind the opcode that completes it, the raw
numbers, which no reader of pickles understands. To know how many bytes they are the opcodes are
followed as symbols: nothing is imported, made or called. What is not as joblib writes it is not
understood, so that nothing joblib would take for opcodes is taken for numbers here.
See ``NumpyArrayWrapper`` and ``NumpyUnpickler.load_build`` in ``joblib/numpy_pickle.py``.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np


class Name(NamedTuple):
    """What a pickle imports."""

    module: str
    name: str


WRAPPER = Name("joblib.numpy_pickle", "NumpyArrayWrapper")
_DTYPE = Name("numpy", "dtype")
_STATE = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
_TEXT = re.compile(r"[<>=|]?(?:[biufcMm]|[SUV])[0-9]*")
_SIZED = "SUV"
_OBJECTS = ("O", "O8", "|O")
_MARK, _OPAQUE = object(), object()


class NotUnderstood(Exception):
    """It is no file as joblib writes it."""


def without_arrays(data: bytes) -> list[bytes]:
    """The opcodes alone: a pickle like any other, and one for each array of objects."""
    stream, parts, objects = BytesIO(data), list[bytes](), list[bytes]()
    machine, begun = _Machine(), 0
    while True:
        for opcode, argument, _ in pickletools.genops(stream):
            here = stream.tell()
            if opcode.name == "STOP":
                if here != len(data):
                    raise NotUnderstood
                return [b"".join((*parts, data[begun:here])), *objects]
            array = machine.step(opcode, argument, here)
            if array is not None:
                parts.append(data[begun:here])
                if array.of_objects:
                    begun = _behind_pickle(stream)
                    objects.append(data[here:begun])
                else:
                    begun = array.end(data, here)
                    stream.seek(begun)
                break


def _behind_pickle(stream: BytesIO) -> int:
    for _ in pickletools.genops(stream):
        pass
    return stream.tell()


@dataclass(frozen=True, slots=True)
class _Array:
    """What stands behind a wrapper: so many bytes, after those that align it, or a pickle."""

    length: int
    aligned: bool
    of_objects: bool

    def end(self, data: bytes, here: int) -> int:
        padding = 1 + data[here] if self.aligned else 0
        if here + padding + self.length > len(data):
            raise NotUnderstood
        return here + padding + self.length


@dataclass(slots=True, eq=False)
class _Wrapper:
    """One that is not complete: it is nowhere but on the stack."""


@dataclass(slots=True, eq=False)
class _Dtype:
    text: str


class _Dict(dict[Any, Any]):
    """``uses`` counts where else it is: a call that is given it could change it unseen."""

    uses = 0


_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "TUPLE": None}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": _Dict,
    "MARK": lambda: _MARK,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "NONE": lambda: None,
}


class _Machine:
    """The stack of an unpickler, with symbols on it."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._frame_end = 0

    def step(self, opcode: pickletools.OpcodeInfo, argument: Any, here: int) -> _Array | None:
        """Do what an opcode does that ends ``here``; the array that stands behind it, if any."""
        name = opcode.name
        if name.startswith(("EXT", "INST")) or name.endswith("PERSID"):
            raise NotUnderstood
        if name == "BUILD":
            return self._build(here)
        if name == "FRAME":
            self._frame_end = here + argument
        elif name.endswith("PUT") or name == "MEMOIZE":
            self._memo[len(self._memo) if argument is None else int(argument)] = self._stack[-1]
        elif name.endswith("GET"):
            self._get(int(argument))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, attribute = argument.split(" ", 1) if argument else self._pop(2)
            self._stack.append(_imported(module, attribute))
        elif name in ("NEWOBJ", "REDUCE"):
            self._call(name)
        elif name in _TUPLES:
            self._stack.append(tuple(_used(self._pop(_TUPLES[name]))))
        elif name in ("SETITEM", "SETITEMS"):
            self._set_items(_used(self._pop(2 if name == "SETITEM" else None)))
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif argument is not None and opcode.stack_after and not opcode.stack_before:
            self._stack.append(argument)  # a number or a text
        elif name != "PROTO":
            self._otherwise(opcode)
        return None

    def _get(self, place: int) -> None:
        found = self._memo[place]
        self._stack += [found] if found == WRAPPER else _used([found])

    def _call(self, name: str) -> None:
        called, arguments = self._pop(2)
        if name == "NEWOBJ" and called == WRAPPER and arguments == ():
            self._stack.append(_Wrapper())
        elif name == "REDUCE" and called == _DTYPE and isinstance(arguments, tuple) and arguments:
            self._stack.append(_Dtype(arguments[0]))
        else:
            _used([called, arguments])
            self._stack.append(_OPAQUE)

    def _otherwise(self, opcode: pickletools.OpcodeInfo) -> None:
        """By what the opcode says of itself: so much is taken, and something is left."""
        before = [each.name for each in opcode.stack_before]
        if "mark" in before:
            _used(self._pop(None))
            before = before[: before.index("mark")]
        _used(self._pop(len(before)))
        self._stack += [_OPAQUE] * len(opcode.stack_after)

    def _build(self, here: int) -> _Array | None:
        [state] = self._pop(1)
        made = self._stack[-1]
        if isinstance(made, _Dtype):
            _check_dtype(made, state)
        elif made == WRAPPER:
            raise NotUnderstood
        elif isinstance(made, _Wrapper):
            # joblib reads on behind the frame, whatever is left of it.
            if self._frame_end > here:
                raise NotUnderstood
            self._stack[-1] = _OPAQUE
            return _array(state)
        else:
            _used([state])
        return None

    def _set_items(self, items: Sequence[Any]) -> None:
        if isinstance(self._stack[-1], _Dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                self._stack[-1][key if isinstance(key, str | int) else _OPAQUE] = value

    def _pop(self, count: int | None) -> list[Any]:
        """So many from the top; None is all down to a mark, and the mark."""
        stack = self._stack
        if count is None:
            count = stack[::-1].index(_MARK)
            found = stack[len(stack) - count :]
            del stack[len(stack) - count - 1 :]
            return found
        if count > len(stack):
            raise NotUnderstood
        found = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        return found


def _imported(module: Any, name: Any) -> Name:
    """A text that was put together by a call may be anything, and so may a wrapper's other name."""
    if not isinstance(module, str) or not isinstance(name, str):
        raise NotUnderstood
    found = Name(module, name)
    if found != WRAPPER and (module.partition(".")[0] == "joblib" or "ArrayWrapper" in name):
        raise NotUnderstood
    return found


def _used(values: list[Any]) -> list[Any]:
    """What is put into something, or given to a call: no wrapper, which would go out of sight."""
    for each in values:
        if isinstance(each, _Wrapper) or each == WRAPPER:
            raise NotUnderstood
        if isinstance(each, _Dict):
            each.uses += 1
    return values


def _check_dtype(dtype: _Dtype, state: Any) -> None:
    """(version, byte order, sub-array, names, fields, size, …): the size is what the text says, and
    no field holds objects.
    """
    if dtype.text in _OBJECTS:
        return
    made = _plain_dtype(dtype)
    if not isinstance(state, tuple) or len(state) < 6 or state[2] is not None:
        raise NotUnderstood
    names, fields, size = state[3:6]
    if size != (made.itemsize if made.kind in _SIZED else -1):
        raise NotUnderstood
    if names is None and fields is None:
        return
    if made.kind != "V" or not isinstance(fields, _Dict) or fields.uses != 1:
        raise NotUnderstood
    for field in fields.values():
        if not isinstance(field, tuple) or not isinstance(field[0], _Dtype):
            raise NotUnderstood
        _plain_dtype(field[0])


def _plain_dtype(dtype: _Dtype) -> np.dtype[Any]:
    if not isinstance(dtype.text, str) or not _TEXT.fullmatch(dtype.text):
        raise NotUnderstood
    return np.dtype(dtype.text)


def _array(state: Any) -> _Array:
    if not isinstance(state, _Dict) or state.uses or not set(state) <= _STATE:
        raise NotUnderstood
    dtype, shape = state.get("dtype"), state.get("shape")
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise NotUnderstood
    if not all(type(each) is int and 0 <= each < 2**48 for each in shape):
        raise NotUnderstood
    if dtype.text in _OBJECTS:
        return _Array(0, aligned=False, of_objects=True)
    aligned = state.get("numpy_array_alignment_bytes") is not None
    length = math.prod(shape) * _plain_dtype(dtype).itemsize
    return _Array(length, aligned=aligned, of_objects=False)
