"""Podium's client: ``from podium import client``, then ``client.log_metric("loss", 0.5)``.

What logs returns at once and raises for mistakes in its arguments only; what reads asks the server.
Importing this starts nothing, opens nothing and reads no setting.
"""

from typing import TYPE_CHECKING

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
from .run import Run
from .session import configure
from .version import __version__

if TYPE_CHECKING:
    from .launches import Launch, LaunchState
    from .launching import (
        get_launch,
        launch,
        launch_logs,
        list_launches,
        stop_launch,
        wait_for_launch,
    )
    from .model_files import download_model
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
    from .sweeping import get_sweep, list_sweeps, stop_sweep, sweep, sweep_trials, wait_for_sweep
    from .sweeps import Sweep, SweepState, SweepTrial, TrialState
else:
    # A training that only logs does not wait for the modules of what it never asks (PEP 562).
    _WHEN_ASKED = {
        "launches": ("Launch", "LaunchState"),
        "launching": (
            "get_launch",
            "launch",
            "launch_logs",
            "list_launches",
            "stop_launch",
            "wait_for_launch",
        ),
        "model_files": ("download_model",),
        "promotion": ("Promotion", "Transition"),
        "queries": ("create_experiment", "get_experiment", "get_run", "search_runs"),
        "registry": (
            "delete_alias",
            "get_model",
            "get_model_version",
            "load_model_uri",
            "register_model",
            "search_model_versions",
            "search_models",
            "set_alias",
            "set_version_tag",
            "transition",
        ),
        "stages": (
            "approve",
            "get_promotion",
            "list_promotions",
            "promote",
            "reject",
            "rollback",
            "stage_history",
            "stage_holders",
            "withdraw",
        ),
        "sweeping": (
            "get_sweep",
            "list_sweeps",
            "stop_sweep",
            "sweep",
            "sweep_trials",
            "wait_for_sweep",
        ),
        "sweeps": ("Sweep", "SweepState", "SweepTrial", "TrialState"),
    }
    _MODULES = {name: module for module, names in _WHEN_ASKED.items() for name in names}

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        globals()[name] = found
        return found


__all__ = [
    "Experiment",
    "Launch",
    "LaunchState",
    "Metric",
    "ModelVersion",
    "PodiumError",
    "Promotion",
    "RegisteredModel",
    "Run",
    "RunSnapshot",
    "RunStatus",
    "Sweep",
    "SweepState",
    "SweepTrial",
    "Transition",
    "TrialState",
    "ViewType",
    "__version__",
    "active_run",
    "approve",
    "configure",
    "create_experiment",
    "delete_alias",
    "download_model",
    "end_run",
    "entities",
    "errors",
    "flush",
    "get_experiment",
    "get_launch",
    "get_model",
    "get_model_version",
    "get_promotion",
    "get_run",
    "get_sweep",
    "launch",
    "launch_logs",
    "list_launches",
    "list_promotions",
    "list_sweeps",
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
    "stop_launch",
    "stop_sweep",
    "sweep",
    "sweep_trials",
    "transition",
    "wait_for_launch",
    "wait_for_sweep",
    "withdraw",
]
