"""Podium's client: ``from podium import client``, then ``client.log_metric("loss", 0.5)``.

What logs returns at once and raises for mistakes in its arguments only; what reads asks the server.
Importing this starts nothing, opens nothing and reads no setting.
"""

from . import entities, errors
from .api import (
    active_run,
    end_run,
    flush,
    log_artifact,
    log_artifacts,
    log_dict,
    log_figure,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    log_text,
    set_experiment,
    set_tag,
    set_tags,
    start_run,
)
from .entities import Experiment, Metric, RunSnapshot, RunStatus, ViewType
from .errors import PodiumError
from .queries import create_experiment, get_experiment, get_run, search_runs
from .run import Run
from .session import configure
from .version import __version__

__all__ = [
    "Experiment",
    "Metric",
    "PodiumError",
    "Run",
    "RunSnapshot",
    "RunStatus",
    "ViewType",
    "__version__",
    "active_run",
    "configure",
    "create_experiment",
    "end_run",
    "entities",
    "errors",
    "flush",
    "get_experiment",
    "get_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "search_runs",
    "set_experiment",
    "set_tag",
    "set_tags",
    "start_run",
]
