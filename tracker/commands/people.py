"""`podium users` and `podium tokens`: who may use the server on PODIUM_DATABASE_URL."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from .database import add_database, open_database


def add_commands(commands: Any, *, top: str) -> None:
    _add_users(commands, top)
    _add_tokens(commands, top)


def _add_users(commands: Any, top: str) -> None:
    users = commands.add_parser("users", help="people, service accounts and groups")
    actions = users.add_subparsers(dest="action", metavar="ACTION", required=True)
    _action(actions, "list", _list_users, top, "everybody, with role and groups")
    new = _action(actions, "add", _add_user, top, "make an account or a group")
    new.add_argument("name")
    new.add_argument("--kind", default="user", help="user (default), service or group")
    new.add_argument("--email", default="")
    change = _action(actions, "set", _set_user, top, "change a role; switch an account off or on")
    change.add_argument("name")
    for parser, default in ((new, "member"), (change, None)):
        parser.add_argument(
            "--role",
            default=default,
            help="on everything: member (sees only what he made or was given), viewer, editor, "
            "approver or admin",
        )
    state = change.add_mutually_exclusive_group()
    state.add_argument("--off", dest="active", action="store_const", const=False, default=None)
    state.add_argument("--on", dest="active", action="store_const", const=True)
    change.add_argument(
        "--subject",
        metavar="'ISSUER SUB'",
        help="who signs in at the OpenID Connect provider as this comes into the account",
    )
    invite = _action(actions, "invite", _invite, top, "a link to choose a password, for one use")
    invite.add_argument("name")
    members = _action(actions, "members", _set_members, top, "set who is in a group")
    members.add_argument("group")
    members.add_argument("name", nargs="*")


def _add_tokens(commands: Any, top: str) -> None:
    tokens = commands.add_parser("tokens", help="tokens for programs")
    actions = tokens.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = _action(actions, "create", _create_token, top, "print a new token; it is shown once")
    new.add_argument("owner", help="an account")
    new.add_argument("--name", required=True, help="what it is for, as in 'cluster'")
    new.add_argument(
        "--scopes",
        default="read,log,register",
        help="some of read, log, register, approve, admin (default: read,log,register)",
    )
    new.add_argument("--days", type=int, default=365, help="until it expires; 0: never")
    _action(actions, "list", _list_tokens, top, "those of an account").add_argument("owner")
    revoke = _action(actions, "revoke", _revoke_token, top, "end a token")
    revoke.add_argument("owner")
    revoke.add_argument("id", type=int)


def _action(actions: Any, name: str, run: Any, top: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    add_database(parser)

    def with_database(arguments: argparse.Namespace) -> None:
        with open_database(arguments, top) as db:
            run(arguments, db)

    parser.set_defaults(run=with_database)
    return parser


def _list_users(_arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import accounts

    for each in accounts.everybody(db):
        state = "" if each.active else "  (off)"
        belongs = f"  in {', '.join(each.groups)}" if each.groups else ""
        holds = f"  of {', '.join(each.members)}" if each.members else ""
        print(f"{each.name:<32} {each.kind:<8} {each.role.label:<9}{state}{belongs}{holds}")


def _add_user(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import accounts
    from ..auth.roles import Role

    made = accounts.create(
        db,
        name=arguments.name,
        kind=arguments.kind,
        role=Role.parse(arguments.role, "--role"),
        email=arguments.email,
    )
    print(f"{made.name} is a {made.kind}, {made.role.label} on everything.")


def _set_user(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import accounts
    from ..auth.roles import Role

    role = None if arguments.role is None else Role.parse(arguments.role, "--role")
    found = accounts.update(db, arguments.name, role=role, active=arguments.active)
    if arguments.subject is not None:
        accounts.link_subject(db, arguments.name, arguments.subject)
    print(f"{found.name} is {'on' if found.active else 'off'}, {found.role.label} on everything.")


def _invite(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import invitations

    link = invitations.link(invitations.for_account(db, arguments.name))
    print(f"The server's address, then {link}")
    print(f"It works once, within {invitations.HOURS} hours.")


def _set_members(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import accounts

    found = accounts.set_members(db, arguments.group, arguments.name)
    print(f"In {found.name}: {', '.join(found.members) or 'nobody'}.")


def _create_token(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import tokens

    scopes = [each.strip() for each in arguments.scopes.split(",") if each.strip()]
    days = arguments.days or None
    secret, _ = tokens.create(db, arguments.owner, name=arguments.name, scopes=scopes, days=days)
    print(secret)


def _list_tokens(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import tokens

    for each in tokens.of(db, arguments.owner):
        state = "works" if each.works else "revoked" if each.revoked else "expired"
        until = _day(each.expires) if each.expires else "for ever"
        used = f"used {_day(each.last_used)}" if each.last_used else "not used"
        print(
            f"{each.id:<6} {each.hint}…  {state:<8} {until:<10} {used:<16} "
            f"{','.join(each.scopes)}  {each.name}"
        )


def _revoke_token(arguments: argparse.Namespace, db: Any) -> None:
    from ..auth import tokens

    tokens.revoke(db, arguments.owner, arguments.id)
    print(f"Token {arguments.id} of {arguments.owner} works no more.")


def _day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"
