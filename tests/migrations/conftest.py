"""Databases of every schema that ever was, with something in each of their tables."""

from __future__ import annotations

import time
from array import array
from typing import Any

import numpy as np
from podium.client import wire
from podium.tracker.audit.chain import GENESIS, content, digest
from podium.tracker.metrics import blocks
from podium.tracker.metrics.columns import Columns
from sqlalchemy import (
    Boolean,
    Connection,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    select,
)

RUN = "a" * 32
LOGGED = "m-" + "b" * 32
_SERIES = wire.Series(
    "loss",
    array("q", range(10)).tobytes(),
    array("q", range(10)).tobytes(),
    array("d", (0.5,) * 10).tobytes(),
)
_BATCH = wire.encode(wire.Batch(b"w" * 16, 1, (_SERIES,)))
_BLOCK = blocks.encode(
    Columns(np.arange(10, dtype="i8"), np.arange(10, dtype="i8"), np.full(10, 0.25))
)
# What a checked or read column must hold; all others take anything of their type.
_VALUES: dict[str, Any] = {
    "lifecycle_stage": "active",
    "run_id": RUN,
    "model_id": LOGGED,
    "key": "loss",
    "last_step": 19,
    "role": 1,
    "kind": "user",
    "glob": "of-nobody",
    "rules": "{}",
    "retention_policies.glob": "x",
    "direction": "output",
    "metric_batches.data": _BATCH,
    "metric_batches.points": 10,
    "metric_blocks.data": _BLOCK,
    "metric_blocks.points": 10,
    "metric_summaries.points": 20,
    "runs.status": "FINISHED",
    "runs.artifact_uri": f"mlflow-artifacts:/1/{RUN}/artifacts",
    "experiments.artifact_location": "mlflow-artifacts:/1",
    "logged_models.status": "READY",
    "logged_models.artifact_uri": f"mlflow-artifacts:/1/models/{LOGGED}/artifacts",
    "model_versions.status": "READY",
    "model_versions.stage": "None",
    "model_versions.version": 1,
    "model_versions.source": f"runs:/{RUN}/model",
    "model_versions.storage_location": f"mlflow-artifacts:/1/{RUN}/artifacts/model",
    "registered_models.last_version": 1,
    "scan": "CLEAN",
    "launches.desired": "STOP",
    "launches.state": "SUCCEEDED",
    "sweeps.desired": "STOP",
    "sweeps.state": "SUCCEEDED",
    "sweep_trials.state": "COMPLETE",
    "webhook_deliveries.state": "PENDING",
    "webhooks.status": "ACTIVE",
    "webhooks.payload": "podium",
    "webhooks.events": "[]",
    "webhooks.from_stages": "[]",
    "webhooks.to_stages": "[]",
    "promotion_requests.status": "WAITING",
    "stage_transitions.kind": "MOVED",
    "version_inspections.status": "DONE",
    "storage_quotas.kind": "experiment",
    "retention_policies.what": "runs",
    "doomed_folders.why": "found",
}


def fill(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """A row in each table, and what there is now, by table."""
    there = MetaData()
    there.reflect(connection)
    tables = [each for each in there.sorted_tables if not each.name.endswith("_version")]
    for table in tables:
        if table.name == "audit":
            connection.execute(insert(table), [_audit_row()])
        else:
            connection.execute(insert(table), [_row(connection, table)])
    return rows(connection, [table.name for table in tables])


def rows(connection: Connection, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    there = MetaData()
    there.reflect(connection, only=names)
    return {
        name: [
            dict(row)
            for row in connection.execute(
                select(there.tables[name]).order_by(*there.tables[name].primary_key)
            ).mappings()
        ]
        for name in names
    }


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in table.columns:
        references = [key.column for key in column.foreign_keys]
        if references:
            # The newest: the oldest experiment is one that every database has.
            parent = references[0]
            row[column.name] = connection.scalar(select(parent).order_by(parent.desc()).limit(1))
        elif column.name == "id" and column.primary_key:
            continue  # numbered by the database
        elif (special := _special(table.name, column.name)) is not None:
            row[column.name] = special
        elif isinstance(column.type, Boolean):
            row[column.name] = False
        elif isinstance(column.type, Double):
            row[column.name] = 0.5
        elif isinstance(column.type, Integer):
            row[column.name] = 1
        elif isinstance(column.type, LargeBinary):
            row[column.name] = b"x" * 16
        else:
            row[column.name] = "[]" if column.name in ("findings", "gates") else "x"
    return row


def _special(table: str, column: str) -> Any:
    return _VALUES.get(f"{table}.{column}", _VALUES.get(column))


def _audit_row() -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": 1,
        "at": int(time.time() * 1000),
        "actor": "ada",
        "actor_kind": "user",
        "address": None,
        "request_id": None,
        "action": "experiment.delete",
        "subject": "experiment:1",
        "before": '{"name":"x"}',
        "after": None,
        "reason": None,
        "previous": GENESIS,
    }
    return {**row, "hash": digest(content(row))}
