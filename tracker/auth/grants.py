"""Roles on single experiments and models: who has which, giving them and taking them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..db import Database, insert
from .accounts import find
from .roles import KINDS, Guarded, Kind, Role
from .tables import Grant, Principal


@dataclass(frozen=True, slots=True)
class GrantInfo:
    principal: str
    kind: str
    role: Role


def on(db: Database, kind: str, name: str) -> list[GrantInfo]:
    """The roles given on a thing, by the names of those who have them."""
    with db.reading() as session:
        thing = _find(session, _kind(kind), name)
        rows = session.execute(
            select(Principal.name, Principal.kind, Grant.role)
            .join(Grant, Grant.principal == Principal.id)
            .where(Grant.kind == kind, Grant.object == thing.id)
            .order_by(Principal.name)
        )
        return [GrantInfo(who, what, Role(role)) for who, what, role in rows]


def give(db: Database, kind: str, name: str, *, principal: str, role: Role) -> None:
    """Give an account or a group this role on a thing, instead of the one it has there if any."""
    if role is Role.MEMBER:
        raise BadRequest(
            "'role' on a single thing is viewer, editor, approver or admin. "
            "To take one back, delete it."
        )
    with db.writing() as session:
        thing = _find(session, _kind(kind), name)
        who = find(session, principal)
        before = _role(session, who.id, kind, thing.id)
        new = insert(session, Grant).values(
            principal=who.id, kind=kind, object=thing.id, role=int(role)
        )
        session.execute(
            new.on_conflict_do_update(
                index_elements=["principal", "kind", "object"], set_={"role": new.excluded.role}
            )
        )
        _record(session, "role.give", kind, name, who, before=before, after=role)


def take(db: Database, kind: str, name: str, *, principal: str) -> None:
    """What somebody has on everything or through a group remains."""
    with db.writing() as session:
        thing = _find(session, _kind(kind), name)
        who = find(session, principal)
        before = _role(session, who.id, kind, thing.id)
        if before is None:
            raise NotFound(f"{who.name} was given no role on {kind} {name[:256]!r}.")
        session.execute(
            delete(Grant).where(
                Grant.principal == who.id, Grant.kind == kind, Grant.object == thing.id
            )
        )
        _record(session, "role.take", kind, name, who, before=before, after=None)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise BadRequest(
            f"Invalid value {name[:40]!r} for parameter 'kind' supplied: give one of "
            f"{', '.join(KINDS)}."
        )
    return KINDS[name]


def _find(session: Session, kind: Kind, name: str) -> Any:
    """The thing, if the caller may share it: see ``guard``."""
    missing = NotFound(f"There is no {kind.name} {name[:256]!r}.")
    check_text(name, "name")
    for table in Guarded.__subclasses__():
        if table.kind is not kind:
            continue
        by_id = table.called == "id"
        if by_id and not (name.isascii() and name.isdigit() and len(name) <= 18):
            raise missing
        column = getattr(table, table.called)
        found = session.scalar(select(table).where(column == (int(name) if by_id else name)))
        if found is not None:
            return found
    raise missing


def _role(session: Session, principal: int, kind: str, key: int) -> Role | None:
    found = session.scalar(
        select(Grant.role).where(
            Grant.principal == principal, Grant.kind == kind, Grant.object == key
        )
    )
    return None if found is None else Role(found)


def _record(
    session: Session,
    action: str,
    kind: str,
    name: str,
    who: Principal,
    *,
    before: Role | None,
    after: Role | None,
) -> None:
    def state(role: Role | None) -> dict[str, str]:
        return {"principal": who.name, "role": "" if role is None else role.label}

    audit.record(session, action, f"{kind}:{name}", before=state(before), after=state(after))
