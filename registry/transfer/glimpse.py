"""The first rows of a Parquet file of unknown origin, read by a process of its own.

A few bytes of a file can say that gigabytes come of them. So a child reads it that may take so much
memory and time and no more: what kills it is an answer, and the server goes on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from podium.client.errors import BadRequest, NotSupported

_SECONDS = 20
_MEMORY = 256 * 1024 * 1024
_LETTERS = 500


@dataclass(frozen=True, slots=True)
class Glimpse:
    """``columns`` and ``rows`` say how many there are, ``head`` and ``first`` what is shown."""

    columns: int
    rows: int
    head: tuple[str, ...]
    first: tuple[tuple[str, ...], ...]


def glimpse(path: Path, *, rows: int, columns: int) -> Glimpse:
    """:class:`BadRequest` for what cannot be read within the limits; says it to a reader."""
    try:
        there = find_spec("pyarrow") is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        raise NotSupported(
            "To show Parquet this server needs pyarrow, which it has not. Ask an admin for "
            "pip install 'podium[export]', or download the file."
        )
    command = [sys.executable, "-m", __name__, str(path), str(rows), str(columns)]
    # One of each pool: threads take room that the file is to have.
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603  (this module, and a path of ours)
            command, env=os.environ | one, capture_output=True, timeout=_SECONDS, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise BadRequest(
            "Its first rows take more memory or time than a look may, or it is damaged. "
            "Download it to read it."
        ) from None
    said = json.loads(done.stdout)
    if "refused" in said:
        raise BadRequest("This is no Parquet file that can be read.")
    first = tuple(tuple(row) for row in said["first"])
    return Glimpse(said["columns"], said["rows"], tuple(said["head"]), first)


def _main(path: str, rows: str, columns: str) -> None:
    from .parquet import first_rows

    _limit_memory()
    try:
        found, head, first = first_rows(Path(path), rows=int(rows), columns=int(columns))
    except (BadRequest, OSError):  # of a damaged file pyarrow says either
        json.dump({"refused": True}, sys.stdout)
        return
    cells = [[_cell(each) for each in row] for row in first]
    said = {"columns": found[1], "rows": found[0], "head": head, "first": cells}
    json.dump(said, sys.stdout)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return (value.hex() if isinstance(value, bytes) else str(value))[:_LETTERS]


def _limit_memory() -> None:
    """Beyond what is mapped by now; where a system cannot tell, time is the only limit."""
    import resource

    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY, mapped + _MEMORY))


if __name__ == "__main__":
    _main(*sys.argv[1:])
