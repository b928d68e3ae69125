"""The part of a kubelet that the API server asks for logs: ``/containerLogs`` over HTTPS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .containers import Container, Log

Find = Callable[[str, str, str], Container | None]


class LogServer:
    """``find`` knows the container by namespace, pod and its own name."""

    def __init__(self, folder: Path, find: Find) -> None:
        class Handler(_Handler):
            pass

        Handler.find = staticmethod(find)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port = self._server.server_address[1]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    find: Find

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = [unquote(each) for each in url.path.split("/")[1:]]
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        found = self.find(*parts[1:]) if len(parts) == 4 and parts[0] == "containerLogs" else None
        if found is None:
            self.send_error(404)
            return
        log = found.previous if query.get("previous") == "true" else found.log
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in _lines(log, query):
                data = f"{line}\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # nobody reads any more
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Not into the tests' output."""


def _lines(log: Log, query: Mapping[str, str]) -> Iterator[str]:
    since, stamped = query.get("sinceTime", ""), query.get("timestamps") == "true"
    with log.changed:
        at = max(0, len(log.lines) - int(query["tailLines"])) if "tailLines" in query else 0
    while True:
        with log.changed:
            lines, ended = log.lines[at:], log.ended
            if not lines and not ended and query.get("follow") == "true":
                log.changed.wait(1)
                continue
        at += len(lines)
        for line in lines:
            when, _, text = line.partition(" ")
            if when[:19] >= since[:19]:  # to the second, which is how a client says it
                yield line if stamped else text
        if query.get("follow") != "true" or (ended and not lines):
            return


def _certificate(folder: Path) -> Path:
    """Signed by itself, as a kubelet's is unless it is told otherwise; with its key in the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubelet of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "kubelet.pem"
    path.touch(mode=0o600)
    path.write_bytes(private + certificate.public_bytes(pem))
    return path
