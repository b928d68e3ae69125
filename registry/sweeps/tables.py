"""The tables of sweeps: what is searched for, and what was tried.

``desired`` is what somebody wants and ``state`` how it stands; the one is written by requests, the
other, and all of the trials, by the worker that has the sweep's lease.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..models import Base, RowId


class SweepRow(Base):
    """``name`` is that of the model, or what the sweep is called where it is of none; ``model`` is
    NULL then, and when the model was deleted.

    ``spec`` (JSON) is what was asked. ``run_id`` is the run that those of the trials are children
    of, in the experiment ``experiment_id``. ``problem``: why it does not go on now. ``fence``,
    ``holder`` and ``leased_until`` are the lease, as of a cluster.
    """

    __tablename__ = "sweeps"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    sweep_id: Mapped[str] = mapped_column(String(32), unique=True)
    model: Mapped[int | None] = mapped_column(
        ForeignKey("registered_models.id", ondelete="SET NULL")
    )
    name: Mapped[str] = mapped_column(String(256))
    version: Mapped[int | None] = mapped_column(Integer)
    experiment_id: Mapped[str] = mapped_column(String(32))
    run_id: Mapped[str] = mapped_column(String(32))
    target: Mapped[str] = mapped_column(String(63))
    spec: Mapped[str] = mapped_column(Text)
    seed: Mapped[int] = mapped_column(BigInteger)
    desired: Mapped[str] = mapped_column(String(4), default="RUN")
    state: Mapped[str] = mapped_column(String(9), default="RUNNING")
    message: Mapped[str] = mapped_column(Text, default="")
    problem: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[int | None] = mapped_column(BigInteger)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    holder: Mapped[str] = mapped_column(String(64), default="")
    leased_until: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (
        CheckConstraint("desired IN ('RUN', 'STOP')", name="sweeps_desired"),
        CheckConstraint(
            "state IN ('RUNNING', 'SUCCEEDED', 'FAILED', 'STOPPED')", name="sweeps_state"
        ),
        Index("sweeps_by_model", "model", "id"),
        Index("sweeps_by_run", "run_id"),
        Index(
            "sweeps_open",
            "id",
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


class SweepTrialRow(Base):
    """``params`` (JSON) are its values, ``value`` is its objective and ``step`` the last one seen.
    ``curve`` (JSON): the best value by each step, of trials that others are compared with.

    ``run_id`` and ``launch_id`` are chosen with the values, before there are such a run and launch;
    that there is one launch of an id is the promise that there is one of a trial.
    """

    __tablename__ = "sweep_trials"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    sweep: Mapped[int] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    params: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str] = mapped_column(String(32))
    launch_id: Mapped[str] = mapped_column(String(32), unique=True)
    state: Mapped[str] = mapped_column(String(8), default="WAITING")
    value: Mapped[float | None] = mapped_column(Double)
    step: Mapped[int | None] = mapped_column(BigInteger)
    curve: Mapped[str] = mapped_column(Text, default="[]")
    message: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint(
            "state IN ('WAITING', 'RUNNING', 'COMPLETE', 'PRUNED', 'FAILED', 'STOPPED')",
            name="sweep_trials_state",
        ),
        UniqueConstraint("sweep", "number", name="sweep_trials_once"),
        Index("sweep_trials_by_value", "sweep", "state", "value"),
        {"sqlite_autoincrement": True},
    )
