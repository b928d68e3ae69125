"""Comparisons and clauses of every kind that the search language has."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from podium.tracker.search.syntax import And, Clause, Comparison, Key, Not, Operator, Or, Value

# Few values, so that filters hit; é has no other case here, for ILIKE folds é on some databases.
TEXTS = st.text("aAb%_\\'\"`é\n", max_size=3)
NUMBERS = st.sampled_from([0, 1, -1, 2, 0.5, -0.0, 1e-9, 1e300, math.inf, -math.inf, 10**17])
METRICS = NUMBERS.map(float) | st.just(math.nan)
KEYS = st.sampled_from(["a", "b", "a b", "val/loss", "in"])

_WORDS = [Operator.LIKE, Operator.NOT_LIKE, Operator.ILIKE, Operator.NOT_ILIKE]
_COMPARE = [each for each in Operator if each[0] in "=!<>"]


def comparisons(
    keys: SearchStrategy[Key], literals: SearchStrategy[Value], *, text: bool
) -> SearchStrategy[Comparison]:
    one = literals.map(lambda value: (value,))
    equality = [Operator.EQUAL, Operator.NOT_EQUAL]
    kinds = [
        st.builds(Comparison, keys, st.sampled_from(equality if text else _COMPARE), one),
        st.builds(
            Comparison,
            keys,
            st.sampled_from([Operator.IN, Operator.NOT_IN]),
            st.lists(literals, min_size=1, max_size=3).map(tuple),
        ),
        st.builds(Comparison, keys, st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL])),
    ]
    if text:
        kinds.append(st.builds(Comparison, keys, st.sampled_from(_WORDS), one))
    else:
        between = st.sampled_from([Operator.BETWEEN, Operator.NOT_BETWEEN])
        kinds.append(st.builds(Comparison, keys, between, st.tuples(literals, literals)))
    return st.one_of(kinds)


def combined(inner: SearchStrategy[Clause]) -> SearchStrategy[Clause]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, several), st.builds(Or, several))
