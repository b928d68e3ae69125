"""`podium audit`: verify and export the audit log of PODIUM_DATABASE_URL."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .database import add_database, open_database


def add_commands(commands: Any, *, top: str) -> None:
    audit = commands.add_parser("audit", help="the audit log")
    actions = audit.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="check that no row was changed or removed",
        description="Recompute the chain of hashes; the first bad row is named. Keep the head that "
        "is printed somewhere else: with it, rows cut off the end are missed, too.",
    )
    verify.add_argument("--head", metavar="N:HASH", help="a head that was printed before")
    verify.set_defaults(run=lambda arguments: _verify(arguments, top))
    export = actions.add_parser(
        "export", help="every row as a line of JSON", description="Write JSON Lines, oldest first."
    )
    export.set_defaults(run=lambda arguments: _export(arguments, top))
    for parser in (verify, export):
        add_database(parser)


def _verify(arguments: argparse.Namespace, top: str) -> int:
    from ..audit import Head, verify

    head = Head.parse(arguments.head) if arguments.head else None
    with open_database(arguments, top) as db:
        verdict = verify(db, head=head)
    if verdict.broken is not None:
        print(
            f"podium: row {verdict.broken} of the audit log is wrong: {verdict.reason}. "
            f"The {verdict.head.id} rows before it are as they were written.",
            file=sys.stderr,
        )
        return 1
    print(f"{verdict.head.id} rows, all as they were written. Head: {verdict.head}")
    return 0


def _export(arguments: argparse.Namespace, top: str) -> None:
    from ..audit import export

    with open_database(arguments, top) as db:
        for line in export(db):
            print(line)
