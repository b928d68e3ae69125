"""The search language: one grammar for every search, compiled to SQL with bound parameters."""

from __future__ import annotations

from .compile import compile_filter
from .entity import Attribute, Entity, KeyTable, Kind, Member
from .order import Ordering, compile_order
from .pages import search_page
from .parse import parse_filter, parse_order
from .quote import containing, quoted
from .syntax import And, Clause, Comparison, InvalidSearch, Key, Not, Operator, Or, Order, Value

__all__ = [
    "And",
    "Attribute",
    "Clause",
    "Comparison",
    "Entity",
    "InvalidSearch",
    "Key",
    "KeyTable",
    "Kind",
    "Member",
    "Not",
    "Operator",
    "Or",
    "Order",
    "Ordering",
    "Value",
    "compile_filter",
    "compile_order",
    "containing",
    "parse_filter",
    "parse_order",
    "quoted",
    "search_page",
]
