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
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from .machine import OPAQUE, Machine, Name, NotUnderstood

WRAPPER = Name("joblib.numpy_pickle", "NumpyArrayWrapper")
_DTYPE = Name("numpy", "dtype")
_STATE = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
_TEXT = re.compile(r"[<>=|]?(?:[biufcMm]|[SUV])[0-9]*")
_SIZED = "SUV"
_OBJECTS = ("O", "O8", "|O")


def without_arrays(data: bytes) -> list[bytes]:
    """The opcodes alone: a pickle like any other, and one for each array of objects."""
    stream, parts, objects = BytesIO(data), list[bytes](), list[bytes]()
    machine, begun = _Reader(), 0
    while True:
        for opcode, argument, _ in pickletools.genops(stream):
            here = stream.tell()
            if opcode.name == "STOP":
                if here != len(data):
                    raise NotUnderstood
                return [b"".join((*parts, data[begun:here])), *objects]
            array = machine.read(opcode, argument, here)
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


class _Reader(Machine):
    """It knows wrappers, and what they are told of their arrays."""

    def __init__(self) -> None:
        super().__init__()
        self._here = self._frame_end = 0
        self._array: _Array | None = None

    def read(self, opcode: pickletools.OpcodeInfo, argument: Any, here: int) -> _Array | None:
        """Do what an opcode does that ends ``here``; the array that stands behind it, if any."""
        self._here, self._array = here, None
        if opcode.name == "FRAME":
            self._frame_end = here + argument
        self.step(opcode, argument)
        return self._array

    def imported(self, module: Any, name: Any) -> Any:
        """A wrapper's other name may be anything."""
        found: Name = super().imported(module, name)
        if found != WRAPPER and (module.partition(".")[0] == "joblib" or "ArrayWrapper" in name):
            raise NotUnderstood
        return found

    def called(self, opcode: str, callee: Any, arguments: list[Any]) -> Any:
        if opcode == "NEWOBJ" and callee == WRAPPER and arguments == [()]:
            return _Wrapper()
        [values, *_] = arguments
        if opcode == "REDUCE" and callee == _DTYPE and isinstance(values, tuple) and values:
            return _Dtype(values[0])
        return super().called(opcode, callee, arguments)

    def built(self, target: Any, state: Any) -> None:
        if isinstance(target, _Dtype):
            _check_dtype(target, state)
        elif target == WRAPPER:
            raise NotUnderstood
        elif isinstance(target, _Wrapper):
            # joblib reads on behind the frame, whatever is left of it.
            if self._frame_end > self._here:
                raise NotUnderstood
            self.stack[-1] = OPAQUE
            self._array = _array(state)
        else:
            super().built(target, state)

    def added(self, target: Any, items: list[Any], *, pairs: bool) -> None:
        if pairs and isinstance(target, _Dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[key if isinstance(key, str | int) else OPAQUE] = value

    def fetched(self, value: Any) -> Any:
        return value if value == WRAPPER else super().fetched(value)

    def used(self, values: list[Any]) -> list[Any]:
        return _used(values)

    def empty_dict(self) -> Any:
        return _Dict()


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
