"""Logged models: what a training has made, kept apart from the run that made it.

Each function is one transaction. A deleted model is found by those who ask for deleted ones only;
it can still be written, since a training may go on to log what it measures of it.
"""

from .lifecycle import create_model, delete_model, finalize_model
from .log import append_metrics, delete_tag, log_params, set_tags
from .read import OnDataset, OrderTerm, find_model, find_models, get_model, search_models

__all__ = [
    "OnDataset",
    "OrderTerm",
    "append_metrics",
    "create_model",
    "delete_model",
    "delete_tag",
    "finalize_model",
    "find_model",
    "find_models",
    "get_model",
    "log_params",
    "search_models",
    "set_tags",
]
