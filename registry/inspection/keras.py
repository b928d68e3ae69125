"""What a Keras archive says it is made of: layers of Keras itself, or what it would import.

Its ``config.json`` names classes and functions by module, and loading imports them; a Lambda layer
holds code as such. The weights beside it are numbers.
https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

CONFIG = "config.json"
MAX_CONFIG = 32 * 1024 * 1024
_CODE = ("Lambda", "__lambda__", "TorchModuleWrapper")
# What stands for a value and not for a class: keras/src/saving/serialization_lib.py
_VALUES = frozenset(
    """
    __bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__ __typespec__
    """.split()  # noqa: SIM905  (a list of words is read as words)
)
_MODULES = frozenset(
    """
    keras.activations keras.constraints keras.dtype_policies keras.initializers keras.layers
    keras.losses keras.metrics keras.optimizers keras.optimizers.schedules
    keras.quantizers keras.regularizers
    """.split()  # noqa: SIM905  (a list of words is read as words)
)
# Beside these there are functions in the same places that load other files.
_MODELS = ("Functional", "Model", "Sequential")
_MODELS_OF = ("keras", "keras.models", "keras.src.models.functional", "keras.src.models.sequential")


def code_in(config: bytes) -> Iterator[str]:
    """What runs code by its nature."""
    for class_name, _ in _objects(json.loads(config)):
        if class_name in _CODE:
            yield f"holds a {class_name.strip('_')}, which is code"


def imports_of(config: bytes) -> Iterator[tuple[str, str]]:
    """(module, name) of what is not Keras's own."""
    for class_name, module in _objects(json.loads(config)):
        own = module in _MODULES or (module in _MODELS_OF and class_name in _MODELS)
        if not own and class_name not in _VALUES and class_name not in _CODE:
            yield module, class_name


def _objects(config: Any) -> Iterator[tuple[str, str]]:
    """Every (class, module) in it, "" where no module is said."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
            if "class_name" in value:
                yield str(value["class_name"]), str(value.get("module") or "")
        elif isinstance(value, list):
            left += value
