"""The bucket throttles, hangs and cuts uploads; the disk is full. No file is ever half there."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from podium.client.errors import PodiumError, Unavailable
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath, S3Location
from podium.tracker.artifacts.s3_direct import DirectS3Store
from podium.tracker.db import Database
from podium.tracker.logs import configure_logs

from ..services.podium import podium_up
from ..services.proxy import Proxy, proxy
from ..services.s3 import S3Server
from .clients import check, clients
from .conftest import Measured
from .test_database import _fill, _small_disk, _status

_XML = b"<Error><Code>SlowDown</Code><Message>later</Message></Error>"
_SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_XML), _XML)
)
PATH = ArtifactPath("0/run/artifacts/model.bin")
LARGE = bytes(range(256)) * (20 * 4096)  # 20 MiB: three parts


class Bucket:
    """A store that reaches its bucket through a bad network; and the truth of what is in it."""

    def __init__(self, network: Proxy, there: ArtifactStore, store: ArtifactStore) -> None:
        self.network = network
        self.store = store
        self._there = there

    def holds(self) -> bytes | None:
        try:
            with self._there.open(PATH) as content:
                return content.read()
        except PodiumError:
            return None


@pytest.fixture
def bucket(s3_environment: S3Server, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    name = f"faults-{abs(hash(request.node.name)) % 10**8}"
    s3_environment.administrator().make_bucket(name)
    location = S3Location.parse(f"s3://{name}/p")
    port = urlsplit(s3_environment.endpoint).port
    assert port is not None
    with proxy(port) as network:
        there = DirectS3Store(location, s3_environment.endpoint)
        yield Bucket(network, there, DirectS3Store(location, f"http://127.0.0.1:{network.port}"))


def test_the_bucket_says_slow_down(bucket: Bucket, measured: Measured) -> None:
    """Twice: it is tried again. For longer: whoever asked is told to, and nothing is stored."""
    refused = [0]

    def slow_down(most: int) -> None:
        left = [most]

        def rule(data: bytes, client: socket.socket) -> bool:
            if not re.match(rb"(PUT|POST|GET|HEAD) ", data) or not left[0]:
                return True
            left[0] -= 1
            refused[0] += 1
            client.sendall(_SLOW_DOWN)
            return False

        bucket.network.rule = rule

    slow_down(2)
    bucket.store.put(PATH, [b"first"])
    assert bucket.holds() == b"first"
    slow_down(1000)
    with pytest.raises(Unavailable, match="SlowDown"):
        bucket.store.put(PATH, [b"second"])
    assert bucket.holds() == b"first"
    bucket.network.rule = None
    bucket.store.put(PATH, [b"third"])
    assert bucket.holds() == b"third"
    measured(f"{refused[0]} requests throttled; the file is the old or the new one, never another")


class Cut:
    """Ends the connection after so many bytes, once or from then on."""

    def __init__(self, limit: int, *, for_good: bool) -> None:
        self._left = limit
        self._for_good = for_good
        self._cut = False

    def __call__(self, data: bytes, client: socket.socket) -> bool:
        self._left -= len(data)
        if self._left > 0 or (self._cut and not self._for_good):
            return True
        self._cut = True
        client.shutdown(socket.SHUT_RDWR)
        return False


def test_an_upload_in_parts_is_cut_anywhere(bucket: Bucket, measured: Measured) -> None:
    """After 1, 6, 11, … of its 20 MiB for good, or once: whole or not at all."""
    bucket.store.put(PATH, [b"before"])
    digest = hashlib.sha256(LARGE).digest()
    outcomes = []
    for megabytes in range(1, 21, 5):
        for for_good in (True, False):
            bucket.network.rule = Cut(megabytes << 20, for_good=for_good)
            before = bucket.holds()
            try:
                bucket.store.put(PATH, io.BytesIO(LARGE), length=len(LARGE), sha256=digest)
            except Unavailable:
                outcomes.append("old")
                assert bucket.holds() == before
            else:
                outcomes.append("new")
                assert bucket.holds() == LARGE
                bucket.network.rule = None
                bucket.store.put(PATH, [b"before"])
    assert {"old", "new"} == set(outcomes)
    measured(
        f"{len(outcomes)} cuts: {outcomes.count('new')} uploads went on and were whole, "
        f"{outcomes.count('old')} left what was there before"
    )


def test_the_bucket_hangs(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    from podium.tracker.artifacts import s3

    monkeypatch.setitem(s3._CONFIG, "read_timeout", 1)
    monkeypatch.setitem(s3._CONFIG, "connect_timeout", 1)
    bucket.network.black = True
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be reached"):
        bucket.store.put(PATH, [b"x"])
    with pytest.raises(Unavailable):
        bucket.store.ready()
    assert time.monotonic() - begun < 30
    bucket.network.black = False
    bucket.store.put(PATH, [b"y"])
    assert bucket.holds() == b"y"


def test_the_disk_of_a_laptop_is_full(measured: Measured) -> None:
    """SQLite and files on one small disk: 503 with the reason, then it goes on."""
    with _small_disk(24) as disk, podium_up(disk / "data") as server:
        with clients([server.url], 3) as work:
            work.wait_for(30)
            _fill(disk / "ballast")
            deadline = time.monotonic() + 60
            while not work.told.answers[503]:
                assert time.monotonic() < deadline, "the disk never got full"
                time.sleep(0.05)
            assert _status(f"{server.url}/api/2.0/mlflow/experiments/get?experiment_id=0") == 200
            refused = urllib.request.Request(
                f"{server.url}/api/2.0/mlflow-artifacts/artifacts/0/x/big",
                data=bytes(1 << 20),
                method="PUT",
            )
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(refused, timeout=30)
            assert error.value.code == 503
            assert b"disk is full" in error.value.read()
            (disk / "ballast").unlink()
            work.wait_for(30)
            told = work.finish()
        db = Database(f"sqlite:///{disk / 'data' / 'podium.db'}", pool_size=1)
        found = check(db, told)
        db.close()
        server.kill()
    measured(f"{found['acknowledged']} acknowledged, all there once; {found['503']} times 503")


def test_a_log_that_cannot_be_written_fails_nothing() -> None:
    """/dev/full takes no byte."""
    handlers = logging.getLogger().handlers[:]
    full = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115  (its close fails, too)
    configure_logs("INFO", stream=full)
    try:
        structlog.get_logger("podium").info("a request")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = handlers
        with suppress(OSError):
            full.close()
