"""Where an MLflow is: a server, a database or an ``mlruns`` folder; and what may be read there.

Nothing is written to a source. Since mlflow itself writes where it reads (a folder for what is
deleted, a newer schema), it is given a copy of a SQLite file and a folder of links to an mlruns.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from podium.client.errors import BadRequest, Unavailable
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

_COPY = "mlflow.db"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def readable(source: str, folder: Path) -> tuple[str, Path | None]:
    """What mlflow may open without writing to the source; the folder, if it is one."""
    scheme = source.partition(":")[0].partition("+")[0].lower()
    if scheme in ("http", "https"):
        return source.rstrip("/"), None
    if scheme in _DATABASES and "://" in source:
        _require_tables(source)
        if scheme == "sqlite":
            return _copy_of_sqlite(source, folder), None
        return source, None
    root = Path(unquote(urlsplit(source).path) if scheme == "file" else source).expanduser()
    if not root.is_dir():
        raise BadRequest(
            f"{source} is no source to import from. Give the URL of an MLflow server, a database "
            "as in sqlite:////path/mlflow.db or postgresql://…, or an mlruns folder."
        )
    if not any(root.glob("*/meta.yaml")):
        raise BadRequest(
            f"{source} is no mlruns folder: no folder in it has a meta.yaml. Name the folder that "
            "holds the experiments."
        )
    return str(_linked(root.absolute(), folder)), root.absolute()


def _linked(root: Path, folder: Path) -> Path:
    """A folder of links to what is in ``root``, since mlflow adds folders where it reads."""
    linked = folder / "mlruns"
    linked.mkdir()
    for each in root.iterdir():
        (linked / each.name).symlink_to(each, target_is_directory=each.is_dir())
    return linked


def _require_tables(source: str) -> None:
    """Refuse what is no MLflow's: mlflow would make its tables in it."""
    try:
        url = make_url(source)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise BadRequest(
                f"There is no file {url.database}. Write sqlite:////path/mlflow.db with the whole "
                "path, four slashes in all."
            )
        engine = create_engine(url)
        with closing(engine.connect()) as connection:
            found = set(inspect(connection).get_table_names())
        engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise Unavailable(f"{shown_source(source)} cannot be read: {reason}") from None
    if not {"experiments", "runs", "alembic_version"} <= found:
        raise BadRequest(
            f"{shown_source(source)} holds no tables of MLflow. Name another database."
        )


def _copy_of_sqlite(source: str, folder: Path) -> str:
    """One moment of a database that may be in use."""
    copy = folder / _COPY
    with (
        closing(sqlite3.connect(f"file:{make_url(source).database}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(copy)) as new,
    ):
        old.backup(new)
    return f"sqlite:///{copy}"


def upgraded(source: str, folder: Path) -> bool:
    """Bring our copy, if there is one, to the version of the mlflow that is installed."""
    copy = folder / _COPY
    if not copy.exists():
        return False
    done = subprocess.run(  # noqa: S603  (the address is of our own file)
        [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{copy}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadRequest(
            f"{source} cannot be brought to the version of the mlflow that is installed here: "
            f"{reason}. Install the mlflow that wrote it."
        )
    return True


def shown_source(source: str) -> str:
    """For people: without a password."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", source)


def is_local(uri: str) -> bool:
    """Whether this is a path of this machine, or meant to be one."""
    return urlsplit(uri).scheme in ("", "file")


def local_path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
