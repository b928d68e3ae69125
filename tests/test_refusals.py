"""What must be right and is not: one sentence with its fix, where it starts and in /ready."""

from __future__ import annotations

import datetime as dt
import re
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from podium.client.errors import ConfigError
from podium.registry.app import HISTORIES, create_app
from podium.tracker.checks import check_start
from podium.tracker.config import Config

from .services import free_ports
from .services.podium import PODIUM, environment
from .services.postgres import PostgresServer
from .services.s3 import S3Server

_ONE_SENTENCE_AND_ITS_FIX = re.compile(r"[^\n]+\.( [^\n]+)?")


def refused(config: Config) -> str:
    """What stops a start; the same, or its like, is what a server that runs says in /ready."""
    with pytest.raises(ConfigError) as caught:
        check_start(config, HISTORIES, host="127.0.0.1", migrate=False)
    assert _ONE_SENTENCE_AND_ITS_FIX.fullmatch(caught.value.message), caught.value.message
    return caught.value.message


def unready(config: Config) -> dict[str, str]:
    """All of its servers have the same files, so without them none is worse than another."""
    app = create_app(config)
    answer = app.test_client().get("/ready")
    app.extensions["podium"].db.close()
    report: dict[str, str] = answer.get_json()
    found = {name: said for name, said in report.items() if said != "ok"}
    assert answer.status_code == (200 if found.keys() == {"artifacts"} else 503)
    return found


@pytest.fixture
def expired(tmp_path: Path) -> ssl.SSLContext:
    """Of a server whose certificate was good until yesterday; ``cert.pem`` is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=30))
        .not_valid_after(today - dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, private, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def dump(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@contextmanager
def s3_like(answer: bytes, status: int, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A handshake that a client breaks off is what is tested."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def postgres_like(context: ssl.SSLContext) -> Iterator[int]:
    """As far as its handshake: https://www.postgresql.org/docs/18/protocol-flow.html"""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(8)
                connection.sendall(b"S")
                with suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x" * 16)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def with_bucket(sqlite_url: str, endpoint: str) -> Config:
    return Config(database_url=sqlite_url, artifacts="s3://models/here", s3_endpoint=endpoint)


def test_a_bucket_that_cannot_be_reached_is_told_and_stops_nothing(
    sqlite_url: str, keys: None
) -> None:
    [port] = free_ports(1)
    config = with_bucket(sqlite_url, f"http://127.0.0.1:{port}")
    said = check_start(config, HISTORIES, host="127.0.0.1", migrate=False)
    assert said is not None, "nothing was said of it"
    assert _ONE_SENTENCE_AND_ITS_FIX.fullmatch(said), said
    assert said.startswith(f"P004: S3 at http://127.0.0.1:{port} (PODIUM_S3_ENDPOINT) cannot be")
    assert unready(config)["artifacts"] == said.removeprefix("P004: ")


def test_a_bucket_that_is_not_there(sqlite_url: str, s3_environment: S3Server) -> None:
    config = with_bucket(sqlite_url, s3_environment.endpoint)
    said = "The bucket models does not exist. Make it with: podium storage init"
    assert refused(config) == f"P004: {said}"
    assert unready(config)["artifacts"] == said


def test_a_bucket_in_another_region(sqlite_url: str, keys: None) -> None:
    answer = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'us-east-1' is "
        b"wrong</Message><Region>eu-central-1</Region></Error>"
    )
    with s3_like(answer, 400) as port:
        config = with_bucket(sqlite_url, f"http://127.0.0.1:{port}")
        assert refused(config) == (
            "P004: The bucket models is in another region. Set AWS_DEFAULT_REGION to eu-central-1."
        )
        assert "eu-central-1" in unready(config)["artifacts"]


def test_a_bucket_whose_certificate_has_expired(
    sqlite_url: str,
    keys: None,
    expired: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    with s3_like(b"", 200, expired) as port:
        config = with_bucket(sqlite_url, f"https://localhost:{port}")
        said = refused(config)
        assert "is not accepted: certificate has expired" in said
        assert "AWS_CA_BUNDLE" in said
        assert unready(config)["artifacts"] == said.removeprefix("P004: ")


def test_a_database_whose_certificate_has_expired(expired: ssl.SSLContext, tmp_path: Path) -> None:
    with postgres_like(expired) as port:
        url = f"postgresql://podium:hunter2@localhost:{port}/podium?sslmode=verify-full"
        config = Config(f"{url}&sslrootcert={tmp_path / 'cert.pem'}", str(tmp_path / "files"))
        said = refused(config)
        assert said.startswith("P002")
        assert "Its certificate has expired" in said
        assert "hunter2" not in said
        assert "Its certificate has expired" in unready(config)["database"]


def test_a_wrong_password(postgres: PostgresServer, tmp_path: Path) -> None:
    url = re.sub(r":[0-9a-f]+@", ":wrong@", postgres.url)
    said = refused(Config(f"{url}/postgres", str(tmp_path / "files")))
    assert "Correct the password (in Kubernetes: in its Secret" in said


def test_a_schema_newer_than_this_podium(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    """The server does not start, nor does the migration touch anything; one that runs goes on."""
    url = new_database("sqlite")
    path = url.removeprefix("sqlite:///")
    running = create_app(Config(url, str(tmp_path / "files"))).test_client()
    assert running.get("/ready").status_code == 200
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE registry_version SET version_num = '9999'")
    before = dump(path)
    settings = {"PODIUM_DATABASE_URL": url, "PODIUM_ARTIFACTS": str(tmp_path / "files")}
    for command in (("server",), ("worker",), ("db", "upgrade")):
        done = subprocess.run(
            [*PODIUM, *command],
            env={**environment(), **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 1, command
        [line] = done.stderr.strip().splitlines()
        assert "at schema 9999, newer than the" in line
        assert line.endswith("or the newer image.")
    assert dump(path) == before
    answer = running.get("/ready")
    assert answer.status_code == 200
    assert "at schema 9999, newer than" in answer.get_json()["schema"]
    running.application.extensions["podium"].db.close()
