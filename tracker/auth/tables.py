"""Accounts, what they may do, and by which secrets they are known; of those only hashes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..models import Base, RowId

MAX_ID = 2**63 - 1  # greater ones, which an address may hold, are nobody's


class Principal(Base):
    """Whoever can be given a role: a person, a service account, or a group of them.

    ``subject`` is the issuer's name and number of who signs in elsewhere. An id is never reused: it
    stands in other tables' rows without their being asked.
    """

    __tablename__ = "principals"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(128), unique=True)
    role: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    email: Mapped[str] = mapped_column(Text, default="")
    subject: Mapped[str | None] = mapped_column(Text, unique=True)
    password: Mapped[str | None] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("kind IN ('user', 'service', 'group')", name="principals_kind"),
        CheckConstraint("role BETWEEN 0 AND 4", name="principals_role"),
        {"sqlite_autoincrement": True},
    )


class Membership(Base):
    __tablename__ = "memberships"

    member: Mapped[int] = mapped_column(
        ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True
    )
    group: Mapped[int] = mapped_column(
        "in_group", ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True
    )

    __table_args__ = (Index("memberships_by_group", "in_group"),)


class Grant(Base):
    """A role on one thing. ``object`` is the id of the experiment or the registered model."""

    __tablename__ = "grants"

    principal: Mapped[int] = mapped_column(
        ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    object: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    role: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        CheckConstraint("role BETWEEN 1 AND 4", name="grants_role"),
        Index("grants_by_object", "kind", "object"),
    )


class Token(Base):
    """``hint`` is its beginning, by which a person recognises it; ``scopes`` are words."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    principal: Mapped[int] = mapped_column(ForeignKey("principals.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(128))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int | None] = mapped_column(BigInteger)
    last_used: Mapped[int | None] = mapped_column(BigInteger)
    revoked: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("tokens_by_principal", "principal"), {"sqlite_autoincrement": True})


class Login(Base):
    """A browser in which somebody has signed in."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    principal: Mapped[int] = mapped_column(ForeignKey("principals.id", ondelete="CASCADE"))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int] = mapped_column(BigInteger)
    address: Mapped[str] = mapped_column(String(64), default="")
    browser: Mapped[str] = mapped_column(String(256), default="")

    __table_args__ = (
        Index("logins_by_principal", "principal"),
        Index("logins_by_expiry", "expires"),
        {"sqlite_autoincrement": True},
    )


class Invitation(Base):
    """A link that works once: to choose a password; without an account, to be the first admin."""

    __tablename__ = "invitations"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    principal: Mapped[int | None] = mapped_column(ForeignKey("principals.id", ondelete="CASCADE"))
    expires: Mapped[int] = mapped_column(BigInteger)


class SignIn(Base):
    """A browser that has gone to the provider to say who it is, and is not back yet."""

    __tablename__ = "sign_ins"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    onward: Mapped[str] = mapped_column(Text)
    expires: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("sign_ins_by_expiry", "expires"),)
