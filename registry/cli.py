"""The `podium` command. Each layer adds its own subcommands; this one owns the program's name.

What a subcommand needs is imported when it runs, so the command also works where only the client
is installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from podium.client import cli as client
from podium.client.errors import PodiumError
from podium.client.version import __version__
from podium.tracker import cli as tracker

from .backup import cli as backup
from .demo import cli as demo
from .launch import cli as launch
from .launches import cli as launches
from .sweeps import cli as sweeps
from .transfer import cli as transfer


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    made = argparse.ArgumentParser(
        prog="podium", description="Experiment tracking and model registry."
    )
    made.add_argument("--version", action="version", version=f"podium {__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    client.add_commands(commands)
    tracker.add_commands(commands, top="podium.registry.app")
    launches.add_actions(launch.add_commands(commands))
    launches.add_commands(commands)
    sweeps.add_commands(commands)
    transfer.add_commands(commands)
    backup.add_commands(commands)
    demo.add_commands(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed with one line on stderr, 2 the command line was wrong."""
    arguments = parser().parse_args(argv)
    try:
        status = arguments.run(arguments)
    except PodiumError as error:
        print(f"podium: {error.message}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("podium"):
            raise
        print(
            f"podium: `podium {arguments.command}` needs {error.name}, which is not installed. "
            "Type: pip install 'podium[server]'",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main())
