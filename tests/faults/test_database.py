"""PostgreSQL crashes, hangs, refuses to write, is full, and is replaced; clients go on."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from podium.registry.app import HISTORIES
from podium.tracker.db import Database
from podium.tracker.schema_history import upgrade

from ..services.postgres import Cluster, postgres_cluster
from ..services.proxy import Proxy, proxy
from .clients import Clients, check, clients
from .conftest import Measured, Process, replica

_ASLEEP_SECONDS = float(os.environ.get("FAULT_AWAY_SECONDS", "8"))
_CLIENTS = 24


class Bench:
    """A server over a PostgreSQL that lies behind a proxy."""

    def __init__(self, cluster: Cluster, network: Proxy, server: Process) -> None:
        self.cluster = cluster
        self.network = network
        self.server = server

    def check(self, work: Clients) -> str:
        told = work.finish()
        db = Database(f"{self.cluster.url_at(self.network.port)}/podium", pool_size=1)
        try:
            found = check(db, told)
        finally:
            db.close()
        return (
            f"{found['acknowledged']} acknowledged, all there once; {found['503']} times 503, "
            f"{found['cut']} connections cut"
        )

    def processes(self) -> list[psutil.Process]:
        """Of the server."""
        assert self.server.process is not None
        first = psutil.Process(self.server.process.pid)
        return [first, *first.children(recursive=True)]

    def ready(self) -> int:
        return _status(f"{self.server.url}/ready")

    def wait_until_ready(self) -> float:
        begun = time.monotonic()
        while self.ready() != 200:
            assert time.monotonic() - begun < 60
            time.sleep(0.1)
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def bench(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from _bench(cluster, tmp_path_factory.mktemp("bench"))


def _bench(cluster: Cluster, folder: Path) -> Iterator[Bench]:
    cluster.execute("CREATE DATABASE podium")
    db = Database(f"{cluster.url}/podium", pool_size=1)
    upgrade(db, HISTORIES)
    db.close()
    with proxy(cluster.port) as network:
        environ = {
            "PODIUM_DATABASE_URL": f"{cluster.url_at(network.port)}/podium",
            "PODIUM_ARTIFACTS": str(folder / "artifacts"),
            "PODIUM_SECRET_KEYS": "",
        }
        with replica(environ, folder, "server") as server:
            server.wait()
            yield Bench(cluster, network, server)


def test_it_crashes_and_comes_back(bench: Bench, measured: Measured) -> None:
    with clients([bench.server.url]) as work:
        work.wait_for(40)
        bench.cluster.stop()
        time.sleep(2)
        assert bench.ready() == 503
        assert _status(f"{bench.server.url}/health") == 200
        bench.cluster.start()
        healed = bench.wait_until_ready()
        work.wait_for(40)
        measured(f"{bench.check(work)}; ready again after {healed:.1f} s")


def test_it_hangs_and_goes_on(bench: Bench, measured: Measured) -> None:
    """Every process of it is stopped, as by a host that swaps, under more clients than the server
    has threads: it goes on answering what needs no database, and says of the rest to come again.
    """
    with clients([bench.server.url], _CLIENTS) as work:
        work.wait_for(40)
        before = work.told.answers[503]
        asleep = [psutil.Process(bench.cluster.process.pid)]
        asleep += asleep[0].children(recursive=True)
        begun, longest = time.monotonic(), 0.0
        try:
            _signal(asleep, signal.SIGSTOP)
            while (now := time.monotonic()) - begun < _ASLEEP_SECONDS:
                assert _status(f"{bench.server.url}/health", timeout=30) == 200
                longest = max(longest, time.monotonic() - now)
                time.sleep(0.2)
            threads = sum(each.num_threads() for each in bench.processes())
        finally:
            _signal(asleep, signal.SIGCONT)
        refused = work.told.answers[503] - before
        bench.wait_until_ready()
        work.wait_for(40)
        assert refused >= _CLIENTS, "whoever comes meanwhile is told to come again"
        assert threads < 40, f"{threads} threads: they pile up"
        measured(
            f"{bench.check(work)}; {_ASLEEP_SECONDS:.0f} s under {_CLIENTS} clients, /health "
            f"answered in {longest:.1f} s at most"
        )


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for each in processes:
        with suppress(psutil.NoSuchProcess):  # a connection that has ended meanwhile
            each.send_signal(number)


def test_it_only_reads(bench: Bench, measured: Measured) -> None:
    """As after a fail-over that went to a replica: what writes is told to come again."""
    with clients([bench.server.url]) as work:
        work.wait_for(40)
        bench.cluster.execute("ALTER DATABASE podium SET default_transaction_read_only = on")
        bench.network.drop()
        work.wait_until_answered(503)
        page = f"{bench.server.url}/api/2.0/mlflow/experiments/get?experiment_id=0"
        assert _status(page) == 200
        bench.cluster.execute("ALTER DATABASE podium RESET default_transaction_read_only")
        bench.network.drop()
        work.wait_for(40)
        measured(bench.check(work))


def test_the_network_to_it_breaks_again_and_again(bench: Bench, measured: Measured) -> None:
    with clients([bench.server.url]) as work:
        for _ in range(8):
            work.wait_for(20)
            bench.network.cut_answers = 2
            bench.network.drop()
        work.wait_for(20)
        measured(bench.check(work))


def test_another_takes_its_place(measured: Measured, tmp_path: Path) -> None:
    """A standby that follows synchronously is promoted when the primary dies."""
    with postgres_cluster() as primary:
        for bench in _bench(primary, tmp_path):
            with (
                primary.standby(primary.data.parent / "standby") as standby,
                clients([bench.server.url]) as work,
            ):
                work.wait_for(40)
                primary.stop()
                bench.network.drop()
                standby.execute("SELECT pg_promote()")
                bench.network.target = standby.port
                healed = bench.wait_until_ready()
                work.wait_for(40)
                measured(f"{bench.check(work)}; ready again after {healed:.1f} s")


def test_its_disk_is_full(measured: Measured, tmp_path: Path) -> None:
    with _small_disk(420) as disk, postgres_cluster(disk) as full:
        for bench in _bench(full, tmp_path):
            with clients([bench.server.url]) as work:
                work.wait_for(40)
                ballast = disk / "ballast"
                _fill(ballast)
                deadline = time.monotonic() + 60
                while not work.told.answers[503] and not work.told.broken:
                    assert time.monotonic() < deadline, "the disk never got full"
                    time.sleep(0.1)
                ballast.unlink()
                if full.process.poll() is not None:  # it gives up when its log cannot grow
                    full.start()
                bench.wait_until_ready()
                work.wait_for(40)
                measured(bench.check(work))


@contextmanager
def _small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of its own, in memory, that anybody may look into."""
    at = Path(tempfile.mkdtemp(prefix="podium-disk-", dir="/tmp"))
    at.chmod(0o755)
    options = f"size={megabytes}m,mode=755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        if done.returncode:
            pytest.skip(f"No small disk here: {done.stderr.strip()} Run the tests as root.")
        yield at
    finally:
        if not done.returncode:
            subprocess.run(["umount", "-l", str(at)], check=True)
        at.rmdir()


def _fill(ballast: Path) -> None:
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        except OSError:
            return


def _status(url: str, timeout: float = 30) -> int:
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
