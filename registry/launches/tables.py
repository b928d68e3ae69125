"""The tables of launches: the rules, what was launched, what became of it, and whose a cluster is.

``desired`` is what somebody wants and ``state`` what was seen last; the one is written by requests
and promotions, the other by the worker that has the cluster's lease (``LaunchCluster``). A launch
that has ``ended`` is not written again, whatever is seen later.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..models import Base, RowId


class LaunchRule(Base):
    """When a version of a model whose name matches ``glob`` comes to ``stage``, ``spec`` (JSON) is
    launched for it. A rule that changes is another row; the one before is ``retired``.
    """

    __tablename__ = "launch_rules"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    glob: Mapped[str] = mapped_column(String(256))
    stage: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(8))
    spec: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    retired: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(
            "launch_rules_in_force",
            "glob",
            "stage",
            "purpose",
            unique=True,
            sqlite_where=text("retired IS NULL"),
            postgresql_where=text("retired IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


class LaunchRow(Base):
    """``name`` is that of the model, or what the launch is called where it is of none; ``model`` is
    NULL then, and when the model was deleted.

    ``spec`` (JSON) is what was asked. The worker makes a plan of it: ``cluster``, ``namespace``,
    ``object_name``, ``objects`` (JSON: apiVersion, kind and name of each, the main one last),
    ``rates`` (JSON: what an hour costs), ``queue`` and ``deadline`` (seconds). ``attempt`` counts
    the objects it has had, ``tries`` the calls in vain for this one, ``due`` is when the next is
    made. ``uid`` is the main object's: without one it may not be there yet or, once it has ended,
    is cleared away. ``counted`` is up to when pods have been paid for. ``closed``: nothing is left
    to do, the logs (``logs``: JSON, their files; ``log``: the last lines) are kept and the run has
    ended.
    """

    __tablename__ = "launches"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    launch_id: Mapped[str] = mapped_column(String(32), unique=True)
    model: Mapped[int | None] = mapped_column(
        ForeignKey("registered_models.id", ondelete="SET NULL")
    )
    name: Mapped[str] = mapped_column(String(256))
    version: Mapped[int | None] = mapped_column(Integer)
    stage: Mapped[str] = mapped_column(String(64), default="")
    digest: Mapped[str] = mapped_column(String(64), default="")
    rule: Mapped[int | None] = mapped_column(BigInteger)
    run_id: Mapped[str | None] = mapped_column(String(32))
    purpose: Mapped[str] = mapped_column(String(8))
    target: Mapped[str] = mapped_column(String(63))
    spec: Mapped[str] = mapped_column(Text)
    cluster: Mapped[str] = mapped_column(String(253), default="")
    namespace: Mapped[str] = mapped_column(String(63), default="")
    object_name: Mapped[str] = mapped_column(String(63), default="")
    objects: Mapped[str] = mapped_column(Text, default="[]")
    rates: Mapped[str] = mapped_column(Text, default="{}")
    queue: Mapped[str] = mapped_column(String(63), default="")
    deadline: Mapped[int | None] = mapped_column(Integer)
    desired: Mapped[str] = mapped_column(String(4), default="RUN")
    stop_reason: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(9), default="WAITING")
    reason: Mapped[str] = mapped_column(Text, default="")
    message: Mapped[str] = mapped_column(Text, default="")
    diagnosis: Mapped[str] = mapped_column(Text, default="")
    endpoint: Mapped[str] = mapped_column(Text, default="")
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    due: Mapped[int] = mapped_column(BigInteger, default=0)
    uid: Mapped[str | None] = mapped_column(String(64))
    gpu_seconds: Mapped[float] = mapped_column(Double, default=0.0)
    cost: Mapped[float] = mapped_column(Double, default=0.0)
    currency: Mapped[str] = mapped_column(String(8), default="")
    counted: Mapped[int | None] = mapped_column(BigInteger)
    log: Mapped[str] = mapped_column(Text, default="")
    logs: Mapped[str] = mapped_column(Text, default="[]")
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    applied: Mapped[int | None] = mapped_column(BigInteger)
    started: Mapped[int | None] = mapped_column(BigInteger)
    ended: Mapped[int | None] = mapped_column(BigInteger)
    closed: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (
        CheckConstraint("desired IN ('RUN', 'STOP')", name="launches_desired"),
        CheckConstraint(
            "state IN ('WAITING', 'PENDING', 'RUNNING', 'READY', 'SUCCEEDED', 'FAILED', "
            "'STOPPED', 'REPLACED')",
            name="launches_state",
        ),
        Index("launches_by_model", "model", "id"),
        Index("launches_by_run", "run_id"),
        Index(
            "launches_open",
            "cluster",
            "id",
            sqlite_where=text("NOT closed"),
            postgresql_where=text("NOT closed"),
        ),
        {"sqlite_autoincrement": True},  # of two launches the greater number is the newer will
    )


class LaunchEventRow(Base):
    """What happened to a launch. Rows are added, and never changed."""

    __tablename__ = "launch_events"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    launch: Mapped[int] = mapped_column(ForeignKey("launches.id", ondelete="CASCADE"))
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(9))
    reason: Mapped[str] = mapped_column(Text, default="")
    message: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("launch_events_by_launch", "launch", "id"),)


class LaunchCluster(Base):
    """Who looks after a cluster: the lease (as of a webhook's queue), and whether it answers.

    ``failures`` in a row since ``away_since``; before ``retry`` it is not asked again. ``strays``
    counts the objects there of launches that no row knows.
    """

    __tablename__ = "launch_clusters"

    name: Mapped[str] = mapped_column(String(253), primary_key=True)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    holder: Mapped[str] = mapped_column(String(64), default="")
    leased_until: Mapped[int] = mapped_column(BigInteger, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    away_since: Mapped[int | None] = mapped_column(BigInteger)
    retry: Mapped[int] = mapped_column(BigInteger, default=0)
    problem: Mapped[str] = mapped_column(Text, default="")
    strays: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
