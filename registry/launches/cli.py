"""`podium launch start|list|show|stop` and `podium logs`: the half that asks a server."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium.client.launches import DryRun, Launch


def add_actions(actions: Any) -> None:
    """Add to the actions of `podium launch`."""
    start = actions.add_parser(
        "start", help="launch a spec", description="Launch a spec on a cluster of the server's."
    )
    start.add_argument(
        "-f", "--file", required=True, metavar="SPEC", help="YAML or JSON; - is stdin"
    )
    start.add_argument("-t", "--target", metavar="TARGET", help="instead of the spec's target")
    start.add_argument(
        "--dry-run", action="store_true", help="only ask what the cluster would say to it"
    )
    start.add_argument("--wait", action="store_true", help="until it has ended, or serves")
    start.set_defaults(run=_start)
    listing = actions.add_parser("list", help="list launches, the newest first")
    listing.add_argument("--model", metavar="NAME")
    listing.add_argument("--of-run", metavar="RUN_ID")
    listing.add_argument("--active", action="store_true", help="only those that have not ended")
    listing.add_argument("-n", type=int, default=20, metavar="COUNT")
    listing.set_defaults(run=_list)
    preview = actions.add_parser(
        "preview",
        help="what a request for a stage would launch",
        description="What a promotion that waits would launch, and what the cluster says to it.",
    )
    preview.add_argument("model", metavar="MODEL")
    preview.add_argument("request", type=int, metavar="REQUEST")
    preview.set_defaults(run=_preview)
    orphans = actions.add_parser(
        "orphans",
        help="list what clusters have of launches nobody knows",
        description="List the objects of clusters that are of launches the server does not know, "
        "as after an older backup was restored, and launches whose objects are gone. Exit status 1 "
        "if there are any. Among them is what another Podium has launched into the namespaces.",
    )
    orphans.add_argument("--delete", action="store_true", help="and delete those objects")
    orphans.set_defaults(run=_orphans)
    for name, run, about in (("show", _show, "how one stands"), ("stop", _stop, "end one")):
        action = actions.add_parser(name, help=about)
        action.add_argument("launch", metavar="LAUNCH_ID")
        action.set_defaults(run=run)


def add_commands(commands: Any) -> None:
    logs = commands.add_parser("logs", help="the log of a launch")
    logs.add_argument("launch", metavar="LAUNCH_ID")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until it is over")
    logs.add_argument("--pod", default="", help="of several workers, whose")
    logs.set_defaults(run=_logs)


def _start(arguments: argparse.Namespace) -> int:
    from podium.client import launching
    from podium.client.errors import BadRequest

    from ..launch.files import read_file, text_of

    text = text_of(arguments.file)
    more = {"target": arguments.target} if arguments.target else {}
    try:
        spec = {**read_file(text), **more}
        if arguments.dry_run:
            return _told(launching.dry_run(spec))
        launch = launching.launch(spec)
    except BadRequest as refused:  # a line for each thing that is wrong
        print(refused.message, file=sys.stderr)
        return 1
    print(launch.launch_id)
    if not arguments.wait:
        return 0
    launch = launching.wait_for_launch(launch.launch_id)
    _print(launch)
    return 1 if launch.state == "FAILED" else 0


def _told(tried: DryRun) -> int:
    """What would go to the cluster on stdout, what it says to that on stderr."""
    print(tried.manifests, end="")
    if tried.problem:
        print(tried.problem, file=sys.stderr)
    for each in tried.verdicts:
        why = each.refused
        said = f"{why.sentence} {why.fix} {why.said}".strip() if why else "accepted"
        print(f"{each.kind} {each.name}: {said}", file=sys.stderr)
    return 0 if tried.accepted else 1


def _preview(arguments: argparse.Namespace) -> int:
    from podium.client import launching

    found = launching.preview_promotion(arguments.model, arguments.request)
    status = 0
    for each in found.launches:
        by = f"as the rule for {each.rule} says" if each.rule else "following its stage"
        print(f"# {each.purpose} on {each.target} for {each.stage}, {by}")
        status |= _told(each.tried)
    for stopped in found.stops:
        print(f"# stops {stopped.launch_id}: {stopped.purpose} on {stopped.target}, {_of(stopped)}")
    return status


def _list(arguments: argparse.Namespace) -> None:
    from podium.client import launching

    found = launching.list_launches(
        name=arguments.model,
        run_id=arguments.of_run,
        active=True if arguments.active else None,
        max_results=arguments.n,
    )
    for each in found:
        print(
            f"{each.launch_id}  {each.state:<9}  {each.purpose:<8}  {each.target:<10}  {_of(each)}"
        )


def _show(arguments: argparse.Namespace) -> None:
    from podium.client import launching

    _print(launching.get_launch(arguments.launch))


def _stop(arguments: argparse.Namespace) -> None:
    from podium.client import launching

    launching.stop_launch(arguments.launch)


def _orphans(arguments: argparse.Namespace) -> int:
    from podium.client import launching

    found = launching.find_orphans()
    for each in found.launches:
        print(f"{each.launch_id}  {each.state:<9}  has no {each.kind} {each.object_name} any more")
    for said in found.unseen:
        print(f"not looked at: {said}", file=sys.stderr)
    told = found.objects
    if arguments.delete and told:
        told = launching.delete_orphans(each.uid for each in told)
    for one in told:
        where = f"{one.cluster}/{one.namespace}"
        line = f"{one.launch_id}  {one.kind} {one.name} in {where} since {_when(one.created)}"
        print(f"{line}  deleted" if arguments.delete else line)
    return 1 if (found.objects and not arguments.delete) or found.launches else 0


def _logs(arguments: argparse.Namespace) -> None:
    from podium.client import launching

    for line in launching.launch_logs(arguments.launch, follow=arguments.follow, pod=arguments.pod):
        print(line, flush=True)


def _print(launch: Launch) -> None:
    why = launch.diagnosis
    said = {
        "launch": launch.launch_id,
        "of": _of(launch),
        "purpose": f"{launch.purpose} on {launch.target}",
        "state": f"{launch.state} {launch.reason}".strip(),
        "why": f"{why.sentence} {why.fix}" if why else launch.message,
        "where": "/".join(each for each in (launch.cluster, launch.namespace) if each),
        "objects": ", ".join(f"{each.kind} {each.name}" for each in launch.objects),
        "endpoint": launch.endpoint,
        "run": launch.run_id or "",
        "attempt": str(launch.attempt) if launch.attempt > 1 else "",
        "gpu time": f"{launch.gpu_seconds / 3600:.2f} h" if launch.gpu_seconds else "",
        "cost": f"{launch.cost:.2f} {launch.currency}".strip() if launch.cost else "",
        "begun": f"{launch.author}, {_when(launch.created)}",
        "ended": _when(launch.ended) if launch.ended else "",
    }
    for name, text in said.items():
        if text:
            print(f"{name:<9} {text}")


def _of(launch: Launch) -> str:
    version = f" v{launch.version}" if launch.version else ""
    return f"{launch.name}{version}{' for ' + launch.stage if launch.stage else ''}"


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
