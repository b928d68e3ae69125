"""The tables of points, and of their summaries.

A NULL in a summary's value columns means NaN: SQLite has no NaN, PostgreSQL sorts it above
infinity, and neither belongs in a comparison. ±Infinity is stored as itself.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..models import Base, RowId


class MetricSummary(Base):
    """One row a run and key: what tables, searches and sorting read instead of the points.

    ``last_*`` is the greatest (step, timestamp, value), NaN counting as 0, as MLflow orders them.
    ``first_value`` belongs to the smallest (step, timestamp). ``points`` counts points received.
    """

    __tablename__ = "metric_summaries"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    last_value: Mapped[float | None] = mapped_column(Double)
    last_step: Mapped[int] = mapped_column(BigInteger)
    last_timestamp: Mapped[int] = mapped_column(BigInteger)
    first_value: Mapped[float | None] = mapped_column(Double)
    first_step: Mapped[int] = mapped_column(BigInteger)
    first_timestamp: Mapped[int] = mapped_column(BigInteger)
    min_value: Mapped[float | None] = mapped_column(Double)
    max_value: Mapped[float | None] = mapped_column(Double)
    points: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("metric_summaries_by_value", "key", "last_value", "run"),
        Index("metric_summaries_by_min", "key", "min_value", "run"),
        Index("metric_summaries_by_max", "key", "max_value", "run"),
    )


class MetricBatch(Base):
    """Points as they came: the body of one batch in the format of ``podium.client.wire``.

    ``writer`` and ``sequence`` name a batch sent by our own client, so that a resend is not stored
    twice; points that came through MLflow's paths have neither.
    """

    __tablename__ = "metric_batches"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    writer: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("run", "writer", "sequence", name="metric_batches_once"),
        Index("metric_batches_by_run", "run", "id"),
        {"sqlite_autoincrement": True},  # compaction names rows by it: no id may come again
    )


class MetricBlock(Base):
    """Points of one series, in the format of ``tracker.metrics.blocks``; by id in their order."""

    __tablename__ = "metric_blocks"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(250))
    points: Mapped[int] = mapped_column(Integer)
    min_step: Mapped[int] = mapped_column(BigInteger)
    max_step: Mapped[int] = mapped_column(BigInteger)
    min_timestamp: Mapped[int] = mapped_column(BigInteger)
    max_timestamp: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("metric_blocks_by_series", "run", "key", "id"),
        {"sqlite_autoincrement": True},
    )


class MetricWriter(Base):
    """Numbers, ``first`` to ``last``, of batches whose points are in blocks: to know a resend."""

    __tablename__ = "metric_writers"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    writer: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
