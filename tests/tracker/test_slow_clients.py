"""A real server with few threads, and clients who say little, take little or take their time."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.services.podium import PodiumServer, podium_up

_HEAD, _PATIENCE = 2, 4
_IMPATIENT = (
    sys.executable,
    "-c",
    "from podium.tracker import slow_clients\n"
    f"slow_clients.HEAD, slow_clients.PATIENCE = {_HEAD}, {_PATIENCE}\n"
    "from podium.registry.cli import main\n"
    "raise SystemExit(main())",
)
_THREADS = 2
_GENEROUS = 60  # seconds, in which a server that waits for its clients would still do so
_CREATE = b"POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodiumServer]:
    folder = tmp_path_factory.mktemp("slow")
    with podium_up(folder, program=_IMPATIENT, environ={"PODIUM_THREADS": str(_THREADS)}) as made:
        yield made


def _connect(server: PodiumServer, *, receives: int | None = None) -> socket.socket:
    made = socket.socket()
    if receives is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    made.settimeout(_GENEROUS)
    made.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
    return made


def _to_the_end(connection: socket.socket) -> bytes:
    """What is answered, until the server ends the connection; a TimeoutError if it does not."""
    answer = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            answer += data
    return answer


def _ends_it(connection: socket.socket, drop: bytes, *, every: float) -> bool:
    """Whether the server answers or hangs up, though a drop comes again and again."""
    connection.settimeout(every)
    until = time.monotonic() + _GENEROUS
    while time.monotonic() < until:
        try:
            connection.sendall(drop)
            connection.recv(1)
        except TimeoutError:
            continue
        except OSError:
            pass
        return True
    return False


def _answers(server: PodiumServer) -> bool:
    with urllib.request.urlopen(f"{server.url}/health", timeout=_GENEROUS) as answer:
        return bool(answer.status == 200)


def _upload(server: PodiumServer, path: str) -> http.client.HTTPConnection:
    made = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=_GENEROUS)
    made.putrequest("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}")
    return made


@pytest.fixture(scope="module")
def place(server: PodiumServer) -> str:
    """The folder of a run."""

    def post(call: str, body: dict[str, object]) -> dict[str, dict[str, dict[str, str]]]:
        asked = urllib.request.Request(
            f"{server.url}/api/2.0/mlflow/{call}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=_GENEROUS) as answer:
            found: dict[str, dict[str, dict[str, str]]] = json.load(answer)
            return found

    made = post("runs/create", {"experiment_id": "0"})
    return made["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")


def test_half_a_head_holds_nobody_up(server: PodiumServer) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(_connect(server)) for _ in range(2 * _THREADS)]
        for each in stalled:
            each.sendall(b"GET / HT")
        assert _answers(server)
        assert [_to_the_end(each) for each in stalled] == [b""] * len(stalled)


def test_a_head_has_an_end_however_often_a_little_more_of_it_comes(server: PodiumServer) -> None:
    with _connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert _ends_it(connection, b"X-More: of it\r\n", every=_HEAD / 10)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: application/json\r\nContent-Length: 30\r\n\r\n" + b'{"name": "half',
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b'e\r\n{"name": "half',
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\n"
        + b"name=ada",
    ],
    ids=["of so many bytes", "in chunks", "of a form"],
)
def test_a_body_that_stalls_is_refused(server: PodiumServer, body: bytes) -> None:
    head = _CREATE
    if b"form" in body:
        host = server.url.removeprefix("http://")
        head = f"POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n".encode()
    before = server.log.read_text()
    with ExitStack() as stack:
        stalled = [stack.enter_context(_connect(server)) for _ in range(_THREADS)]
        for each in stalled:
            each.sendall(head + body)
        for each in stalled:
            answer = _to_the_end(each)
            assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert _answers(server)
    assert "Traceback" not in server.log.read_text()[len(before) :]


def test_a_body_that_drips_is_refused(server: PodiumServer) -> None:
    with _connect(server) as connection:
        connection.sendall(
            _CREATE + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        assert _ends_it(connection, b" ", every=_PATIENCE / 10)


def test_an_answer_that_nobody_takes_is_given_up(server: PodiumServer, place: str) -> None:
    size = 64 * 1024 * 1024
    upload = _upload(server, f"{place}/large.bin")
    upload.putheader("Content-Length", str(size))
    upload.endheaders(bytes(size))
    assert upload.getresponse().status == 200
    upload.close()
    with ExitStack() as stack:
        stalled = [
            stack.enter_context(_connect(server, receives=64 * 1024)) for _ in range(_THREADS)
        ]
        for each in stalled:
            each.sendall(
                f"GET /api/2.0/mlflow-artifacts/artifacts/{place}/large.bin HTTP/1.1\r\n"
                "Host: localhost\r\n\r\n".encode()
            )
        assert _answers(server)
    assert "Traceback" not in server.log.read_text()


def test_who_is_slow_and_goes_on_is_served(server: PodiumServer, place: str) -> None:
    """An upload and a download that take longer than anybody may stall."""
    pieces, piece = 2 * _PATIENCE, os.urandom(256 * 1024)
    upload = _upload(server, f"{place}/slow.bin")
    upload.putheader("Content-Length", str(pieces * len(piece)))
    upload.endheaders()
    for _ in range(pieces):
        upload.send(piece)
        time.sleep(1)  # the client's pace
    assert upload.getresponse().status == 200
    upload.close()

    with _connect(server, receives=16 * 1024) as connection:
        connection.sendall(
            f"GET /api/2.0/mlflow-artifacts/artifacts/{place}/slow.bin HTTP/1.0\r\n"
            "Host: localhost\r\n\r\n".encode()
        )
        answer, began = b"", time.monotonic()
        while data := connection.recv(16 * 1024):
            answer += data
            ahead = len(answer) / (pieces * len(piece)) * 2 * _PATIENCE
            time.sleep(max(0, began + ahead - time.monotonic()))
    assert answer.partition(b"\r\n\r\n")[2] == piece * pieces


def test_who_keeps_his_end_open_after_the_answer_holds_nobody_up(server: PodiumServer) -> None:
    with ExitStack() as stack:
        lingering = [stack.enter_context(_connect(server)) for _ in range(40)]
        for each in lingering:
            each.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert all(_to_the_end(each).endswith(b"OK") for each in lingering)
        assert _answers(server)


def test_who_sends_too_much_still_reads_why_not(server: PodiumServer) -> None:
    with _connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 30_000 + b"\r\n\r\n")
        connection.sendall(bytes(30_000))
        assert _to_the_end(connection).startswith(b"HTTP/1.1 431 ")
