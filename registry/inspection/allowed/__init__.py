"""The names that a pickle of a model may import, by module and name.

A name is here if pickles of real models hold it, and if nothing that it does while a pickle is
loaded evaluates, imports, opens, starts or downloads anything, whatever it is given: its
``__new__`` without arguments, its ``__setstate__`` and its ``__del__`` for what is named, calling
it for what is called. A class that is named and not called never gets to its ``__init__``.

What would do for real models and is not here on purpose:

    scipy.stats distributions         ``__setstate__`` executes a text that is part of the state
    statsmodels                       ``ModelData.__setstate__`` evaluates a formula
    torch.storage._load_from_bytes    is ``torch.load`` of what it is given: a pickle in a pickle
    torch._tensor._rebuild_from_type_v2, numpy's ``_ufunc_reconstruct``, copyreg.__newobj__,
    functools.partial                 call, or look up, whatever they are given
    transformers, interpret           nobody has read what loading their classes does
"""

from __future__ import annotations

from collections.abc import Mapping

from ..machine import Name
from . import boosting, general, pandas, scikit_learn, torch
from .names import Argument, Must
from .scikit_learn import METHODS

__all__ = ["CALLED", "METHODS", "NAMED", "Argument", "Must"]

# With what their arguments must be.
CALLED: Mapping[Name, Mapping[int, Argument]] = {
    **general.CALLED,
    **pandas.CALLED,
    **scikit_learn.CALLED,
    **torch.CALLED,
}
NAMED = frozenset().union(
    general.NAMED, pandas.NAMED, scikit_learn.NAMED, boosting.NAMED, torch.NAMED, CALLED
)
