"""Subcommands for backups: backup, restore."""

from __future__ import annotations

import argparse
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.client.errors import ConfigError

from ..transfer.cli import add_data, installation, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podium.tracker.artifacts.base import ArtifactStore
    from podium.tracker.db import Database

    from .layout import Manifest


def add_commands(commands: Any) -> None:
    """Add to an argparse subparsers action."""
    backup = commands.add_parser(
        "backup",
        help="everything, to be restored",
        description="Back up PODIUM_DATABASE_URL and PODIUM_ARTIFACTS while they are used. What "
        "DEST has from earlier backups is not copied again. Check it with: podium verify DEST",
    )
    backup.add_argument("place", metavar="DEST", help="a folder, or s3://BUCKET/PREFIX")
    backup.add_argument(
        "--keep", type=int, metavar="N", help="then remove all backups there but the N newest"
    )
    add_endpoint(backup)
    add_data(backup)
    backup.set_defaults(run=_backup)
    restore = commands.add_parser(
        "restore",
        help="bring an installation back",
        description="Restore the newest backup of SRC into PODIUM_DATABASE_URL and "
        "PODIUM_ARTIFACTS, which must be empty. If it was interrupted, run it again.",
    )
    restore.add_argument("place", metavar="SRC", help="where `podium backup` wrote")
    restore.add_argument("--backup", metavar="ID", help="an older one, as 20261125T031500Z")
    add_endpoint(restore)
    add_data(restore)
    restore.set_defaults(run=_restore)


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--endpoint", metavar="URL", help="S3 server of that bucket, instead of PODIUM_S3_ENDPOINT"
    )


def open_place(place: str, endpoint: str | None, *, there: bool) -> ArtifactStore:
    """The folder or bucket of backups; ``there`` says that it must exist already."""
    from podium.tracker.artifacts import open_store

    if there and ":/" not in place and not Path(place).is_dir():
        raise ConfigError(f"{place} is no folder. Name the place that `podium backup` wrote to.")
    store = open_store(place, endpoint or os.environ.get("PODIUM_S3_ENDPOINT") or None)
    store.ready()
    return store


def told(manifest: Manifest) -> str:
    rows = sum(part.rows for part in manifest.tables.values())
    runs = manifest.tables["runs"].rows if "runs" in manifest.tables else 0
    return (
        f"{runs:,} runs, {rows:,} rows in {len(manifest.tables)} tables, "
        f"{manifest.files.rows:,} files, {manifest.bytes:,} bytes"
    )


def _backup(arguments: argparse.Namespace) -> None:
    require("pyarrow", "export", "podium backup")
    from ..app import HISTORIES
    from .take import backup

    with installation(arguments.data, migrate=False) as (db, store):
        place = open_place(arguments.place, arguments.endpoint, there=False)
        _refuse_within(place, store, arguments.place)
        taken = backup(db, store, place, HISTORIES, keep=arguments.keep)
    print(f"Backup {taken.manifest.backup_id}: {told(taken.manifest)}.")
    print(f"New in {arguments.place}: {taken.copied:,} files, {taken.copied_bytes:,} bytes.")
    if taken.removed:
        print(f"Removed: {', '.join(taken.removed)}.")


def _refuse_within(place: ArtifactStore, store: ArtifactStore, called: str) -> None:
    """A backup among the artifacts would be backed up the next time, and so on."""
    places = [each.whereabouts() for each in (place, store)]
    if places[0] == places[1] or places[0].startswith(f"{places[1]}/"):
        raise ConfigError(f"{called} is within the artifacts themselves. Name another place.")


def _restore(arguments: argparse.Namespace) -> None:
    require("pyarrow", "export", "podium restore")
    from ..app import HISTORIES
    from .restore import restore

    place = open_place(arguments.place, arguments.endpoint, there=True)
    with _empty_installation(arguments.data) as (db, store):
        done = restore(db, store, place, HISTORIES, backup_id=arguments.backup)
    print(
        f"Restored {done.manifest.backup_id} in {done.seconds:.1f} s: {told(done.manifest)}. "
        f"The audit log is whole up to {done.manifest.audit}."
    )
    if done.manifest.tables["webhooks"].rows:
        print("Secrets of webhooks need the PODIUM_SECRET_KEYS of the original.")


@contextmanager
def _empty_installation(data: Path | None) -> Iterator[tuple[Database, ArtifactStore]]:
    """As ``installation``, but the database needs no tables yet."""
    from podium.tracker.artifacts import open_store
    from podium.tracker.checks import read_config
    from podium.tracker.db import Database

    environ = dict(os.environ)
    if data is not None:
        data = data.absolute()
        data.mkdir(parents=True, exist_ok=True)
        for name in ("PODIUM_DATABASE_URL", "PODIUM_ARTIFACTS"):
            environ.pop(name, None)
    config = read_config(environ, data=data)
    db = Database(config.database_url, pool_size=2)
    try:
        db.ping()
        store = open_store(config.artifacts, config.s3_endpoint)
        store.ready()
        yield db, store
    finally:
        db.close()
