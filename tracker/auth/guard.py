"""Roles are enforced where rows are read: no query of a service can forget them.

A class that derives from :class:`Guarded` is a kind of thing on which roles are given; every table
with a foreign key to it belongs to one such thing. While somebody's request is answered who has not
the needed role on everything, each statement over these classes is narrowed to what he has it on.
So what he may not see does not exist: a finder finds nothing and a search counts nothing.

Where a route changes things and its caller may see a row but not change it, the statement that
looks for the row raises :class:`PermissionDenied` instead of finding nothing.

The roles given on single things are read from the database in the same statement, so they are never
out of date. Nothing of this costs the system, a local caller or an admin a query.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from podium.client.errors import PermissionDenied
from sqlalchemy import ColumnElement, Connection, Select, delete, event, insert, inspect, select
from sqlalchemy.engine import CursorResult, Result
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, with_loader_criteria

from .caller import Visit, visit
from .roles import Guarded, Kind, Role
from .tables import Grant


@event.listens_for(Session, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> Result[Any] | None:
    if state.is_insert:
        return _insert(state)
    now = visit()
    if now.caller.role is Role.ADMIN or state.is_column_load:
        return None
    narrowed = [kind for kind in _guarded() if now.caller.role < kind.role_for(now.permission)]
    if not narrowed or not (state.is_select or state.is_update or state.is_delete):
        return None
    strict = _criteria(now, narrowed)
    if state.is_select and any(kind.role_for(now.permission) > Role.VIEWER for kind in narrowed):
        return _found_or_forbidden(state, now, narrowed, strict)
    state.statement = state.statement.options(*strict)
    return None


def _found_or_forbidden(
    state: ORMExecuteState, now: Visit, narrowed: list[Kind], strict: list[Any]
) -> Result[Any]:
    found = state.invoke_statement(state.statement.options(*strict)).freeze()
    if not found.data:
        seen = _criteria(now, narrowed, role=Role.VIEWER)
        if state.invoke_statement(state.statement.options(*seen)).first() is not None:
            raise PermissionDenied(
                f"You may look at this, but not change it: ask an admin of it for a role that may "
                f"({now.permission})."
            )
    return found()


def _criteria(now: Visit, kinds: list[Kind], role: Role | None = None) -> list[Any]:
    """For each class of these kinds: the caller has ``role``, or the needed one, on its thing."""
    criteria = []
    for kind in kinds:
        needed = kind.role_for(now.permission) if role is None else role
        if now.caller.role >= needed:
            continue
        for owner, column in _guarded()[kind]:
            criteria.append(
                with_loader_criteria(
                    owner, column.in_(_granted(now, kind, needed)), include_aliases=True
                )
            )
    return criteria


def _granted(now: Visit, kind: Kind, role: Role) -> Select[int]:
    return select(Grant.object).where(
        Grant.principal.in_(now.caller.principals), Grant.kind == kind.name, Grant.role >= role
    )


@cache
def _guarded() -> dict[Kind, list[tuple[type[Any], ColumnElement[int]]]]:
    """By kind its class and those whose rows belong to one of it, each with the thing's id."""
    found: dict[Kind, list[tuple[type[Any], ColumnElement[int]]]] = {}
    for root in Guarded.__subclasses__():
        owner: Mapper[Any] = inspect(root)
        key = owner.local_table.c.id
        below = [
            (mapper.class_, mapper.get_property_by_column(column).class_attribute)
            for mapper in owner.registry.mappers
            for column in mapper.local_table.columns
            if any(foreign.column is key for foreign in column.foreign_keys)
        ]
        found[root.kind] = [(root, owner.attrs.id.class_attribute), *below]
    return found


@event.listens_for(Mapper, "after_configured")
def _look_again() -> None:
    _guarded.cache_clear()


@event.listens_for(Guarded, "before_insert", propagate=True)
def _before_insert(_mapper: Mapper[Any], _connection: Connection, made: Guarded) -> None:
    _may_create(type(made))


@event.listens_for(Guarded, "after_insert", propagate=True)
def _after_insert(_mapper: Mapper[Any], connection: Connection, made: Any) -> None:
    _give_to_maker(connection, made)


def _insert(state: ORMExecuteState) -> Result[Any] | None:
    """An INSERT written as a statement; it has to return what it made, to be given to its maker."""
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, Guarded):
        return None
    _may_create(mapper.class_)
    result = state.invoke_statement()
    if isinstance(result, CursorResult):  # what is returned as objects is of another class
        raise RuntimeError(f"INSERT of a {mapper.class_.__name__} without RETURNING it")
    found = result.freeze()
    for made in found().scalars():
        _give_to_maker(state.session.connection(), made)
    return found()


def _may_create(made: type[Guarded]) -> None:
    if not visit().caller.role.may_create:
        raise PermissionDenied(
            f"You may look at everything, but not make a new {made.kind.name}: ask an admin."
        )


def _give_to_maker(connection: Connection, made: Any) -> None:
    """Whoever made it is its admin; what was given on a former bearer of its id is over."""
    now = visit()
    kind, key = made.kind.name, made.id
    connection.execute(delete(Grant).where(Grant.kind == kind, Grant.object == key))
    if now.caller.id is not None:
        connection.execute(
            insert(Grant).values(
                principal=now.caller.id, kind=kind, object=key, role=int(Role.ADMIN)
            )
        )
