"""What a table shows, as lines for a notebook."""

from __future__ import annotations

from .asked import Asked


def snippet(asked: Asked, experiment_id: str, name: str, server: str) -> str:
    """The same runs, in a notebook: with MLflow's client as a data frame, with ours as objects."""
    view = "" if asked.view == "active" else ", run_view_type=mlflow.entities.ViewType.DELETED_ONLY"
    ours = "" if asked.view == "active" else ", view=client.ViewType.DELETED_ONLY"
    order = [asked.order.clause]
    names = [each.name for each in asked.columns if each.kind != "datasets" and not each.aggregate]
    shown = ["run_id", *(each.removeprefix("attributes.") for each in names)]
    chosen = [each for each in shown if each not in ("run_name", "duration")]
    picked = f"\nruns = runs.reindex(columns={chosen!r})" if asked.columns else ""
    return f"""import mlflow

mlflow.set_tracking_uri({server!r})
runs = mlflow.search_runs(
    experiment_ids=[{experiment_id!r}],
    filter_string={asked.filter!r},
    order_by={order!r}{view},
){picked}

# or, without pandas:
from podium import client

client.configure(tracking_uri={server!r})
runs = client.search_runs({name!r}, {asked.filter!r}, {order!r}, max_results=None{ours})
"""
