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
from .entities import (
    Experiment,
    Metric,
    ModelVersion,
    RegisteredModel,
    RunSnapshot,
    RunStatus,
    ViewType,
)
from .errors import PodiumError
from .promotion import Promotion, Transition
from .queries import create_experiment, get_experiment, get_run, search_runs
from .registry import (
    delete_alias,
    get_model,
    get_model_version,
    load_model_uri,
    register_model,
    search_model_versions,
    search_models,
    set_alias,
    set_version_tag,
    transition,
)
from .run import Run
from .session import configure
from .stages import (
    approve,
    get_promotion,
    list_promotions,
    promote,
    reject,
    rollback,
    stage_history,
    stage_holders,
    withdraw,
)
from .version import __version__

__all__ = [
    "Experiment",
    "Metric",
    "ModelVersion",
    "PodiumError",
    "Promotion",
    "RegisteredModel",
    "Run",
    "RunSnapshot",
    "RunStatus",
    "Transition",
    "ViewType",
    "__version__",
    "active_run",
    "approve",
    "configure",
    "create_experiment",
    "delete_alias",
    "end_run",
    "entities",
    "errors",
    "flush",
    "get_experiment",
    "get_model",
    "get_model_version",
    "get_promotion",
    "get_run",
    "list_promotions",
    "load_model_uri",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "promote",
    "register_model",
    "reject",
    "rollback",
    "search_model_versions",
    "search_models",
    "search_runs",
    "set_alias",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_version_tag",
    "stage_history",
    "stage_holders",
    "start_run",
    "transition",
    "withdraw",
]
