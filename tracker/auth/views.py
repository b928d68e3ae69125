"""/api/v1: people and groups, tokens, logins and roles."""

from __future__ import annotations

from flask import Blueprint

from ..mlflow.render import Json
from ..rest import arguments
from ..schema import Flag, Int64, Items, Schema, Text
from ..services import services
from . import accounts, grants, invitations, logins, tokens
from .accounts import Account
from .caller import caller
from .permissions import ADMIN, READ, SELF, SHARE, allow
from .roles import Role
from .tokens import TokenInfo

routes = Blueprint("identity", __name__, url_prefix="/api/v1")


class NewAccount(Schema):
    name = Text(required=True)
    kind = Text(load_default=accounts.USER)
    role = Text(load_default="member")
    email = Text(load_default="")


class AccountChange(Schema):
    role = Text(load_default=None)
    active = Flag(load_default=None)
    email = Text(load_default=None)


class Members(Schema):
    members = Items(Text(), required=True)


class NewToken(Schema):
    """``days`` until it expires; 0: never."""

    name = Text(required=True)
    scopes = Items(Text(), load_default=list(tokens.DEFAULT_SCOPES))
    days = Int64(load_default=tokens.DEFAULT_DAYS)


class NewPassword(Schema):
    old = Text(load_default="")
    new = Text(required=True)


class Thing(Schema):
    kind = Text(required=True)
    name = Text(required=True)


class RoleOf(Thing):
    principal = Text(required=True)


class NewRole(RoleOf):
    role = Text(required=True)


@routes.get("/me")
@allow(READ)
def me() -> Json:
    """Who this server takes the caller for, and what for his token is."""
    found = caller()
    return {
        "name": found.name,
        "kind": found.kind,
        "role": found.role.label,
        "scopes": sorted(found.scopes),
    }


@routes.get("/users")
@allow(ADMIN)
def list_users() -> Json:
    return {"users": [_account(each) for each in accounts.everybody(services().db)]}


@routes.post("/users")
@allow(ADMIN)
def create_user() -> Json:
    asked = arguments(NewAccount)
    role = Role.parse(asked.pop("role"))
    return {"user": _account(accounts.create(services().db, role=role, **asked))}


@routes.patch("/users/<name>")
@allow(ADMIN)
def update_user(name: str) -> Json:
    asked = arguments(AccountChange)
    role = asked.pop("role")
    made = None if role is None else Role.parse(role)
    return {"user": _account(accounts.update(services().db, name, role=made, **asked))}


@routes.put("/users/<name>/members")
@allow(ADMIN)
def set_members(name: str) -> Json:
    asked = arguments(Members)
    return {"user": _account(accounts.set_members(services().db, name, asked["members"]))}


@routes.post("/users/<name>/invitations")
@allow(ADMIN)
def invite(name: str) -> Json:
    """A link, below the server's address, by which the user chooses a password."""
    return {"link": invitations.link(invitations.for_account(services().db, name))}


@routes.get("/users/<name>/tokens")
@allow(ADMIN)
def list_tokens_of(name: str) -> Json:
    return {"tokens": [_token(each) for each in tokens.of(services().db, name)]}


@routes.post("/users/<name>/tokens")
@allow(ADMIN)
def create_token_of(name: str) -> Json:
    return _new_token(name)


@routes.delete("/users/<name>/tokens/<int:token_id>")
@allow(ADMIN)
def revoke_token_of(name: str, token_id: int) -> Json:
    tokens.revoke(services().db, name, token_id)
    return {}


@routes.get("/tokens")
@allow(SELF)
def list_tokens() -> Json:
    return {"tokens": [_token(each) for each in tokens.of(services().db, accounts.own_name())]}


@routes.post("/tokens")
@allow(SELF)
def create_token() -> Json:
    return _new_token(accounts.own_name())


@routes.delete("/tokens/<int:token_id>")
@allow(SELF)
def revoke_token(token_id: int) -> Json:
    tokens.revoke(services().db, accounts.own_name(), token_id)
    return {}


@routes.get("/sessions")
@allow(SELF)
def list_sessions() -> Json:
    return {
        "sessions": [
            {
                "id": each.id,
                "created": each.created,
                "expires": each.expires,
                "address": each.address,
                "browser": each.browser,
                "current": each.current,
            }
            for each in logins.own(services().db)
        ]
    }


@routes.delete("/sessions")
@allow(SELF)
def end_sessions() -> Json:
    """Sign out everywhere."""
    logins.end(services().db)
    return {}


@routes.delete("/sessions/<int:login_id>")
@allow(SELF)
def end_session(login_id: int) -> Json:
    logins.end(services().db, login_id)
    return {}


@routes.put("/password")
@allow(SELF)
def change_password() -> Json:
    accounts.change_password(services().db, **arguments(NewPassword))
    return {}


@routes.get("/roles")
@allow(SHARE)
def list_roles() -> Json:
    found = grants.on(services().db, **arguments(Thing))
    return {
        "roles": [
            {"principal": each.principal, "kind": each.kind, "role": each.role.label}
            for each in found
        ]
    }


@routes.put("/roles")
@allow(SHARE)
def give_role() -> Json:
    asked = arguments(NewRole)
    grants.give(services().db, role=Role.parse(asked.pop("role")), **asked)
    return {}


@routes.delete("/roles")
@allow(SHARE)
def take_role() -> Json:
    grants.take(services().db, **arguments(RoleOf))
    return {}


def _new_token(owner: str) -> Json:
    asked = arguments(NewToken)
    asked["days"] = asked["days"] or None
    secret, made = tokens.create(services().db, owner, **asked)
    return {"token": secret, **_token(made)}


def _account(found: Account) -> Json:
    return {
        "name": found.name,
        "kind": found.kind,
        "role": found.role.label,
        "active": found.active,
        "email": found.email,
        "created": found.created,
        "has_password": found.has_password,
        "groups": list(found.groups),
        "members": list(found.members),
    }


def _token(found: TokenInfo) -> Json:
    return {
        "id": found.id,
        "owner": found.owner,
        "name": found.name,
        "hint": found.hint,
        "scopes": list(found.scopes),
        "created": found.created,
        "expires": found.expires,
        "last_used": found.last_used,
        "revoked": found.revoked,
    }
