"""What of the database an export holds: one description a table.

A new model needs one here, or a reason why it stays behind: a test compares this list with the
models of both packages. A new column needs nothing, it is found; an export without it, of an older
Podium, is read as if each row had the column's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from podium.tracker.audit.table import AuditRow
from podium.tracker.auth.tables import (
    Grant,
    Invitation,
    Login,
    Membership,
    Principal,
    SignIn,
    Token,
)
from podium.tracker.datasets import Dataset, DatasetInput, DatasetInputTag
from podium.tracker.logged_models.tables import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunModel,
)
from podium.tracker.metrics.tables import MetricBatch, MetricBlock, MetricSummary, MetricWriter
from podium.tracker.models import Experiment, ExperimentTag, Param, Run, Tag
from podium.tracker.saved_views import SavedView
from podium.tracker.storage.tables import (
    Chore,
    Doomed,
    FileDigest,
    LegalHold,
    Promise,
    Quota,
    RetentionPolicy,
    StorageTotal,
    StoredOfModel,
    StoredOfRun,
)
from podium.tracker.turns import JobTurn
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, String, Table
from sqlalchemy.orm import DeclarativeBase

from ..launches.tables import LaunchCluster, LaunchEventRow, LaunchRow, LaunchRule
from ..models import Alias, ModelTag, ModelVersion, RegisteredModel, VersionTag
from ..outbox import OutboxEvent
from ..promotion.tables import (
    ApprovalRow,
    CommentRow,
    FileRow,
    FreezeRow,
    InspectionRow,
    PolicyRow,
    RequestRow,
    StageSetRow,
    TransitionRow,
)
from ..sweeps.tables import SweepRow, SweepTrialRow
from ..webhooks.tables import Attempt, Delivery, Webhook
from .fields import BYTES, FLAG, INTEGER, NUMBER, TEXT, Field, Reference

Model = type[DeclarativeBase]

_KINDS = (
    (Boolean, FLAG),
    (BigInteger, INTEGER),
    (Integer, INTEGER),
    (Double, NUMBER),
    (String, TEXT),
    (LargeBinary, BYTES),
)


@dataclass(frozen=True, slots=True)
class TableOf:
    """How one model is written.

    ``key`` names a row, here and everywhere; ``order`` is how they are sorted, in which ``run.x``
    is a column of the run that the reference leads to. ``omit`` says why a column stays behind.
    """

    model: Model
    key: tuple[str, ...]
    order: tuple[str, ...] = ()
    references: Mapping[str, Reference] = field(default_factory=dict)
    omit: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def table(self) -> Table:
        return table_of(self.model)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(self._field(each) for each in self.table.columns if each.name not in self.omit)

    @property
    def numbered(self) -> bool:
        """Whether rows keep numbers that the database would have given out itself."""
        return any(
            column.identity is not None and column.name not in self.omit
            for column in self.table.columns
        )

    def _field(self, column: Column[Any]) -> Field:
        reference = self.references.get(column.name)
        if reference is not None:
            known_as = table_of(reference.model).columns[reference.known_as]
            return Field(
                reference.name, kind_of(known_as), bool(column.nullable), column.name, reference
            )
        return Field(column.name, kind_of(column), bool(column.nullable), column.name)


def described(model: Model) -> TableOf:
    """How this model is written."""
    return next(each for each in (*TABLES, WRITERS) if each.model is model)


def table_of(model: Model) -> Table:
    return cast(Table, model.__table__)


def kind_of(column: Column[Any]) -> str:
    for sql_type, kind in _KINDS:
        if isinstance(column.type, sql_type):
            return kind
    raise TypeError(f"No column of an export can hold {column}, a {column.type!r}.")


_RUN = Reference("run_id", Run, "id", "run_id")
_MODEL = Reference("model_id", LoggedModel, "id", "model_id")
_BY_RUN = ("run.experiment_id", "run.start_time", "run.run_id")

# In the order in which they are loaded: what others refer to stands before them.
TABLES = (
    TableOf(Experiment, key=("id",)),
    TableOf(ExperimentTag, key=("experiment_id", "key")),
    TableOf(
        Run,
        key=("run_id",),
        order=("experiment_id", "start_time", "run_id"),
        omit={"id": "every database numbers its runs itself; run_id is the name"},
    ),
    TableOf(Param, key=("run_id", "key"), order=(*_BY_RUN, "key"), references={"run": _RUN}),
    TableOf(Tag, key=("run_id", "key"), order=(*_BY_RUN, "key"), references={"run": _RUN}),
    TableOf(Dataset, key=("id",)),
    TableOf(DatasetInput, key=("id",), references={"run": _RUN}),
    TableOf(DatasetInputTag, key=("input", "key")),
    TableOf(
        LoggedModel,
        key=("model_id",),
        order=("experiment_id", "creation_time", "model_id"),
        omit={"id": "every database numbers its models itself; model_id is the name"},
    ),
    TableOf(LoggedModelParam, key=("model_id", "key"), references={"model": _MODEL}),
    TableOf(LoggedModelTag, key=("model_id", "key"), references={"model": _MODEL}),
    TableOf(
        LoggedModelMetric,
        key=(
            *("model_id", "key", "run_id", "dataset_name", "dataset_digest"),
            *("step", "timestamp"),
        ),
        references={"model": _MODEL, "run": _RUN},
        omit={"id": "nothing asks for it"},
    ),
    TableOf(RunModel, key=("id",), references={"run": _RUN, "model": _MODEL}),
    TableOf(RegisteredModel, key=("id",)),
    TableOf(ModelTag, key=("model", "key")),
    TableOf(ModelVersion, key=("id",)),
    TableOf(VersionTag, key=("version", "key")),
    TableOf(Alias, key=("model", "alias")),
    TableOf(
        Principal,
        key=("id",),
        omit={"password": "a secret; whoever had one asks for a link and chooses another"},
    ),
    TableOf(SavedView, key=("id",)),
    TableOf(Membership, key=("member", "in_group")),
    TableOf(Grant, key=("principal", "kind", "object")),
    TableOf(Quota, key=("kind", "name")),
    TableOf(RetentionPolicy, key=("id",)),
    TableOf(LegalHold, key=("subject",)),
    TableOf(StageSetRow, key=("id",)),
    TableOf(PolicyRow, key=("id",)),
    TableOf(FreezeRow, key=("id",)),
    TableOf(RequestRow, key=("id",)),
    TableOf(ApprovalRow, key=("id",)),
    TableOf(TransitionRow, key=("id",)),
    TableOf(CommentRow, key=("id",)),
    TableOf(LaunchRule, key=("id",)),
    TableOf(InspectionRow, key=("version",)),
    TableOf(FileRow, key=("version", "path")),
    TableOf(AuditRow, key=("id",)),
)

# Written by ``points``, since batches that no block holds yet belong in it too.
WRITERS = TableOf(MetricWriter, key=("run_id", "writer", "first"), references={"run": _RUN})

LEFT_BEHIND: Mapping[Model, str] = {
    MetricSummary: "follows from the points",
    MetricBatch: "its points are in points/, its number in metric_writers",
    MetricBlock: "its points are in points/",
    StoredOfRun: "is counted again",
    StoredOfModel: "is counted again",
    StorageTotal: "is counted again",
    Promise: "is counted again",
    Doomed: "the original removes it; what has come along with the files is found again",
    FileDigest: "is written down again as the files come",
    Chore: "of the original's workers",
    Token: "a secret of the original",
    Login: "a secret of the original",
    Invitation: "a secret of the original",
    SignIn: "over in minutes",
    JobTurn: "of the original's workers",
    Webhook: "a copy must not send what the original sends, and secrets stay where their key is",
    OutboxEvent: "the original sends it",
    LaunchRow: "a copy must not steer what the original has launched",
    LaunchEventRow: "the original's log",
    LaunchCluster: "who looks after a cluster now",
    SweepRow: "a copy must not go on with what the original searches; its runs come along",
    SweepTrialRow: "its launch is the original's; its run comes along",
    Delivery: "the original's log",
    Attempt: "the original's log",
}
