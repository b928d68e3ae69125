"""Metric points: appended as whole batches, summarised as they come, read back by series."""

from .append import append_batch, append_points
from .downsample import downsample
from .history import Columns, history, read_series

__all__ = ["Columns", "append_batch", "append_points", "downsample", "history", "read_series"]
