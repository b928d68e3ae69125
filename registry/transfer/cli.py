"""Subcommands to leave and to arrive: export, import, verify."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.client.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podium.tracker.artifacts.base import ArtifactStore
    from podium.tracker.db import Database

    from .manifest import Header


def add_commands(commands: Any) -> None:
    """Add to an argparse subparsers action."""
    export = commands.add_parser(
        "export",
        help="everything, as Parquet and files",
        description="Write everything of PODIUM_DATABASE_URL and PODIUM_ARTIFACTS into a new "
        "folder: Parquet tables, files and a manifest with their checksums.",
    )
    export.add_argument("folder", type=Path, metavar="DIR", help="a folder that is new or empty")
    add_data(export)
    export.set_defaults(run=_export)
    _add_import(commands)
    verify = commands.add_parser(
        "verify",
        help="compare an export or a backup with its checksums",
        description="Read every byte of an export or a backup and compare it with the manifest.",
    )
    verify.add_argument(
        "place",
        metavar="PLACE",
        help="what `podium export` wrote; a folder or s3://BUCKET/PREFIX of backups",
    )
    verify.add_argument("--backup", metavar="ID", help="one of the backups; the newest if left out")
    verify.add_argument(
        "--endpoint", metavar="URL", help="S3 server of that bucket, instead of PODIUM_S3_ENDPOINT"
    )
    verify.set_defaults(run=_verify)


def _add_import(commands: Any) -> None:
    load = commands.add_parser(
        "import",
        usage="podium import DIR [--data DIR]\n"
        "       podium import mlflow SOURCE [--into PREFIX | --skip] [--artifacts PLACE | "
        "--no-files] [--data DIR]",
        help="what `podium export` wrote, or what is in an MLflow",
        description="Load an export, or everything of an MLflow, into PODIUM_DATABASE_URL and "
        "PODIUM_ARTIFACTS. Run it again if it was interrupted: it goes on where it was.",
    )
    load.add_argument(
        "source",
        nargs="+",
        metavar="SOURCE",
        help="what `podium export` wrote; or the word mlflow and the URL of its server, its "
        "database or its mlruns folder",
    )
    names = load.add_mutually_exclusive_group()
    names.add_argument(
        "--into", metavar="PREFIX", default="", help="put this before all names, as in: old-"
    )
    names.add_argument(
        "--skip", action="store_true", help="leave out what has a name that is taken here"
    )
    files = load.add_mutually_exclusive_group()
    files.add_argument(
        "--artifacts",
        metavar="PLACE",
        help="folder or bucket of the MLflow server's --artifacts-destination",
    )
    files.add_argument("--no-files", action="store_true", help="leave artifacts out")
    add_data(load)
    load.set_defaults(run=lambda arguments: _import(arguments, load))


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the folder of a `podium up`, instead of PODIUM_DATABASE_URL and PODIUM_ARTIFACTS",
    )


def _export(arguments: argparse.Namespace) -> None:
    require("pyarrow", "export", "podium export")
    from ..app import HISTORIES
    from .export import export

    if arguments.data is not None and not (arguments.data / "podium.db").is_file():
        raise ConfigError(
            f"--data {arguments.data} holds no podium.db. Name the folder that `podium up` uses."
        )
    with installation(arguments.data, migrate=False) as (db, store):
        header = export(db, store, arguments.folder, HISTORIES)
    print(f"Exported to {arguments.folder}: {_told(header)}.")


def _import(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    source = arguments.source
    if len(source) == 2 and source[0] == "mlflow":
        return _import_mlflow(arguments, source[1])
    if len(source) != 1 or source == ["mlflow"]:
        parser.error("give the folder of an export, or mlflow and its source")
    if arguments.into or arguments.skip or arguments.artifacts or arguments.no_files:
        parser.error("--into, --skip, --artifacts and --no-files are for: podium import mlflow")
    require("pyarrow", "export", "podium import")
    from ..app import HISTORIES
    from .load import load

    folder = Path(source[0])
    with installation(arguments.data, migrate=arguments.data is not None) as (db, store):
        header = load(db, store, folder, HISTORIES)
    print(f"Imported from {folder}: {_told(header)}.")
    return 0


def _import_mlflow(arguments: argparse.Namespace, source: str) -> int:
    """1 when something had to be left out, which is said on stderr."""
    require("mlflow", "mlflow", "podium import mlflow")
    from .arrival import Choice, import_mlflow

    choice = Choice(
        prefix=arguments.into,
        skip=arguments.skip,
        files=not arguments.no_files,
        artifacts=arguments.artifacts,
    )
    with installation(arguments.data, migrate=arguments.data is not None) as (db, store):
        arrived = import_mlflow(db, store, source, choice)
    for note in arrived.notes:
        print(f"podium: {note}", file=sys.stderr)
    if arrived.elsewhere and not arrived.counts["artifacts"]:
        print(
            "podium: no files were found, for this machine does not have their folders, as "
            f"{arrived.elsewhere[0]}. If there are any, import again where they are.",
            file=sys.stderr,
        )
    counted = (
        *("experiments", "runs", "points", "artifacts", "logged models", "registered models"),
        "versions",
    )
    rows = ", ".join(f"{arrived.counts[name]:,} {name}" for name in counted)
    print(f"Imported from {arrived.source.name}: {rows}.")
    return 1 if arrived.notes else 0


def _verify(arguments: argparse.Namespace) -> None:
    require("pyarrow", "export", "podium verify")
    from ..backup import cli as backups
    from ..backup.check import verify as verify_backup
    from ..backup.layout import is_backup
    from .load import verify
    from .manifest import NAME

    folder = Path(arguments.place)
    if (folder / NAME).exists() or not (":/" in arguments.place or folder.is_dir()):
        print(f"{folder} is whole: {_told(verify(folder))}.")
        return
    place = backups.open_place(arguments.place, arguments.endpoint, there=True)
    if not is_backup(place):
        verify(folder)  # says what is lacking
    manifest = verify_backup(place, arguments.backup)
    print(f"Backup {manifest.backup_id} is whole: {backups.told(manifest)}.")


@contextmanager
def installation(data: Path | None, *, migrate: bool) -> Iterator[tuple[Database, ArtifactStore]]:
    """The database and the store that the environment names, or those in the folder ``data``."""
    from podium.tracker.artifacts import open_store
    from podium.tracker.checks import check_start, read_config
    from podium.tracker.db import Database

    from ..app import HISTORIES

    environ = dict(os.environ)
    if data is not None:
        data = data.absolute()
        data.mkdir(parents=True, exist_ok=True)
        for name in ("PODIUM_DATABASE_URL", "PODIUM_ARTIFACTS"):
            environ.pop(name, None)
    # No secret leaves or arrives, and a folder that no server has used yet has no key.
    config = replace(read_config(environ, data=data), secret_keys_file=None)
    check_start(config, HISTORIES, host="127.0.0.1", migrate=migrate)
    db = Database(config.database_url, pool_size=2)
    try:
        yield db, open_store(config.artifacts, config.s3_endpoint)
    finally:
        db.close()


def require(module: str, extra: str, command: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"`{command}` needs {module}, which is not installed. "
            f"Type: pip install 'podium[{extra}]'"
        )


def _told(header: Header) -> str:
    counted = ("experiments", "runs", "points", "artifacts")
    rows = ", ".join(f"{header.rows.get(name, 0):,} {name}" for name in counted)
    return f"{rows}; {header.files:,} files, {header.bytes:,} bytes"
