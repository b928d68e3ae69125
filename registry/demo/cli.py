"""Subcommand demo."""

from __future__ import annotations

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add to an argparse subparsers action."""
    demo = commands.add_parser(
        "demo",
        help="fill a server with something to look at",
        description="Make fifty runs, a model with three versions, a promotion that waits for an "
        "approval and a webhook whose deliveries fail, on the server that PODIUM_TRACKING_URI "
        "names, as that of `podium up`. All of it is made up and named demo.",
    )
    demo.set_defaults(run=_demo)


def _demo(_arguments: argparse.Namespace) -> None:
    from podium.client import session

    from .fill import MODEL, experiment_of, fill, has_accounts

    server = session.current().server()
    request = fill(server)
    print(
        f"The runs:       {server.uri}/experiments/{experiment_of(server)}\n"
        f"The model:      {server.uri}/models/{MODEL}\n"
        f"To be approved: {server.uri}/models/{MODEL}/requests/{request}\n"
        f"To be replayed: {server.uri}/webhooks"
    )
    if not has_accounts(server):
        print("A server without accounts has nobody else to approve: override it, with a reason.")
