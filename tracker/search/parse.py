"""Text to syntax: filters and order_by terms.

Any text gives a tree or :class:`InvalidSearch`, in time linear in its length: the parser keeps its
own stack, and what later walks the tree may recurse because the nesting is bounded here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args

from .syntax import And, Clause, Comparison, InvalidSearch, Key, Not, Operator, Or, Order, Value

MAX_LENGTH = 65_536  # characters: a thousand run ids in one IN list fit
MAX_NESTING = 50
MAX_COMPARISONS = 250
AGGREGATES = ("min", "max", "first", "last")

_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")
_LARGEST_INTEGER_DIGITS = 18  # more may not fit in 64 bits, the widest column
# PostgreSQL stores no NUL, and a lone surrogate is in no encoding.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse_filter(text: str) -> Clause | None:
    """The clause ``text`` stands for; None when it is blank and so matches everything."""
    _check(text)
    if not text.strip():
        return None
    clause: Clause = _parse(text, "filter")
    _check_size(clause)
    return clause


def parse_order(text: str) -> Order:
    """One term of order_by: a key, then perhaps ASC or DESC."""
    _check(text)
    order: Order = _parse(text, "order")
    return order


def _check(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise InvalidSearch(
            f"The search text is {len(text)} characters long, the limit is {MAX_LENGTH}. "
            "Split it into several searches",
            offset=MAX_LENGTH,
        )
    found = _UNSTORABLE.search(text)
    if found:
        raise InvalidSearch(
            f"The character U+{ord(found[0]):04X} cannot be searched for", offset=found.start()
        )


def _check_size(clause: Clause) -> None:
    comparisons = 0
    todo = [(clause, 1)]
    while todo:
        found, depth = todo.pop()
        if depth > MAX_NESTING:
            raise InvalidSearch(
                f"Clauses are nested more than {MAX_NESTING} deep", offset=found.offset
            )
        match found:
            case Comparison():
                comparisons += 1
            case Not(inner):
                todo.append((inner, depth + 1))
            case And(clauses) | Or(clauses):
                todo.extend((each, depth + 1) for each in reversed(clauses))
        if comparisons > MAX_COMPARISONS:
            raise InvalidSearch(
                f"The filter has more than {MAX_COMPARISONS} comparisons. "
                "Use IN (...) for many values of one key",
                offset=found.offset,
            )


@cache
def _parser() -> Lark:
    return Lark(
        Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"),
        start=["filter", "order"],
        parser="lalr",
        lexer="contextual",
        transformer=_Build(),
        maybe_placeholders=True,
    )


def _parse(text: str, start: str) -> Any:
    try:
        return _parser().parse(text, start=start)
    except UnexpectedInput as error:
        _explain(error, text, start)


@v_args(inline=True)
class _Build(Transformer[Token, Any]):
    """Makes the syntax of each rule as it is reduced, innermost first."""

    def disjunction(self, *clauses: Clause) -> Or:
        return Or(clauses, clauses[0].offset)

    def conjunction(self, *clauses: Clause) -> And:
        return And(clauses, clauses[0].offset)

    def negation(self, word: Token, clause: Clause) -> Not:
        return Not(clause, _offset(word))

    def compare(self, key: Key, comparator: Token, value: Value) -> Comparison:
        if comparator not in _COMPARATORS:
            raise InvalidSearch(
                f"Invalid comparator '{comparator}' not one of {list(_COMPARATORS)}",
                offset=_offset(comparator),
            )
        return Comparison(key, Operator(comparator), (value,), _offset(comparator))

    def compare_words(
        self, key: Key, negated: Token | None, word: Token, *values: Value | None
    ) -> Comparison:
        given = tuple(each for each in values if each is not None)
        if not given:
            raise InvalidSearch(
                "While parsing a list in the query, expected a non-empty list of values, "
                "but got empty list",
                offset=_offset(word),
            )
        operator = Operator(f"NOT {word.upper()}" if negated else word.upper())
        return Comparison(key, operator, given, _offset(negated or word))

    def compare_null(self, key: Key, word: Token, negated: Token | None, _: Token) -> Comparison:
        operator = Operator.IS_NOT_NULL if negated else Operator.IS_NULL
        return Comparison(key, operator, (), _offset(word))

    def exists(self, word: Token, key: Key) -> Comparison:
        return Comparison(key, Operator.IS_NOT_NULL, (), _offset(word))

    def aggregate(self, function: Token, key: Key) -> Key:
        name = function.lower()
        if name not in AGGREGATES:
            raise InvalidSearch(
                f"Invalid function '{function}' not one of {list(AGGREGATES)}",
                offset=_offset(function),
            )
        return Key(key.scope, key.name, name, _offset(function))

    def key(self, token: Token) -> Key:
        if token.type == "SCOPED":
            scope, name = _split(token)
            return Key(_unquoted(scope), _unquoted(name), None, _offset(token))
        name = _unquoted(token) if token.type != "NAME" else str(token)
        if token[0] == "'" or not name or '"' in name:
            raise InvalidSearch(
                f"Invalid comparison clause. Expected 'Identifier' found {token}",
                offset=_offset(token),
            )
        return Key(None, name, None, _offset(token))

    def value(self, token: Token) -> Value:
        if token.type == "STRING":
            quote = token[0]
            literal: str | int | float = token[1:-1].replace(quote * 2, quote)
        elif len(token) <= _LARGEST_INTEGER_DIGITS and token.lstrip("+-").isdecimal():
            literal = int(token)
        else:
            literal = float(token)
        return Value(literal, str(token), _offset(token))

    def order(self, key: Key, direction: Token | None) -> Order:
        return Order(key, direction is not None and direction.type == "DESC")


def _split(token: Token) -> tuple[str, str]:
    """Kind and name of a scoped key; a dot inside the quotes of the kind does not divide it."""
    dot = token.index(".", token.index("`", 1) if token[0] == "`" else 0)
    return token[:dot], token[dot + 1 :]


def _unquoted(name: str) -> str:
    return name[1:-1] if name[0] in "`\"'" else str(name)


def _offset(token: Token) -> int:
    return token.start_pos or 0


def _explain(error: UnexpectedInput, text: str, start: str) -> NoReturn:
    """The parser's complaint in the words that users of MLflow know."""
    what = "filter string" if start == "filter" else "order_by clause"
    if not isinstance(error, UnexpectedToken):
        offset = error.pos_in_stream or 0
        message = f"Invalid clause(s) in {what}: {_excerpt(text[offset:])}"
        if text[offset] in "'\"`":
            message += ". The quote is not closed"
        raise InvalidSearch(message, offset=offset) from None
    token = error.token
    if token.type == "$END":
        raise InvalidSearch(
            f"Invalid {what}: it ends where {_expected(error)} should follow", offset=len(text)
        ) from None
    if "NUMBER" in error.accepts and token.type in ("SCOPED", "NAME"):
        raise InvalidSearch(
            "Parameter value is either not quoted or unidentified quote types used for string "
            f"value {_excerpt(token)}. Use either single or double quotes",
            offset=_offset(token),
        ) from None
    raise InvalidSearch(
        f"Invalid clause(s) in {what}: {_excerpt(token)}. Expected {_expected(error)}",
        offset=_offset(token),
    ) from None


def _excerpt(text: str) -> str:
    return repr(str(text) if len(text) <= 40 else text[:40] + "…")


_WORDS = {
    "SCOPED": "a key such as metrics.loss",
    "COMPARATOR": "a comparison",
    "NUMBER": "a value",
    "COMMA": "','",
    "LPAR": "'('",
    "RPAR": "')'",
    "_AND": "AND",
    "_OR": "OR",
    "NULL": "NULL",
    "NOT": "NOT",
    "LIKE": "LIKE, ILIKE, IN or BETWEEN",
    "DESC": "ASC or DESC",
    "$END": "the end",
}


def _expected(error: UnexpectedToken) -> str:
    return " or ".join(word for kind, word in _WORDS.items() if kind in error.accepts)
