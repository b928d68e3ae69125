"""How pages write numbers, times and sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from .markdown import markdown

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_WEEK = 7 * 86_400
_EXACT = "%Y-%m-%d %H:%M:%S UTC"
NOTHING = "\N{EN DASH}"


def number(value: float | None) -> str:
    """Five significant digits: more than an eye compares in a table."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e7):
        text = f"{value:.4e}"
        digits, _, exponent = text.partition("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.5g}" if size < 1e5 else f"{value:,.0f}"


def count(value: int) -> str:
    return f"{value:,}"


def moment(ms: int | None) -> Markup:
    """How long ago, with the exact time (UTC) in the title."""
    if ms is None:
        return Markup("{}").format(NOTHING)
    try:
        exact = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return Markup("{}").format(ms)
    seconds = time.time() - ms / 1000
    written, title = exact.isoformat(timespec="milliseconds"), exact.strftime(_EXACT)
    if 0 <= seconds < _WEEK:
        text = f"{_span(seconds, parts=1)} ago" if seconds >= 5 else "just now"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(written, title, text)
    # The script writes it in the reader's zone.
    text = exact.strftime("%Y-%m-%d %H:%M")
    return Markup('<time datetime="{}" title="{}" data-day>{}</time>').format(written, title, text)


def duration(start: int, end: int | None) -> str:
    """From ``start`` to ``end`` or now, both in milliseconds."""
    seconds = (end if end is not None else time.time() * 1000) / 1000 - start / 1000
    if seconds < 0:
        return NOTHING
    return f"{seconds:.1f} s" if seconds < 10 else _span(seconds, parts=2)


def size(value: int | None) -> str:
    if value is None:
        return ""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def short_id(run_id: str) -> str:
    return run_id[:8]


def _span(seconds: float, *, parts: int) -> str:
    left, words = int(seconds), list[str]()
    for unit, name in _UNITS:
        if left >= unit and len(words) < parts:
            words.append(f"{left // unit} {name}")
            left %= unit
        elif words:
            break
    return " ".join(words) or "0 s"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "count": count,
    "moment": moment,
    "duration": duration,
    "size": size,
    "short_id": short_id,
    "markdown": markdown,
}
