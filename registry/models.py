"""The registry's tables: registered models, their versions, and what is said of both.

They hold a run's or a logged model's id as text, never as a foreign key: a version outlives the run
that made it.

A version that is deleted stays as a row, so that its number is not given again; what it said of its
source is taken from it. Deleting a model removes all of it.
"""

from __future__ import annotations

from podium.tracker.auth.roles import MODEL, Guarded
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

# SQLite only numbers rows itself where the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    pass


class RegisteredModel(Guarded, Base):
    """``last_version`` is the number given last. Counting it up locks the row, so that versions
    registered at the same moment get different numbers, and one that was deleted is not reused.
    """

    kind = MODEL
    called = "name"

    __tablename__ = "registered_models"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(256), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    user_id: Mapped[str] = mapped_column(Text, default="")
    creation_time: Mapped[int] = mapped_column(BigInteger)
    last_update_time: Mapped[int] = mapped_column(BigInteger)
    last_version: Mapped[int] = mapped_column(Integer, default=0)


class ModelTag(Base):
    __tablename__ = "registered_model_tags"

    model: Mapped[int] = mapped_column(
        ForeignKey("registered_models.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ModelVersion(Base):
    """``source`` is what was registered, as it was written; ``storage_location`` is where its files
    are. ``digest`` is the SHA-256, in hex, of the manifest of those files.

    Which stages there are is a rule of the service, not of the table: a team may have its own.
    """

    __tablename__ = "model_versions"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    model: Mapped[int] = mapped_column(ForeignKey("registered_models.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    stage: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20))
    status_message: Mapped[str] = mapped_column(Text, default="")
    lifecycle_stage: Mapped[str] = mapped_column(String(8), default="active")
    source: Mapped[str] = mapped_column(Text)
    storage_location: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(32))
    run_link: Mapped[str] = mapped_column(Text, default="")
    model_id: Mapped[str | None] = mapped_column(String(40))
    description: Mapped[str] = mapped_column(Text, default="")
    user_id: Mapped[str] = mapped_column(Text, default="")
    creation_time: Mapped[int] = mapped_column(BigInteger)
    last_update_time: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str | None] = mapped_column(String(64))
    registered: Mapped[RegisteredModel] = relationship(lazy="raise")

    __table_args__ = (
        UniqueConstraint("model", "version", name="model_versions_number"),
        CheckConstraint(
            "lifecycle_stage IN ('active', 'deleted')", name="model_versions_lifecycle"
        ),
        CheckConstraint(
            "status IN ('PENDING_REGISTRATION', 'FAILED_REGISTRATION', 'READY')",
            name="model_versions_status",
        ),
        Index("model_versions_by_stage", "model", "stage", "version"),
        Index("model_versions_by_run", "run_id"),
        Index("model_versions_by_logged_model", "model_id"),
    )


class VersionTag(Base):
    __tablename__ = "model_version_tags"

    version: Mapped[int] = mapped_column(
        ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Alias(Base):
    """A name of one version of a model; setting it again moves it."""

    __tablename__ = "registered_model_aliases"

    model: Mapped[int] = mapped_column(
        ForeignKey("registered_models.id", ondelete="CASCADE"), primary_key=True
    )
    alias: Mapped[str] = mapped_column(String(255), primary_key=True)
    version: Mapped[int] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"))

    __table_args__ = (Index("registered_model_aliases_by_version", "version"),)
