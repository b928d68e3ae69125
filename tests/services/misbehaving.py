"""A TCP server on loopback that does with each connection what a test says, HTTP or not."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port; each connection is served in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def read_request(connection: socket.socket) -> None:
    """The whole of it: to close with something unread would be a reset."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection, 65536)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    missing = int(found[1]) - len(body) if found else 0
    while missing > 0:
        missing -= len(_some(connection, missing))


def _some(connection: socket.socket, most: int) -> bytes:
    data = connection.recv(most)
    if not data:
        raise ConnectionError("the other end has hung up")
    return data


def reset(connection: socket.socket) -> None:
    """Take the request and end the connection with a RST."""
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket) -> None:
    """Take the request and say nothing, for as long as the other end bears it."""
    read_request(connection)
    while connection.recv(65536):
        pass


def drip(head: bytes) -> Callable[[socket.socket], None]:
    """Send ``head``, then a byte at a time, for ever."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return serve


def flood(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send ``head``, then ``piece`` again and again, as fast as it is taken."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return serve
