"""The search language: one grammar for every search, compiled to SQL with bound parameters."""

from __future__ import annotations

from .compile import compile_filter
from .entity import EXPERIMENTS, LOGGED_MODELS, RUNS, Attribute, Entity, KeyTable, Kind, Member
from .order import Ordering, compile_order
from .pages import search_page
from .parse import parse_filter, parse_order
from .syntax import And, Clause, Comparison, InvalidSearch, Key, Not, Operator, Or, Order, Value

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "RUNS",
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
    "parse_filter",
    "parse_order",
    "search_page",
]
