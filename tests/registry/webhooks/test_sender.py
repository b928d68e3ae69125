"""One POST, to receivers of every kind, on loopback."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.sender import MAX_READ, Answer, HttpSender, Message

from ...services import free_ports
from ...services.misbehaving import drip, flood, hang, read_request, reset, tcp_server
from ...services.receiver import Receiver, answer, receiver

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
# How long a receiver that misbehaves is borne, and how late a busy machine may notice.
TOTAL, LATE = 1.5, 30


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


MESSAGE = {"webhook-id": "1"}, b'{"a":1}'


def sender(*, listed: bool = True) -> HttpSender:
    return HttpSender(Guard([LOOPBACK] if listed else []), connect=20, read=20, total=60)


def send(url: str, *, listed: bool = True) -> Answer:
    return sender(listed=listed).send(Message(url, *MESSAGE))


def send_hastily(url: str) -> Answer:
    """Each wait may be long: it is the whole that is cut."""
    hasty = HttpSender(Guard([LOOPBACK]), connect=20, read=20, total=TOTAL)
    found = hasty.send(Message(url, *MESSAGE))
    assert found.ms < 1000 * (TOTAL + LATE)
    return found


def resolve_to(monkeypatch: pytest.MonkeyPatch, address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_it_arrives_as_it_was_given(there: Receiver) -> None:
    found = send(f"{there.url}/a/b?c=d")
    assert (found.status, found.accepted, found.error) == (204, True, "")
    [received] = there.received
    assert (received.path, received.body, received.id) == ("/a/b?c=d", b'{"a":1}', "1")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("Podium/")


@pytest.mark.parametrize("status", [200, 201, 299, 400, 404, 410, 500, 503])
def test_the_status_says_whether_it_was_accepted(there: Receiver, status: int) -> None:
    there.behaviours["/"] = answer(status, b"because\0 \xff", Retry_After="7")
    found = send(there.url)
    assert (found.status, found.accepted) == (status, status < 300)
    assert found.body == "because \ufffd"
    assert found.retry_after == 7


@pytest.mark.parametrize(("written", "seconds"), [("nonsense", None), ("-5", 0), ("inf", None)])
def test_a_wrong_retry_after_harms_nobody(
    there: Receiver, written: str, seconds: float | None
) -> None:
    there.behaviours["/"] = answer(503, Retry_After=written)
    assert send(there.url).retry_after == seconds


def test_retry_after_may_be_a_date(there: Receiver) -> None:
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    there.behaviours["/"] = answer(503, Retry_After=format_datetime(at, usegmt=True))
    seconds = send(there.url).retry_after
    assert seconds is not None
    assert 290 < seconds <= 301


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data", "/other"])
def test_no_redirect_is_followed(there: Receiver, code: int, target: str) -> None:
    there.behaviours["/"] = answer(code, Location=target)
    found = send(there.url)
    assert (found.status, found.accepted) == (code, False)
    assert len(there.received) == 1


def test_no_proxy_of_the_environment_is_used(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    [nobody] = free_ports(1)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
    assert send(there.url).accepted


def test_nobody_listens() -> None:
    [port] = free_ports(1)
    assert "refused" in send(f"http://127.0.0.1:{port}").error.lower()


@contextmanager
def nobody_accepts() -> Iterator[int]:
    """A port whose queue is full: what connects there waits, as before a machine that is dead."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as queued:
        for _ in range(3):
            connection = queued.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_addresses_that_are_dead_have_one_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_accepts() as port:
        dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead] * 8)
        found = send_hastily("http://hook.example/")
    assert found.error == f"no whole answer within {TOTAL} s"


def test_a_resolver_that_says_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        sent.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    found = send_hastily("http://hook.example/")
    sent.set()
    assert found.error == f"no whole answer within {TOTAL} s"


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert "nowhere.example has no address" in send("https://nowhere.example").error


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "a..b"])
def test_a_name_that_is_none(host: str) -> None:
    found = send(f"http://{host}/")
    assert found.status is None
    assert found.error


def test_a_connection_that_is_reset() -> None:
    with tcp_server(reset) as port:
        found = send(f"http://127.0.0.1:{port}")
    assert found.status is None
    assert "reset" in found.error.lower()


def test_a_receiver_that_says_nothing() -> None:
    with tcp_server(hang) as port:
        hasty = HttpSender(Guard([LOOPBACK]), connect=20, read=0.6, total=60)
        found = hasty.send(Message(f"http://127.0.0.1:{port}", *MESSAGE))
    assert "no answer" in found.error


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX-Endless: ", b"HTTP/1.1 200"],
    ids=["line", "header", "half"],
)
def test_a_receiver_that_drips_is_cut_off(head: bytes) -> None:
    """Every byte comes in time, so that no wait is too long: the whole is."""
    with tcp_server(drip(head)) as port:
        found = send_hastily(f"http://127.0.0.1:{port}")
    assert found.status is None
    assert found.error == f"no whole answer within {TOTAL} s"
    assert found.ms >= 1000 * TOTAL * 0.9


class WhenAnswered(threading.Thread):
    """A timer whose time comes when the head of the answer is there, however long that takes."""

    def __init__(self, _: float, cut: Any) -> None:
        super().__init__(daemon=True)
        self._cut = cut

    def run(self) -> None:
        while not self._cut.__self__.answered:
            time.sleep(0.01)
        self._cut()

    def cancel(self) -> None:
        pass


def test_an_answer_s_body_that_drips_does_not_undo_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "Timer", WhenAnswered)
    with tcp_server(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")) as port:
        found = send(f"http://127.0.0.1:{port}")
    assert found.accepted
    assert found.error == "the answer's body did not end"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n",
    ],
)
def test_of_an_endless_body_a_little_is_read(head: bytes) -> None:
    with tcp_server(flood(head, b"y" * 65536)) as port:
        found = send(f"http://127.0.0.1:{port}")
    assert (found.accepted, found.error) == (True, ""), "nobody waited for its end"
    assert found.body == "y" * MAX_READ


@pytest.mark.parametrize(
    "piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X-Header: 1\r\n", b"z" * 65536]
)
def test_endless_headers(piece: bytes) -> None:
    head = b"" if piece.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    with tcp_server(flood(head, piece)) as port:
        found = send_hastily(f"http://127.0.0.1:{port}")
    assert found.status is None
    assert found.error


def test_what_is_no_http() -> None:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"220 mail.example ESMTP\r\n")

    with tcp_server(speak) as port:
        found = send(f"http://127.0.0.1:{port}")
    assert found.status is None
    assert found.error


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "017700000001"])
def test_an_inside_address_is_not_even_connected_to(scheme: str, host: str) -> None:
    connections: list[socket.socket] = []
    with tcp_server(connections.append) as port:
        found = send(f"{scheme}://{host}:{port}/", listed=False)
    assert "PODIUM_WEBHOOK_ALLOW" in found.error
    assert connections == []


def test_a_name_that_has_moved_inside(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what the name meant when the webhook was made is of no interest."""
    port = int(there.url.rpartition(":")[2])
    resolve_to(monkeypatch, "127.0.0.1", port)
    assert "not on the public Internet" in send(f"https://hook.example:{port}", listed=False).error
    resolve_to(monkeypatch, "::ffff:169.254.169.254", port)
    assert "not on the public Internet" in send(f"https://hook.example:{port}", listed=False).error
    assert there.received == []


def test_the_peer_of_the_socket_decides(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name resolved to, and however the connection came about."""
    port = int(there.url.rpartition(":")[2])

    class Diverted(socket.socket):
        def connect(self, address: Any) -> None:
            super().connect(("127.0.0.1", port))

    resolve_to(monkeypatch, "93.184.215.14", port)
    monkeypatch.setattr(socket, "socket", Diverted)
    found = sender(listed=False).send(Message(f"https://hook.example:{port}", {}, b""))
    assert "hook.example is at 127.0.0.1" in found.error
    assert there.received == []


def test_without_https_only_listed_networks_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "93.184.215.14", 80)
    assert "without https" in send("http://hook.example/").error


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_must_be_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            read_request(encrypted)
            encrypted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with tcp_server(speak) as port:
        refused = send(f"https://127.0.0.1:{port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = send(f"https://127.0.0.1:{port}")
    assert "certificate verify failed" in refused.error
    assert (trusted.status, trusted.body) == (200, "ok")


def test_a_handshake_that_never_comes() -> None:
    def wait(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with tcp_server(wait) as port:
        found = send_hastily(f"https://127.0.0.1:{port}")
    assert found.status is None


def test_messages_to_one_receiver_share_a_connection(there: Receiver) -> None:
    there.behaviours["/b"] = answer(500, b"no")
    with sender().session() as session:
        for path in ("/a", "/b", "/a"):
            session.send(Message(there.url + path, {"webhook-id": path}, b"{}"))
    assert [each.path for each in there.received] == ["/a", "/b", "/a"]
    assert len({each.peer for each in there.received}) == 1


def test_a_receiver_that_closes_between_two_messages_gets_both() -> None:
    """It says so, or it does not: then the second message is what finds it out."""
    for head in (b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n"):

        def once(connection: socket.socket, head: bytes = head) -> None:
            read_request(connection)
            connection.sendall(head)

        with tcp_server(once) as port, sender().session() as session:
            message = Message(f"http://127.0.0.1:{port}", {"webhook-id": "1"}, b"{}")
            found = []
            for _ in range(3):
                found.append(session.send(message))
                time.sleep(0.05)
        assert [each.status for each in found] == [204] * 3, found


def test_a_second_connection_has_what_is_left_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first was kept, and closed by the receiver when the time was over."""
    passed, asked = [0.0], list[int]()
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0], time=time.time)
    for module in ("reach", "sender"):
        monkeypatch.setattr(f"podium.registry.webhooks.{module}.time", clock)

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 204 No\r\n\r\n")
        read_request(connection)
        asked.append(1)
        passed[0] += 61

    with tcp_server(serve) as port, sender().session() as session:
        message = Message(f"http://127.0.0.1:{port}", {"webhook-id": "1"}, b"{}")
        assert session.send(message).accepted
        second = session.send(message)
    assert (second.status, len(asked)) == (None, 1)


def test_what_was_left_of_a_long_answer_is_not_taken_for_the_next(there: Receiver) -> None:
    there.behaviours["/long"] = answer(200, b"HTTP/1.1 500 No\r\n\r\n" * 10_000)
    there.behaviours["/short"] = answer(201, b"ok")
    with sender().session() as session:
        first = session.send(Message(f"{there.url}/long", {"webhook-id": "1"}, b"{}"))
        second = session.send(Message(f"{there.url}/short", {"webhook-id": "2"}, b"{}"))
    assert (first.status, len(first.body)) == (200, MAX_READ)
    assert (second.status, second.body) == (201, "ok")


def test_another_place_is_another_connection(there: Receiver) -> None:
    with receiver() as elsewhere, sender().session() as session:
        for url in (there.url, elsewhere.url, there.url):
            assert session.send(Message(url, {"webhook-id": "1"}, b"{}")).accepted
    assert (len(there.received), len(elsewhere.received)) == (2, 1)
