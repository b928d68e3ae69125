"""The tables of promotion: the rules, what was asked, who agreed, and what became of it.

Whoever changes a model's stages holds the lock on its row, so what is written below is in order:
of two transitions of a model, the one with the greater ``id`` came later.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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


class StageSetRow(Base):
    """The stages of the models whose names match ``glob``; ``stages`` is JSON."""

    __tablename__ = "stage_sets"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    glob: Mapped[str] = mapped_column(String(256), unique=True)
    stages: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)


class PolicyRow(Base):
    """A policy as it was from ``created`` to ``retired``; to change one is to write another.

    So the id is the policy's revision, by which approvals are bound to what was approved.
    """

    __tablename__ = "promotion_policies"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    glob: Mapped[str] = mapped_column(String(256))
    stage: Mapped[str] = mapped_column(String(64))
    rules: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    retired: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(
            "promotion_policies_in_force",
            "glob",
            "stage",
            unique=True,
            sqlite_where=text("retired IS NULL"),
            postgresql_where=text("retired IS NULL"),
        ),
        {"sqlite_autoincrement": True},  # a revision must not come again
    )


class FreezeRow(Base):
    """No promotions of the models that match ``glob``, to ``stage`` or, where that is "", to any.

    It holds until ``until``, if that is given, or until it is ``lifted``.
    """

    __tablename__ = "stage_freezes"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    glob: Mapped[str] = mapped_column(String(256))
    stage: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(Text)
    until: Mapped[int | None] = mapped_column(BigInteger)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    lifted: Mapped[int | None] = mapped_column(BigInteger)
    lifted_by: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        Index(
            "stage_freezes_in_force",
            "id",
            sqlite_where=text("lifted IS NULL"),
            postgresql_where=text("lifted IS NULL"),
        ),
    )


class RequestRow(Base):
    """That somebody wants a version in a stage, and what became of it.

    One that the policy allows is DONE in the transaction that writes it. ``digest``, ``policy`` and
    ``gates`` (JSON) are as of the last time the request was looked at. "" is the digest of files
    that have not been read; policy 0 is none. The worker looks at what waits at ``next_look``; to
    have it look at once see ``waking``.
    """

    __tablename__ = "promotion_requests"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    model: Mapped[int] = mapped_column(ForeignKey("registered_models.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"))
    stage: Mapped[str] = mapped_column(String(64))
    before: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(9))
    requester: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    archive: Mapped[bool | None] = mapped_column(Boolean)
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    policy: Mapped[int] = mapped_column(BigInteger)
    gates: Mapped[str] = mapped_column(Text)
    decided: Mapped[int | None] = mapped_column(BigInteger)
    decided_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    overridden: Mapped[bool] = mapped_column(Boolean, default=False)
    next_look: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))

    __table_args__ = (
        CheckConstraint(
            "status IN ('WAITING', 'DONE', 'REJECTED', 'WITHDRAWN', 'EXPIRED')",
            name="promotion_requests_status",
        ),
        Index(
            "promotion_requests_waiting",
            "version",
            "stage",
            unique=True,
            sqlite_where=text("status = 'WAITING'"),
            postgresql_where=text("status = 'WAITING'"),
        ),
        Index("promotion_requests_by_model", "model", "id"),
        Index(
            "promotion_requests_by_expiry",
            "expires",
            sqlite_where=text("status = 'WAITING'"),
            postgresql_where=text("status = 'WAITING'"),
        ),
        Index(
            "promotion_requests_by_look",
            "next_look",
            sqlite_where=text("status = 'WAITING'"),
            postgresql_where=text("status = 'WAITING'"),
        ),
        {"sqlite_autoincrement": True},  # told to people: none may mean another later
    )


class ApprovalRow(Base):
    """One person's yes to a request, for this content under this policy and no other."""

    __tablename__ = "promotion_approvals"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    request: Mapped[int] = mapped_column(ForeignKey("promotion_requests.id", ondelete="CASCADE"))
    approver: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    policy: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint(
            "request", "approver", "digest", "policy", name="promotion_approvals_once"
        ),
    )


class TransitionRow(Base):
    """A version's way from one stage to another. ``at`` never falls within a model."""

    __tablename__ = "stage_transitions"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    model: Mapped[int] = mapped_column(ForeignKey("registered_models.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"))
    before: Mapped[str] = mapped_column(String(64))
    after: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(11))
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    comment: Mapped[str] = mapped_column(Text)
    request: Mapped[int | None] = mapped_column(
        ForeignKey("promotion_requests.id", ondelete="SET NULL")
    )

    __table_args__ = (
        CheckConstraint(
            "kind IN ('MOVED', 'REPLACED', 'ROLLED_BACK', 'TAKEN_BACK', 'DELETED')",
            name="stage_transitions_kind",
        ),
        Index("stage_transitions_by_model", "model", "id"),
        Index("stage_transitions_by_version", "version"),
        {"sqlite_autoincrement": True},  # the id is the order
    )


class CommentRow(Base):
    """Said of a version or, where ``request`` is given, of a request for it."""

    __tablename__ = "version_comments"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    version: Mapped[int] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"))
    request: Mapped[int | None] = mapped_column(
        ForeignKey("promotion_requests.id", ondelete="CASCADE")
    )
    author: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("version_comments_by_version", "version", "id"),)


class InspectionRow(Base):
    """What was found in a version's files; see ``registry.inspection``.

    ``model`` is JSON: what its MLmodel file says. ``findings`` is JSON: what a scan found.
    """

    __tablename__ = "version_inspections"

    version: Mapped[int] = mapped_column(
        ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    status: Mapped[str] = mapped_column(String(8))
    digest: Mapped[str] = mapped_column(String(64))
    files: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)
    scan: Mapped[str] = mapped_column(String(8))
    findings: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    problem: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    retry: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint(
            "status IN ('RUNNING', 'DONE', 'FAILED')", name="version_inspections_status"
        ),
        CheckConstraint("scan IN ('CLEAN', 'UNSAFE', 'UNKNOWN')", name="version_inspections_scan"),
    )


class FileRow(Base):
    """One line of a version's manifest."""

    __tablename__ = "version_files"

    version: Mapped[int] = mapped_column(
        ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    path: Mapped[str] = mapped_column(String(1024), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
