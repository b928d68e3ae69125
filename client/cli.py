"""Subcommands for the machine that trains: sync, doctor."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Add to an argparse subparsers action."""
    sync = commands.add_parser(
        "sync",
        help="send what training scripts could not",
        description="Send what was logged on this machine and did not reach its server.",
    )
    sync.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="the spool (default: PODIUM_SPOOL)"
    )
    sync.add_argument(
        "--any-server",
        action="store_true",
        help="send to PODIUM_TRACKING_URI also what was logged for another server",
    )
    sync.set_defaults(run=_sync)
    doctor = commands.add_parser(
        "doctor",
        help="look for what keeps this machine from logging",
        description="Check the settings, the spool, the server, its clock, the token and storage.",
    )
    doctor.set_defaults(run=_doctor)


def _sync(arguments: argparse.Namespace) -> int:
    from .config import from_environment
    from .errors import ConfigError
    from .sync import sync

    config = from_environment(os.environ)
    if arguments.folder is not None:
        if not arguments.folder.is_dir():
            raise ConfigError(f"{arguments.folder} is no folder. Name the spool to send.")
        config = replace(config, spool=str(arguments.folder.absolute()))
    if arguments.any_server and config.tracking_uri is None:
        raise ConfigError("--any-server sends to PODIUM_TRACKING_URI, which is not set. Set it.")
    done = sync(config, any_server=arguments.any_server, say=lambda text: print(f"podium: {text}"))
    return 0 if done else 1


def _doctor(_arguments: argparse.Namespace) -> int:
    from .doctor import examine

    all_well = True
    for finding in examine(os.environ):
        print(f"{'ok' if finding.well else '!!'}  {finding.subject:<9} {finding.text}")
        all_well = all_well and finding.well
    return 0 if all_well else 1
