"""`podium gc`, `podium retention` and `podium storage`: what is stored, and what may go."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from ..db import Database

_HOUR_MS = 3_600_000


def add_commands(commands: Any, *, top: str) -> None:
    _add_storage(commands, top)
    gc = commands.add_parser(
        "gc",
        help="remove what was deleted long ago, and files of nobody",
        description="Say what would go, and which versions lack files; with --delete, remove it: "
        "runs and logged models that were deleted --trash-days ago, and files of none. Those are "
        "written down first, and go when they are still nobody's --grace hours later. Never what "
        "a version needs or a hold keeps.",
    )
    gc.add_argument("--delete", action="store_true", help="do it")
    gc.add_argument(
        "--grace", type=_count, default=24, metavar="HOURS", help="for files of nobody (24)"
    )
    gc.add_argument(
        "--trash-days", type=_count, default=30, metavar="DAYS", help="for what is deleted (30)"
    )
    gc.set_defaults(run=lambda arguments: _gc(arguments, top))
    retention = commands.add_parser(
        "retention",
        help="what retention policies remove",
        description="Say what the policies would remove; with --apply, remove it.",
    )
    retention.add_argument("--apply", action="store_true", help="do it")
    retention.set_defaults(run=lambda arguments: _retention(arguments, top))


def _add_storage(commands: Any, top: str) -> None:
    parser = commands.add_parser("storage", help="the artifact store")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser(
        "init",
        help="create and set up the bucket",
        description="Create the bucket of PODIUM_ARTIFACTS with versioning and lifecycle rules.",
    )
    init.add_argument(
        "--artifacts", metavar="s3://BUCKET/PREFIX", help="instead of PODIUM_ARTIFACTS"
    )
    init.add_argument("--endpoint", metavar="URL", help="instead of PODIUM_S3_ENDPOINT")
    init.set_defaults(run=_init)
    use = actions.add_parser(
        "use",
        help="count what is stored, by experiment and user",
        description="Count files and points now, and print the largest.",
    )
    use.set_defaults(run=lambda arguments: _use(arguments, top))


def _gc(arguments: argparse.Namespace, top: str) -> None:
    from ..storage import gc, trash
    from ..storage.missing import missing
    from ..storage.quotas import told

    with _installation(top) as (db, store):
        if not arguments.delete:
            in_trash = trash.look(db, days=arguments.trash_days)
            lost = gc.orphans(db, store)
            waits = [each for each in gc.waiting(db) if each.why != "found"]
            print(
                f"Would remove {in_trash.runs:,} runs and {in_trash.models:,} logged models, "
                f"{told(in_trash.bytes)}; {in_trash.kept:,} are kept, held or needed."
            )
            print(
                f"Would free {sum(each.files for each in waits):,} files of what is gone, "
                f"{told(sum(each.bytes for each in waits))}."
            )
            print(
                f"Found {len(lost):,} folders of nobody, {sum(each.files for each in lost):,} "
                f"files, {told(sum(each.bytes for each in lost))}."
            )
            for each in sorted(lost, key=lambda folder: -folder.bytes)[:20]:
                print(f"  {each.owner.folder}  {each.files:,} files, {told(each.bytes)}")
            for lack in missing(db, store):
                print(
                    f"{lack.whose} lacks {len(lack.files):,} of its files, as {lack.files[0]}: "
                    "restore them from a backup."
                )
            print("Nothing was changed. To do it: podium gc --delete")
            return
        emptied = trash.empty(db, days=arguments.trash_days)
        new = gc.mark(db, gc.orphans(db, store))
        freed = gc.sweep(db, store, grace=arguments.grace * _HOUR_MS)
    print(
        f"Removed {emptied.runs:,} runs, {emptied.models:,} logged models and "
        f"{emptied.experiments:,} experiments; {emptied.kept:,} are kept, held or needed."
    )
    print(f"Freed {told(freed.bytes)}: {freed.files:,} files in {freed.folders:,} folders.")
    if new:
        print(
            f"{new:,} more folders are of nobody: they go when they still are in "
            f"{arguments.grace} hours."
        )


def _retention(arguments: argparse.Namespace, top: str) -> None:
    from ..storage import retention
    from ..storage.quotas import told

    with _installation(top) as (db, _):
        effects = retention.apply(db) if arguments.apply else retention.look(db)
    if not effects:
        print("There are no retention policies.")
    for each in effects:
        policy = each.policy
        what = "logged models" if policy.what == retention.MODELS else "runs"
        print(
            f"Policy {policy.id}, {policy.what} of {policy.glob!r} after {policy.days} days: "
            f"{each.things:,} {what}, {told(each.bytes)}; {each.kept:,} are kept, held or needed."
        )
    if effects and not arguments.apply:
        print("Nothing was changed. To do it: podium retention --apply")


def _init(arguments: argparse.Namespace) -> None:
    from podium.client.config import refuse_unknown

    from ..artifacts.provision import initialise

    refuse_unknown(os.environ)
    uri = arguments.artifacts or os.environ.get("PODIUM_ARTIFACTS", "")
    endpoint = arguments.endpoint or os.environ.get("PODIUM_S3_ENDPOINT")
    print(initialise(uri, endpoint))


def _use(_arguments: argparse.Namespace, top: str) -> None:
    from ..storage import count
    from ..storage.quotas import told

    with _installation(top) as (db, store):
        count.count(db, store)
        whole = count.total(db, count.ALL, "")
        other = count.total(db, count.OTHER, "")
        print(
            f"{whole.files:,} files, {told(whole.file_bytes)}; points {told(whole.point_bytes)}. "
            f"Of them, files of no run or logged model: {other.files:,}, {told(other.file_bytes)}."
        )
        for kind in (count.EXPERIMENT, count.USER):
            for each in count.totals(db, kind, limit=20):
                sizes = f"{told(each.file_bytes)} in {each.files:,} files"
                print(f"{kind:>10} {each.name or '-':<24} {sizes}, points {told(each.point_bytes)}")


@contextmanager
def _installation(top: str) -> Iterator[tuple[Database, ArtifactStore]]:
    from ..artifacts import open_store
    from ..assembly import assembly
    from ..checks import check_start, read_config
    from ..db import Database

    made = assembly(top)  # what versions need is the upper layer's to say
    config = read_config(os.environ)
    check_start(config, made.HISTORIES, host="127.0.0.1", migrate=False)
    db = Database(config.database_url, pool_size=2)
    try:
        yield db, open_store(config.artifacts, config.s3_endpoint)
    finally:
        db.close()


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number: give 0 or more")
    return int(text)
