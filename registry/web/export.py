"""/experiments/<id>/runs.csv and .parquet: all rows of a table, or those ticked, in its columns."""

from __future__ import annotations

import csv
import io
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request, send_file
from podium.client.entities import ViewType
from podium.client.errors import BadRequest, NotSupported
from podium.tracker import experiments
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.runs.table import Row, read_all
from podium.tracker.services import services

from ..transfer.fields import INTEGER, NUMBER, TEXT, Field
from .asked import VIEWS, Asked
from .experiments import search
from .snippet import snippet
from .table import DURATION, ENDED, NAME, STARTED, Column, default_columns, keys_in

export = Blueprint("runs_export", __name__, url_prefix="/experiments/<experiment_id>")

_RUN_ID = Column("attributes", "run_id")
_TIMES = (STARTED, ENDED)
# A spreadsheet takes such a text for a formula, whatever its column is: OWASP, "CSV Injection".
_FORMULA = re.compile(r"[=+\-@\t\r]")
_ROWS_A_PIECE = 500
_RUN = re.compile(r"[0-9a-f]{32}")
MAX_TICKED = 1000  # as many as selection.ts remembers


@export.get("/runs.csv")
@allow(READ)
def as_csv(experiment_id: str) -> Response:
    """Numbers with all their digits, times as ISO 8601, and texts that no spreadsheet computes."""
    return _as_csv(experiment_id, _asked(experiment_id))


@export.get("/runs.parquet")
@allow(READ)
def as_parquet(experiment_id: str) -> Response:
    """Numbers and texts as they are; times and durations in milliseconds."""
    return _as_parquet(experiment_id, _asked(experiment_id))


# A thousand ids do not fit into an address, so what is ticked comes as a form.
@export.post("/selection/runs.csv")
@allow(READ)
def ticked_as_csv(experiment_id: str) -> Response:
    return _as_csv(experiment_id, _ticked(experiment_id))


@export.post("/selection/runs.parquet")
@allow(READ)
def ticked_as_parquet(experiment_id: str) -> Response:
    return _as_parquet(experiment_id, _ticked(experiment_id))


@export.post("/selection/runs.py")
@allow(READ)
def ticked_as_lines(experiment_id: str) -> Response:
    """The lines for a notebook that find them."""
    experiment = experiments.get_experiment(services().db, experiment_id)
    server = request.url_root.rstrip("/")
    lines = snippet(_ticked(experiment_id), experiment.experiment_id, experiment.name, server)
    return _file(Response(lines, mimetype="text/x-python"), f"runs-{experiment_id}.py")


def _as_csv(experiment_id: str, asked: Asked) -> Response:
    columns, rows = _table(experiment_id, asked)
    answer = Response(_csv(columns, rows), mimetype="text/csv")
    return _file(answer, f"runs-{experiment_id}.csv")


def _file(answer: Response, name: str) -> Response:
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _as_parquet(experiment_id: str, asked: Asked) -> Response:
    try:
        from ..transfer.parquet import HashedFile, Writer
    except ModuleNotFoundError as missing:
        raise NotSupported(
            f"Parquet needs {missing.name}, which this server has not. Ask an admin for "
            "pip install 'podium[export]', or take the CSV."
        ) from None
    columns, rows = _table(experiment_id, asked)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.parquet"
        with HashedFile(path) as file:
            writer = Writer(file, [_field(column) for column in columns])
            for row in rows:
                writer.add(tuple(_exact(column, row) for column in columns))
            writer.close()
        # Open, it outlives its name.
        return send_file(
            path.open("rb"),
            mimetype="application/vnd.apache.parquet",
            as_attachment=True,
            download_name=f"runs-{experiment_id}.parquet",
        )


def _asked(experiment_id: str) -> Asked:
    experiment = experiments.get_experiment(services().db, experiment_id)
    return Asked.read(f"/experiments/{experiment.experiment_id}", request.args)


def _ticked(experiment_id: str) -> Asked:
    """The runs of the form, whatever filter hides them, in the table's order and columns."""
    run_ids = request.form.getlist("run")
    if not 1 <= len(run_ids) <= MAX_TICKED or not all(map(_RUN.fullmatch, run_ids)):
        raise BadRequest(f"Tick between 1 and {MAX_TICKED} runs of the table, then export them.")
    quoted = ", ".join(f"'{each}'" for each in run_ids)
    only = f"attributes.run_id IN ({quoted})"
    return replace(_asked(experiment_id), filter=only, page="")


def _table(experiment_id: str, asked: Asked) -> tuple[Sequence[Column], Iterator[Row]]:
    """Wrong addresses are refused here, before anything is sent."""
    first = search(experiment_id, asked)
    columns = asked.columns or default_columns(first.common)
    view: ViewType = VIEWS[asked.view]
    return [_RUN_ID, NAME, *(each for each in columns if each != _RUN_ID)], read_all(
        services().db,
        experiment_id=experiment_id,
        filter=asked.filter,
        view=view,
        order_by=[asked.order.clause],
        keys=keys_in(columns),
    )


def _csv(columns: Sequence[Column], rows: Iterator[Row]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_safe(column.name.removeprefix("attributes.")) for column in columns)
    for number, row in enumerate(rows, 1):
        writer.writerow(_written(column, row) for column in columns)
        if number % _ROWS_A_PIECE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _written(column: Column, row: Row) -> str:
    value = column.value(row)
    if value is None:
        return ""
    if column in _TIMES:
        return _iso(value)
    return str(value) if isinstance(value, int | float) else _safe(str(value))


def _safe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _iso(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(ms)


def _field(column: Column) -> Field:
    kind = TEXT
    if column in (*_TIMES, DURATION):
        kind = INTEGER
    elif column.kind == "metrics":
        kind = NUMBER
    name = column.name.removeprefix("attributes.")
    return Field(name, kind, nullable=True, column=name)


def _exact(column: Column, row: Row) -> Any:
    value = column.value(row)
    return value if value is None or isinstance(value, int | float) else str(value)
