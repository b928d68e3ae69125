"""Metric points: appended as whole batches, summarised as they come, read back by series."""

from .append import append_batch, append_points
from .columns import ALL, EMPTY, Columns, Window
from .compact import compact, compact_run
from .downsample import Band, band, downsample
from .history import history, read_runs, read_series
from .table import PointTable

__all__ = [
    "ALL",
    "EMPTY",
    "Band",
    "Columns",
    "PointTable",
    "Window",
    "append_batch",
    "append_points",
    "band",
    "compact",
    "compact_run",
    "downsample",
    "history",
    "read_runs",
    "read_series",
]
