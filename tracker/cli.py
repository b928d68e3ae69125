"""Subcommands that run the server: up, server, worker.

Those that work on its database and its store are in ``commands``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .commands import audit, database, people, storage

if TYPE_CHECKING:
    from flask import Flask

    from .assembly import Assembly
    from .config import Config

DEFAULT_PORT = 5080


def add_commands(commands: Any, *, top: str) -> None:
    """Add to an argparse subparsers action; ``top`` names the module to run: see ``assembly``."""
    _add_up(commands, top)
    _add_server(commands, top)
    _add_worker(commands, top)
    database.add_commands(commands, top=top)
    storage.add_commands(commands, top=top)
    audit.add_commands(commands, top=top)
    people.add_commands(commands, top=top)


def _add_up(commands: Any, top: str) -> None:
    up = commands.add_parser(
        "up",
        help="everything in one process, on this machine",
        description="Start Podium on this machine: SQLite and a local folder, nothing to set up.",
    )
    _add_bind(up)
    up.add_argument(
        "--data",
        type=Path,
        default=Path("podium-data"),
        metavar="DIR",
        help="folder for the database and the artifacts (default: ./podium-data)",
    )
    up.add_argument("--database", metavar="URL", help="another database, as PODIUM_DATABASE_URL")
    up.add_argument(
        "--artifacts", metavar="URI|DIR", help="another artifact store, as PODIUM_ARTIFACTS"
    )
    up.set_defaults(run=lambda arguments: _up(arguments, top))


def _add_server(commands: Any, top: str) -> None:
    server = commands.add_parser(
        "server",
        help="the production server (gunicorn)",
        description="Serve over PODIUM_DATABASE_URL and PODIUM_ARTIFACTS. Stateless: run many.",
    )
    _add_bind(server)
    server.set_defaults(run=lambda arguments: _server(arguments, top))


def _add_worker(commands: Any, top: str) -> None:
    worker = commands.add_parser(
        "worker",
        help="the production background worker",
        description="Do what no request waits for, over PODIUM_DATABASE_URL and PODIUM_ARTIFACTS.",
    )
    worker.add_argument("--once", action="store_true", help="do every job once, then stop")
    worker.add_argument(
        "--host", default="127.0.0.1", help="address to bind --port at (default: 127.0.0.1)"
    )
    worker.add_argument(
        "--port", type=_port, help="answer /health, /ready and /metrics there (default: nowhere)"
    )
    worker.set_defaults(run=lambda arguments: _worker(arguments, top))


def _add_bind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help=f"port to bind (default: {DEFAULT_PORT})"
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return int(text)


def _up(arguments: argparse.Namespace, top: str) -> None:
    from .assembly import assembly
    from .checks import check_start, read_config
    from .config import KEYS_FILE
    from .keyring import make_key_file
    from .serve import serve

    made = assembly(top)
    data = arguments.data.absolute()
    config = read_config(os.environ, data=data).with_overrides(
        database_url=arguments.database, artifacts=arguments.artifacts
    )
    _make_folder(data)
    if config.secret_keys_file == data / KEYS_FILE:
        make_key_file(data / KEYS_FILE)
    _tell(check_start(config, made.HISTORIES, host=arguments.host, migrate=True))
    serve(
        _with_worker(made),
        config,
        host=arguments.host,
        port=arguments.port,
        workers=1,
        announce=lambda: _announce(arguments.host, arguments.port, data, config),
    )


def _server(arguments: argparse.Namespace, top: str) -> None:
    from .assembly import assembly
    from .serve import serve, shared_metrics

    with shared_metrics():  # before anything that counts is imported
        from .checks import check_start, read_config

        config = read_config(os.environ)
        made = assembly(top)
        _tell(check_start(config, made.HISTORIES, host=arguments.host, migrate=False))
        _tell_first_admin(config, _address(arguments.host, arguments.port))
        serve(
            made.create_app,
            config,
            host=arguments.host,
            port=arguments.port,
            workers=config.workers,
        )


def _worker(arguments: argparse.Namespace, top: str) -> int:
    from .artifacts import open_store
    from .assembly import assembly
    from .checks import check_start, read_config
    from .db import Database
    from .logs import configure_logs
    from .services import Services
    from .state import State
    from .worker import do_once, watched, work_until_signalled
    from .worker_http import answer

    made = assembly(top)
    config = read_config(os.environ)
    _tell(check_start(config, made.HISTORIES, host="127.0.0.1", migrate=False))
    configure_logs(config.log_level)
    db = Database(config.database_url, pool_size=4)
    store = open_store(config.artifacts, config.s3_endpoint)
    jobs = made.jobs(db, store, config)
    try:
        if arguments.once:
            return 0 if do_once(jobs) else 1
        if arguments.port is not None:
            # What the database says the servers tell: here it would be said twice.
            services = Services(db, store, config, State(db, ()), made.HISTORIES)
            answer(services, host=arguments.host, port=arguments.port)
        todo, ended = watched(jobs, db)
        work_until_signalled(todo, ended)
    finally:
        db.close()
    return 0


def _with_worker(made: Assembly) -> Callable[[Config], Flask]:
    """The application with the background jobs in a thread beside it."""

    def make(config: Config) -> Flask:
        from .services import EXTENSION
        from .worker import start_thread, watched

        app = made.create_app(config)
        services = app.extensions[EXTENSION]
        jobs = made.jobs(services.db, services.store, services.config)
        start_thread(*watched(jobs, services.db))
        return app

    return make


def _tell(problem: str | None) -> None:
    if problem is not None:
        print(
            f"podium: {problem} It is started all the same: metrics need no files.",
            file=sys.stderr,
            flush=True,
        )


def _make_folder(data: Path) -> None:
    from podium.client.errors import ConfigError

    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--data {data}: the folder cannot be made: {error.strerror}. Choose another."
        ) from None


def _announce(host: str, port: int, data: Path, config: Config) -> None:
    url = _address(host, port)
    print(
        f"""
  Podium is up at {url}
  Data is kept in {data}

  Log a run:

    from podium import client
    client.configure("{url}")
    client.log_metric("loss", 0.5)
""",
        file=sys.stderr,
        flush=True,
    )
    _tell_first_admin(config, url)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell_first_admin(config: Config, url: str) -> None:
    """A server that asks who people are and knows nobody prints a link for the first one."""
    if not config.auth_required:
        return
    from .auth import invitations
    from .db import Database

    db = Database(config.database_url, pool_size=1)
    try:
        secret = invitations.for_first_admin(db)
    finally:
        db.close()
    if secret is not None:
        print(
            f"  Nobody has an account yet. Become the first admin at\n\n"
            f"    {url}{invitations.link(secret)}\n\n"
            f"  The link works once, within {invitations.HOURS} hours.\n",
            file=sys.stderr,
            flush=True,
        )
