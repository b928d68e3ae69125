"""A TCP proxy on loopback that does to a connection what a bad network does."""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from .misbehaving import tcp_server

_SO_ATTACH_FILTER = 26  # Linux's; Python has no name for it
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # one instruction of BPF: keep 0 bytes

# What a client sends in one piece, and the connection to it: True lets the piece through.
Rule = Callable[[bytes, socket.socket], bool]


@dataclass
class Proxy:
    """``target`` is where connections go from now on; ``rule`` looks at what clients send."""

    port: int
    target: int
    rule: Rule | None = None
    black: bool = False
    """Takes connections and bytes, and answers nothing."""
    cut_answers: int = 0
    """So many of the next answers are cut off before their first byte."""
    _pairs: set[tuple[socket.socket, socket.socket]] = field(default_factory=set)

    def drop(self) -> None:
        """End every connection there is, as a router that was switched off does."""
        for pair in list(self._pairs):
            for each in pair:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def vanish(self) -> None:
        """Drop every packet of the connections there are, as if this machine had lost its power:
        not even its kernel answers.
        """
        program = ctypes.create_string_buffer(_RETURN_NOTHING, len(_RETURN_NOTHING))
        filter_ = struct.pack("HP", 1, ctypes.addressof(program))
        for pair in list(self._pairs):
            for each in pair:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)

    def _serve(self, client: socket.socket) -> None:
        if self._was_black():
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            return
        server.settimeout(None)
        pair = (client, server)
        self._pairs.add(pair)
        try:
            back = threading.Thread(target=self._answers, args=pair, daemon=True)
            back.start()
            self._requests(client, server)
            back.join()
        finally:
            self._pairs.discard(pair)
            server.close()

    def _was_black(self) -> bool:
        """Waits while it is; what was on its way then is lost."""
        waited = False
        while self.black:
            waited = True
            time.sleep(0.05)
        return waited

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self._was_black():
                    break
                if self.rule is not None and not self.rule(data, client):
                    break
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._was_black():
                    break
                if self.cut_answers > 0:
                    self.cut_answers -= 1
                    break
                client.sendall(data)
        for each in (client, server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """In front of a port of this machine."""
    made = Proxy(0, target)
    with tcp_server(made._serve) as port:
        made.port = port
        yield made
        made.black = False
        made.drop()
