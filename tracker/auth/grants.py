"""Roles on single experiments and models: who has which, giving them and taking them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podium.client.errors import BadRequest, Conflict, NotFound, PermissionDenied
from podium.client.rules import check_text
from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from .. import audit
from ..db import Database, insert
from .accounts import GROUP, find
from .caller import caller
from .roles import KINDS, Guarded, Kind, Role
from .tables import Grant, Membership, Principal


@dataclass(frozen=True, slots=True)
class GrantInfo:
    """``members`` are those of a group; ``active`` is False for who is switched off."""

    principal: str
    kind: str
    role: Role
    active: bool = True
    members: tuple[str, ...] = ()


def on(db: Database, kind: str, name: str) -> list[GrantInfo]:
    """The roles given on a thing, by the names of those who have them."""
    with db.reading() as session:
        thing = _find(session, _kind(kind), name)
        given = Principal.id == Grant.principal, Grant.kind == kind, Grant.object == thing.id
        return _infos(session, Grant.role, *given)


def everywhere(db: Database) -> list[GrantInfo]:
    """Who may see each thing, whatever is given on it: by his role, or his group's, on all."""
    with db.reading() as session:
        return _infos(session, Principal.role, Principal.role > Role.MEMBER)


def may_share(db: Database, kind: str, name: str) -> bool:
    """Whether the caller is an admin of a thing."""
    if caller().role is Role.ADMIN:
        return True
    with db.reading() as session:
        try:
            thing = _find(session, _kind(kind), name)
        except (NotFound, PermissionDenied):
            return False
        roles = [_role(session, each, kind, thing.id) for each in caller().principals]
        return Role.ADMIN in roles


def give(db: Database, kind: str, name: str, *, principal: str, role: Role) -> None:
    """Give an account or a group this role on a thing, instead of the one it has there if any."""
    if role is Role.MEMBER:
        raise BadRequest(
            "'role' on a single thing is viewer, editor, approver or admin. "
            "To take one back, delete it."
        )
    with db.writing() as session:
        thing = _find(session, _kind(kind), name, change=True)
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
        _keep_an_admin(session, kind, thing.id, before)
        _record(session, "role.give", kind, name, who, before=before, after=role)


def take(db: Database, kind: str, name: str, *, principal: str) -> None:
    """What somebody has on everything or through a group remains."""
    with db.writing() as session:
        thing = _find(session, _kind(kind), name, change=True)
        who = find(session, principal)
        before = _role(session, who.id, kind, thing.id)
        if before is None:
            raise NotFound(f"{who.name} was given no role on {kind} {name[:256]!r}.")
        session.execute(
            delete(Grant).where(
                Grant.principal == who.id, Grant.kind == kind, Grant.object == thing.id
            )
        )
        _keep_an_admin(session, kind, thing.id, before)
        _record(session, "role.take", kind, name, who, before=before, after=None)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise BadRequest(
            f"Invalid value {name[:40]!r} for parameter 'kind' supplied: give one of "
            f"{', '.join(KINDS)}."
        )
    return KINDS[name]


def _find(session: Session, kind: Kind, name: str, *, change: bool = False) -> Any:
    """The thing, if the caller may do with it what his request is for: see ``guard``."""
    missing = NotFound(f"There is no {kind.name} {name[:256]!r}.")
    check_text(name, "name")
    for table in Guarded.__subclasses__():
        if table.kind is not kind:
            continue
        by_id = table.called == "id"
        if by_id and not (name.isascii() and name.isdigit() and len(name) <= 18):
            raise missing
        column = getattr(table, table.called)
        wanted = select(table).where(column == (int(name) if by_id else name))
        if change:  # one change of its roles at a time; what refers to it need not wait
            wanted = wanted.with_for_update(key_share=True)
        found = session.scalar(wanted)
        if found is not None:
            return found
    raise missing


def _infos(
    session: Session, role: InstrumentedAttribute[int], *condition: ColumnElement[bool]
) -> list[GrantInfo]:
    rows = session.execute(
        select(Principal.id, Principal.name, Principal.kind, role, Principal.active)
        .where(*condition)
        .order_by(Principal.name)
    ).all()
    groups = [each.id for each in rows if each.kind == GROUP]
    members: dict[int, list[str]] = {each: [] for each in groups}
    for group, member in session.execute(
        select(Membership.group, Principal.name)
        .join(Principal, Principal.id == Membership.member)
        .where(Membership.group.in_(groups))
        .order_by(Principal.name)
    ):
        members[group].append(member)
    return [
        GrantInfo(name, kind, Role(found), active, tuple(members.get(key, ())))
        for key, name, kind, found, active in rows
    ]


def _keep_an_admin(session: Session, kind: str, key: int, before: Role | None) -> None:
    """The last admin of a thing stays one, unless an admin of everything has it otherwise.

    A group is one as long as somebody is in it.
    """
    if before is not Role.ADMIN or caller().role is Role.ADMIN:
        return
    member = aliased(Principal)
    somebody = (
        select(Membership.member)
        .join(member, member.id == Membership.member)
        .where(Membership.group == Principal.id, member.active)
        .exists()
    )
    admins = (
        select(Principal.id)
        .join(Grant, Grant.principal == Principal.id)
        .where(Grant.kind == kind, Grant.object == key, Grant.role == Role.ADMIN)
        .where(Principal.active, or_(Principal.kind != GROUP, somebody))
    )
    if session.scalar(admins.limit(1)) is None:
        raise Conflict(
            f"This {kind} would have no admin left. Make somebody else its admin first, or ask "
            "an admin of the server."
        )


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
