"""`podium sweep …`: searches for the best values, a launch a trial."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium.client.sweeps import Sweep, SweepTrial


def add_commands(commands: Any) -> None:
    """Add to an argparse subparsers action."""
    sweep = commands.add_parser("sweep", help="search for the best values, a launch a trial")
    actions = sweep.add_subparsers(dest="action", metavar="ACTION", required=True)
    example = actions.add_parser("example", help="print a full, commented file of a sweep")
    example.add_argument("target", nargs="?", default="job", metavar="TARGET")
    example.set_defaults(run=_example)
    render = actions.add_parser(
        "render",
        help="print the manifests of a sweep's trial, with no server and no cluster",
        description="Print the manifests of a trial with the first values of the parameters. Exit "
        "status 1, with a line for each thing that is wrong, if it cannot be started so.",
    )
    start = actions.add_parser("start", help="begin a sweep; prints its id")
    for each in (render, start):
        each.add_argument(
            "-f", "--file", required=True, metavar="FILE", help="YAML or JSON; - is stdin"
        )
    render.add_argument("--site", type=Path, metavar="FILE", help="the administrator's file")
    render.set_defaults(run=_render)
    start.add_argument("--wait", action="store_true", help="until it has ended")
    start.set_defaults(run=_start)
    listing = actions.add_parser("list", help="list sweeps, the newest first")
    listing.add_argument("--name", metavar="NAME")
    listing.add_argument("--active", action="store_true", help="only those that have not ended")
    listing.add_argument("-n", type=int, default=20, metavar="COUNT")
    listing.set_defaults(run=_list)
    for name, run, about in (
        ("show", _show, "how one stands"),
        ("trials", _trials, "its trials, one a line"),
        ("stop", _stop, "begin no more trials, and stop those under way"),
    ):
        action = actions.add_parser(name, help=about)
        action.add_argument("sweep", metavar="SWEEP_ID")
        action.set_defaults(run=run)


def _example(arguments: argparse.Namespace) -> None:
    from .example import example

    print(example(arguments.target), end="")


def _render(arguments: argparse.Namespace) -> int:
    from ..launch.faults import InvalidLaunch
    from ..launch.files import as_yaml, read_file, text_of
    from ..launch.render import load_site, render
    from ..launch.site import OFFLINE
    from .start import check

    try:
        site = OFFLINE
        if arguments.site:
            site = load_site(read_file(text_of(arguments.site), "site"))
        print(as_yaml(render(check(read_file(text_of(arguments.file)), site)[1])), end="")
    except InvalidLaunch as invalid:
        print(*invalid.faults, sep="\n", file=sys.stderr)
        return 1
    return 0


def _start(arguments: argparse.Namespace) -> int:
    from podium.client import sweeping
    from podium.client.errors import BadRequest

    from ..launch.files import read_file, text_of

    try:
        sweep = sweeping.sweep(read_file(text_of(arguments.file)))
    except BadRequest as refused:  # a line for each thing that is wrong
        print(refused.message, file=sys.stderr)
        return 1
    print(sweep.sweep_id, flush=True)
    if not arguments.wait:
        return 0
    sweep = sweeping.wait_for_sweep(sweep.sweep_id)
    _print(sweep)
    return 0 if sweep.state == "SUCCEEDED" else 1


def _list(arguments: argparse.Namespace) -> None:
    from podium.client import sweeping

    found = sweeping.list_sweeps(
        name=arguments.name,
        active=True if arguments.active else None,
        max_results=arguments.n,
    )
    for each in found:
        how = f"{each.state:<9}  {_counted(each):<24}  {_best(each):<20}"
        print(f"{each.sweep_id}  {how}  {each.name}")


def _show(arguments: argparse.Namespace) -> None:
    from podium.client import sweeping

    _print(sweeping.get_sweep(arguments.sweep))


def _trials(arguments: argparse.Namespace) -> None:
    from podium.client import sweeping

    for each in sweeping.sweep_trials(arguments.sweep):
        value = "" if each.value is None else f"{each.value:.6g}"
        print(f"{each.number:>5}  {each.state:<8}  {value:>12}  {each.run_id}  {_values(each)}")


def _stop(arguments: argparse.Namespace) -> None:
    from podium.client import sweeping

    sweeping.stop_sweep(arguments.sweep)


def _print(sweep: Sweep) -> None:
    best = sweep.best
    said = {
        "sweep": sweep.sweep_id,
        "of": f"{sweep.name} v{sweep.version}" if sweep.version else sweep.name,
        "to": f"{sweep.goal} {sweep.metric}, {sweep.algorithm} with seed {sweep.seed}",
        "on": sweep.target,
        "state": sweep.state,
        "why": sweep.problem or sweep.message,
        "trials": _counted(sweep),
        "best": _best(sweep),
        "its values": _values(best) if best else "",
        "its run": best.run_id if best else "",
        "run": sweep.run_id,
        "begun": f"{sweep.author}, {_when(sweep.created)}",
        "ended": _when(sweep.ended) if sweep.ended else "",
    }
    for name, text in said.items():
        if text:
            print(f"{name:<10} {text}")


def _counted(sweep: Sweep) -> str:
    states = ", ".join(f"{number} {state.lower()}" for state, number in sweep.counts.items())
    return f"{sum(sweep.counts.values())} of {sweep.trials}{': ' + states if states else ''}"


def _best(sweep: Sweep) -> str:
    best = sweep.best
    return f"{sweep.metric} {best.value:.6g} (trial {best.number})" if best else ""


def _values(trial: SweepTrial) -> str:
    return " ".join(f"{name}={value}" for name, value in trial.params.items())


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
