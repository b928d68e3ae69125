"""Subcommands for machines that train and serve: sync, doctor, models, serve-model."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .promotion import Promotion


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
    _add_models(commands)
    _add_serving(commands)


def _add_models(commands: Any) -> None:
    models = commands.add_parser(
        "models",
        help="look at registered models, register versions and move them",
        description="Models of the server that PODIUM_TRACKING_URI names.",
    )
    verbs = models.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="all models, or those a filter finds")
    listing.add_argument("filter", nargs="?", default="", help="as in \"name LIKE 'vision-%%'\"")
    listing.set_defaults(run=_list_models)
    show = verbs.add_parser("show", help="the versions of a model")
    show.add_argument("name")
    show.set_defaults(run=_show_model)
    register = verbs.add_parser("register", help="register the next version of a model")
    register.add_argument("name")
    register.add_argument("source", help="runs:/<run_id>/model, models:/<model_id>, …")
    register.add_argument("--description", default="")
    register.set_defaults(run=_register_model)
    alias = verbs.add_parser("alias", help="give a version another name, as in champion")
    alias.add_argument("name")
    alias.add_argument("version")
    alias.add_argument("alias")
    alias.set_defaults(run=_alias_version)
    move = verbs.add_parser("move", help="move a version to a stage, as in Production")
    move.add_argument("name")
    move.add_argument("version")
    move.add_argument("stage")
    move.add_argument(
        "--archive", action="store_true", help="and the versions in it to the archive"
    )
    move.set_defaults(run=_move_version)
    _add_promotion(verbs)


def _add_serving(commands: Any) -> None:
    serve = commands.add_parser(
        "serve-model",
        help="download a version, verify its files and serve it with MLServer",
        description="What the container of a launched serving runs. A file that is not what was "
        "registered refuses to start.",
    )
    serve.add_argument("name")
    serve.add_argument("version")
    serve.add_argument("--folder", type=Path, required=True, metavar="DIR", help="for the files")
    serve.add_argument("--port", type=int, default=8080, help="of the protocol; 8080")
    serve.add_argument("--metrics-port", type=int, default=8082, help="of /metrics; 8082")
    serve.add_argument(
        "--launch", default="", metavar="ID", help="that serves it: the model may be renamed since"
    )
    serve.set_defaults(run=_serve_model)


def _add_promotion(verbs: Any) -> None:
    promote = verbs.add_parser(
        "promote",
        help="ask that a version be in a stage",
        description="Exit status 3 says that the request waits; asking again looks at it anew.",
    )
    for name in ("name", "version", "stage"):
        promote.add_argument(name)
    promote.add_argument("-m", "--comment", default="")
    promote.add_argument("--override", metavar="REASON", help="for admins: do without the policy")
    promote.set_defaults(run=_promote)
    approve = verbs.add_parser("approve", help="agree to a request")
    approve.add_argument("name")
    approve.add_argument("request", type=int)
    approve.add_argument("-m", "--comment", default="")
    approve.set_defaults(run=_approve)
    reject = verbs.add_parser("reject", help="turn a request down")
    reject.add_argument("name")
    reject.add_argument("request", type=int)
    reject.add_argument("reason")
    reject.set_defaults(run=_reject)
    rollback = verbs.add_parser("rollback", help="give a stage back to its previous holder")
    rollback.add_argument("name")
    rollback.add_argument("stage")
    rollback.add_argument("--version", help="the one to take back, so that twice is not two steps")
    rollback.add_argument("-m", "--comment", default="")
    rollback.set_defaults(run=_roll_back)
    history = verbs.add_parser("history", help="what has happened to the stages of a model")
    history.add_argument("name")
    history.add_argument("--version")
    history.set_defaults(run=_history)


def _list_models(arguments: argparse.Namespace) -> int:
    from .registry import search_models

    for model in search_models(arguments.filter, max_results=None):
        held = [f"{each.stage} {each.version}" for each in model.latest_versions]
        print("\t".join((model.name, ", ".join(held) or "no version")))
    return 0


def _show_model(arguments: argparse.Namespace) -> int:
    from .registry import get_model, search_model_versions

    model = get_model(arguments.name)
    if model.description:
        print(model.description)
    named = model.name.replace("'", "''")
    found = search_model_versions(f"name = '{named}'", ["version_number DESC"], max_results=None)
    for each in found:
        said = (f"{each.version}", each.stage, ", ".join(f"@{name}" for name in each.aliases))
        print("\t".join((*said, each.source)))
    return 0


def _register_model(arguments: argparse.Namespace) -> int:
    from .registry import register_model

    made = register_model(arguments.name, arguments.source, description=arguments.description)
    print(f"{made.name} {made.version}: {made.storage_location}")
    return 0


def _alias_version(arguments: argparse.Namespace) -> int:
    from .registry import set_alias

    set_alias(arguments.name, arguments.alias, arguments.version)
    print(f"{arguments.name} {arguments.version} is {arguments.name}@{arguments.alias}")
    return 0


def _move_version(arguments: argparse.Namespace) -> int:
    from .registry import transition

    made = transition(
        arguments.name, arguments.version, arguments.stage, archive_existing=arguments.archive
    )
    print(f"{made.name} {made.version} is in {made.stage}")
    return 0


def _promote(arguments: argparse.Namespace) -> int:
    from .stages import promote

    return _say(
        promote(
            arguments.name,
            arguments.version,
            arguments.stage,
            comment=arguments.comment,
            override=arguments.override,
        )
    )


def _approve(arguments: argparse.Namespace) -> int:
    from .stages import approve

    return _say(approve(arguments.name, arguments.request, comment=arguments.comment))


def _reject(arguments: argparse.Namespace) -> int:
    from .stages import reject

    found = reject(arguments.name, arguments.request, arguments.reason)
    print(f"request {found.id} is {found.status}")
    return 0


def _roll_back(arguments: argparse.Namespace) -> int:
    from .stages import rollback, stage_holders

    rollback(arguments.name, arguments.stage, version=arguments.version, comment=arguments.comment)
    for each in stage_holders(arguments.name, arguments.stage):
        print(f"{each.name} {each.version} is in {each.after}")
    return 0


def _history(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from .stages import stage_history

    for each in stage_history(arguments.name, version=arguments.version, max_results=None):
        when = datetime.fromtimestamp(each.at / 1000, UTC)
        way = f"{each.before} → {each.after or 'deleted'}"
        said = (f"{when:%Y-%m-%d %H:%M:%S}Z", str(each.version), way, each.kind, each.actor)
        print("\t".join((*said, each.comment)))
    return 0


def _serve_model(arguments: argparse.Namespace) -> None:
    from .serving import serve_model

    serve_model(
        arguments.name,
        arguments.version,
        folder=arguments.folder,
        port=arguments.port,
        metrics_port=arguments.metrics_port,
        launch=arguments.launch,
    )


def _say(found: Promotion) -> int:
    """Done, or what it waits for: then the exit status is 3."""
    if found.done:
        left = ", ".join(str(version) for version in found.archived)
        archived = f"; {left} to the archive" if left else ""
        print(f"{found.name} {found.version} is in {found.stage}{archived}")
        return 0
    print(f"request {found.id} waits:")
    for sentence in found.waits_for:
        print(f"  {sentence}")
    return 3


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
