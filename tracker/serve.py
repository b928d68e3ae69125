"""Gunicorn, started from Python: the same server on a laptop and behind a Service.

The parent only watches; the application is made in each worker process, after the fork, so no
database connection is ever shared. A laptop has one worker, whose threads can queue for SQLite's
one writer; a server has several.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from podium.client.errors import ConfigError

from .config import Config
from .logs import configure_logs
from .slow_clients import Worker

# A hundred runs side by side are 3.7 kB of ids; gunicorn takes no more than this.
_LONGEST_LINE = 8190  # bytes
# A process whose threads all hang can still say that it lives; one that cannot is replaced.
_SILENT_SECONDS = 120
_DRAIN_SECONDS = 20


def serve(
    make_app: Callable[[Config], Flask],
    config: Config,
    *,
    host: str,
    port: int,
    workers: int,
    announce: Callable[[], None] | None = None,
) -> None:
    """Serve until a signal ends it. ``announce`` is called once, when requests are answered."""
    check_port(host, port)
    configure_logs(config.log_level)
    _Gunicorn(
        make_app,
        config,
        {
            "bind": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"],
            "limit_request_line": _LONGEST_LINE,
            "workers": workers,
            "worker_class": Worker,
            "threads": config.threads,
            "timeout": _SILENT_SECONDS,
            "graceful_timeout": _DRAIN_SECONDS,
            "keepalive": 75,
            "worker_tmp_dir": _memory_folder(),
            "accesslog": None,
            "loglevel": "warning",
            "logger_class": "gunicorn.glogging.Logger",
            "proc_name": "podium",
            "control_socket_disable": True,
            "child_exit": lambda _server, worker: _forget(worker.pid),
            "post_worker_init": lambda worker: announce() if announce else None,
        },
    ).run()


@contextmanager
def shared_metrics() -> Iterator[None]:
    """A folder in which several processes count together, for Prometheus to read one sum.

    To be entered before the application is imported: prometheus_client looks for it only then.
    """
    folder = tempfile.mkdtemp(prefix="podium-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield
    finally:
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
        shutil.rmtree(folder, ignore_errors=True)


def _forget(process: int) -> None:
    """What a server process that has ended had in hand is in nobody's."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(process)  # type: ignore[no-untyped-call]


def check_port(host: str, port: int) -> None:
    """Raise :class:`ConfigError` when somebody else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port} cannot be listened on: {error.strerror}. "
                f"Choose another with --port, as in --port {port + 1}."
            ) from None


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def __init__(
        self, make_app: Callable[[Config], Flask], config: Config, options: dict[str, Any]
    ) -> None:
        self._make_app = make_app
        self._config = config
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings and value is not None:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make_app(self._config)


def _memory_folder() -> str | None:
    """Workers prove that they live by touching a file; on a slow disk that can look like death."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
