"""Tables of what is stored and of the rules over it. Sizes are in bytes, times in ms since 1970."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..logged_models.tables import LoggedModel
from ..models import Base, RowId


class StoredOfRun(Base):
    """What the last count found of a run: files in its folder, and points in the database.

    ``newest_block`` is the id of its newest block: as long as that is the newest, all blocks are
    those that were counted, since ids only rise and a run loses blocks only to newer ones, or all.
    """

    __tablename__ = "stored_of_runs"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    files: Mapped[int] = mapped_column(BigInteger)
    file_bytes: Mapped[int] = mapped_column(BigInteger)
    point_bytes: Mapped[int] = mapped_column(BigInteger)
    newest_block: Mapped[int | None] = mapped_column(BigInteger)


class StoredOfModel(Base):
    """What the last count found of a logged model."""

    __tablename__ = "stored_of_logged_models"

    model: Mapped[int] = mapped_column(
        ForeignKey(LoggedModel.id, ondelete="CASCADE"), primary_key=True
    )
    files: Mapped[int] = mapped_column(BigInteger)
    file_bytes: Mapped[int] = mapped_column(BigInteger)


class StorageTotal(Base):
    """Sums of the last count. ``kind`` is all, other, experiment (by id) or user (of the run)."""

    __tablename__ = "storage_totals"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(500), primary_key=True)
    files: Mapped[int] = mapped_column(BigInteger)
    file_bytes: Mapped[int] = mapped_column(BigInteger)
    point_bytes: Mapped[int] = mapped_column(BigInteger)
    counted: Mapped[int] = mapped_column(BigInteger)


class Promise(Base):
    """An upload that was let in under a quota, until a count has surely seen it."""

    __tablename__ = "storage_promises"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(500))
    bytes: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("storage_promises_by_name", "kind", "name"),)


class Quota(Base):
    """How much one experiment or user may store; the name ``*`` is for whoever has no own one."""

    __tablename__ = "storage_quotas"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(500), primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("kind IN ('experiment', 'user')", name="storage_quotas_kind"),
    )


class RetentionPolicy(Base):
    """What becomes of old things in the experiments whose name matches ``glob``.

    ``states`` are those of runs it is for, separated by commas.
    """

    __tablename__ = "retention_policies"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    glob: Mapped[str] = mapped_column(String(500))
    what: Mapped[str] = mapped_column(String(16))
    days: Mapped[int] = mapped_column(BigInteger)
    states: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint(
            "what IN ('runs', 'points', 'files', 'models')", name="retention_policies_what"
        ),
    )


class LegalHold(Base):
    """That an experiment or a run stays, whoever wants it gone. ``subject`` is ``run:<id>``, …"""

    __tablename__ = "legal_holds"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)


class Doomed(Base):
    """A folder of the store whose files are to go, ``why`` and since when.

    One that nothing in the database refers to was ``found``: it waits for the grace time. One that
    was ``purged`` with its row, or ``policy`` has taken from its run, goes at once.
    """

    __tablename__ = "doomed_folders"

    place: Mapped[str] = mapped_column(Text, primary_key=True)
    why: Mapped[str] = mapped_column(String(8))
    since: Mapped[int] = mapped_column(BigInteger)
    files: Mapped[int] = mapped_column(BigInteger)
    file_bytes: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("why IN ('found', 'purged', 'policy')", name="doomed_folders_why"),
    )


class FileDigest(Base):
    """What may be at a place of the store: see :mod:`.digests`.

    ``folder`` is that of the run or logged model, empty for what is nobody's.
    """

    __tablename__ = "file_digests"

    place: Mapped[str] = mapped_column(Text, primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    folder: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("file_digests_by_folder", "folder"),)


class Chore(Base):
    """What one worker at a time does, and seldom."""

    __tablename__ = "chores"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    leased_until: Mapped[int] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(BigInteger)
