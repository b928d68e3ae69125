"""Runs: creating, describing, ending, deleting, finding them, and logging to them.

Each function is one transaction: it happened entirely or not at all. A run in the ``deleted`` stage
can be read and restored but not written. The run's name is also its tag ``mlflow.runName``: setting
either sets both.
"""

from .bulk import delete_runs, restore_runs, tag_runs
from .heartbeat import Watch, beat, end_the_dead
from .lifecycle import create_run, delete_run, restore_run, update_run
from .lineage import log_inputs, log_outputs, record_model
from .log import delete_tag, log_batch, log_points
from .read import get_run, search_runs

__all__ = [
    "Watch",
    "beat",
    "create_run",
    "delete_run",
    "delete_runs",
    "delete_tag",
    "end_the_dead",
    "get_run",
    "log_batch",
    "log_inputs",
    "log_outputs",
    "log_points",
    "record_model",
    "restore_run",
    "restore_runs",
    "search_runs",
    "tag_runs",
    "update_run",
]
