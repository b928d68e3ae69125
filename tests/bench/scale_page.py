"""The tables of docs/capacity.md, of what :mod:`.scale` found; what stands around them is left.

python -m tests.bench.scale_page [FOLDER]  # of build/scale, or of another run
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "capacity.md"
_KINDS = ("SQLite", "PostgreSQL")
_SIZES = ("1%", "10%", "100%")
_BEGIN, _END = "<!-- measured: make bench-scale -->\n", "<!-- end -->"

Form = Callable[[float], str]


def write(folder: Path) -> None:
    """Put the tables into the page; a database that has not been measured has dashes."""
    found = {
        kind: json.loads(path.read_text())
        for kind in _KINDS
        if (path := folder / f"{kind}.json").exists()
    }
    marked = re.compile(f"(?<={re.escape(_BEGIN)}).*?(?={_END})", re.DOTALL)
    page, times = marked.subn(lambda _: tables(found), PAGE.read_text())
    if times != 1:
        raise SystemExit(f"{PAGE} has no place for the tables: {_BEGIN.strip()} … {_END}")
    PAGE.write_text(page)


def tables(found: dict[str, Any]) -> str:
    lines = [
        f"Measured on {time.strftime('%Y-%m-%d')} on {os.cpu_count()} cores that the server, the "
        f"database, the clients and other work of the machine share, Python "
        f"{platform.python_version()}.\n\n",
        f"| | {' | '.join(f'{kind}, {size}' for kind in _KINDS for size in _SIZES)} |\n",
        f"|---|{'---:|' * len(_KINDS) * len(_SIZES)}\n",
    ]
    for title, name, form in _ROWS:
        cells = [
            form(found[kind][size][name])
            if kind in found and size in found[kind] and name in found[kind][size]
            else "-"
            for kind in _KINDS
            for size in _SIZES
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |\n")
    return "".join(lines)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _few(value: float) -> str:
    return f"{value:,.1f}"


def _millions(value: float) -> str:
    return f"{value / 1e6:,.0f} M"


def _gigabytes(value: float) -> str:
    return f"{value / 1e9:.2f} GB"


def _megabytes(value: float) -> str:
    return f"{value:,.0f} MB"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:,.0f} ms"


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.1f} ms"


_ROWS: tuple[tuple[str, str, Form], ...] = (
    ("runs", "runs", _count),
    ("points", "points", _millions),
    ("database", "bytes", _gigabytes),
    ("**start**, exec to healthy", "start", _seconds),
    ("**memory**, web, at rest", "web memory at rest", _megabytes),
    ("memory, web, after these calls", "web memory after", _megabytes),
    ("memory, worker, at rest", "worker memory at rest", _megabytes),
    ("memory, worker, after", "worker memory after", _megabytes),
    ("**ingest**, batches of 50,000 points, a second", "large a second", _few),
    ("of that, CPU of the server", "large CPU, web", _milliseconds),
    ("of that, CPU of PostgreSQL", "large CPU, database", _milliseconds),
    ("batches of 10 keys x 10 points, a second", "small a second", _count),
    ("of that, CPU of the server", "small CPU, web", _milliseconds),
    ("of that, CPU of PostgreSQL", "small CPU, database", _milliseconds),
    ("MLflow's `log-batch` of 1,000 points, a second", "JSON a second", _count),
    ("of that, CPU of the server", "JSON CPU, web", _milliseconds),
    ("of that, CPU of PostgreSQL", "JSON CPU, database", _milliseconds),
    ("**requests**, `runs/get`, a second", "requests a second", _count),
    ("of that, CPU of the server", "requests CPU, web", _milliseconds),
    ("of that, CPU of PostgreSQL", "requests CPU, database", _milliseconds),
    ("a bare Flask, at that time", "bare requests a second", _count),
    ("syncs of 4 KiB, at that time, a second", "syncs a second", _count),
    ("load of the machine, at that time", "others", _few),
    ("**search**, the newest 100", "search, newest 100", _seconds),
    (
        "search by a metric and a param, by a metric",
        "search, filter and order by a metric",
        _seconds,
    ),
    ("search by a key that few runs have", "search, by a rare key", _seconds),
    ("page of the experiment, all runs in it", "page of runs", _seconds),
    ("page of a run", "page of a run", _seconds),
    ("**chart** of one series of 500", "chart of 500 points", _seconds),
    ("chart of 100 runs", "chart of 100 runs", _seconds),
    ("chart of 1,000,000 points", "chart of 1M points", _seconds),
    ("summaries of a run with 10,000 keys", "metrics of a run with every key", _seconds),
    ("storage page", "storage page", _seconds),
    ("**worker**, compaction with nothing to do", "compact, nothing due", _seconds),
    ("counting what is stored, first", "count, first", _seconds),
    ("counting what is stored, every hour", "count, again", _seconds),
)

if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "scale")
