"""`podium launch …`: the offline half of launches, with no server and no cluster."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> Any:
    """Add to an argparse subparsers action; the action of `podium launch`, for more of them."""
    launch = commands.add_parser("launch", help="render a training or a serving for Kubernetes")
    actions = launch.add_subparsers(dest="action", metavar="ACTION", required=True)
    targets = actions.add_parser("targets", help="list the targets")
    targets.set_defaults(run=_targets)
    example = actions.add_parser("example", help="print a full, commented spec of a target")
    example.add_argument("target", metavar="TARGET", help="see `podium launch targets`")
    example.set_defaults(run=_example)
    render = actions.add_parser(
        "render",
        help="print the manifests of a spec",
        description="Print the manifests of a spec as YAML. Exit status 1, with a line for each "
        "thing that is wrong, if it cannot be launched so.",
    )
    render.add_argument("-t", "--target", metavar="TARGET", help="instead of the spec's target")
    render.add_argument(
        "-f", "--file", required=True, metavar="SPEC", help="YAML or JSON; - is the standard input"
    )
    render.add_argument(
        "--site",
        type=Path,
        metavar="FILE",
        help="the administrator's file; else every name is taken",
    )
    render.set_defaults(run=_render)
    rights = actions.add_parser(
        "rbac",
        help="print the rights that launching needs in a cluster",
        description="Print, as YAML, the Role that the server's service account needs in each "
        "namespace it launches to, and its binding.",
    )
    rights.add_argument("-n", "--namespace", required=True, help="where launches go")
    rights.add_argument(
        "--account",
        required=True,
        metavar="[NAMESPACE/]NAME",
        help="the service account of the server, and its namespace if another",
    )
    rights.add_argument(
        "-t",
        "--target",
        action="append",
        metavar="TARGET",
        help="only for this target; may be given again",
    )
    rights.set_defaults(run=_rbac)
    return actions


def _targets(_arguments: argparse.Namespace) -> None:
    from .targets import TARGETS

    width = max(map(len, TARGETS))
    for name, target in TARGETS.items():
        purposes = ", ".join(sorted(target.PURPOSES))
        print(f"{name:<{width}}  {target.SUMMARY} ({purposes})")


def _example(arguments: argparse.Namespace) -> None:
    from .example import example

    print(example(arguments.target), end="")


def _render(arguments: argparse.Namespace) -> int:
    from .faults import InvalidLaunch
    from .files import as_yaml, read_file, text_of
    from .render import load_site, load_spec, render
    from .site import OFFLINE

    try:
        site = OFFLINE
        if arguments.site:
            site = load_site(read_file(text_of(arguments.site), "site"))
        text = text_of(arguments.file)
        spec = load_spec(read_file(text), site=site, target=arguments.target)
        print(as_yaml(render(spec)), end="")
    except InvalidLaunch as invalid:
        for fault in invalid.faults:
            print(fault, file=sys.stderr)
        return 1
    return 0


def _rbac(arguments: argparse.Namespace) -> int:
    from . import rbac
    from .faults import InvalidLaunch
    from .files import as_yaml
    from .render import find_target

    targets = arguments.target or list(rbac.OBJECTS)
    try:
        for name in targets:
            find_target(name)
    except InvalidLaunch as invalid:
        print(*invalid.faults, sep="\n", file=sys.stderr)
        return 1
    of, _, account = arguments.account.rpartition("/")
    made = rbac.manifests(arguments.namespace, account, targets=targets, of=of or None)
    print(as_yaml(made), end="")
    return 0
