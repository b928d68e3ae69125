"""What DNS and kube-proxy do for pods of the test kubelet, for any protocol over TCP.

A Service's cluster address is one of loopback (``control_plane``). While a pod of it is ready and
not ending, its ports are listened at there, and each connection is led to such a pod; else it is
refused. The names of the Services are in a file, in which :mod:`resolver` looks them up for what is
written in Python.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3

from .kubelet import port_of
from .rest import Object, Refused, Rest
from .service_proxy import belongs, serves

_LOOK_SECONDS = 0.2
_BYTES = 1 << 16
Address = tuple[str, int]


class ServiceNetwork:
    """For the thread of one event loop."""

    def __init__(self, admin: Rest, names: Path) -> None:
        self._admin, self._names = admin, names
        self._pods: dict[Address, Sequence[Address]] = {}
        self._servers: dict[Address, asyncio.Server] = {}
        self.stopped = asyncio.Event()

    async def run(self) -> None:
        while not self.stopped.is_set():
            # The API server may be away: connections are led on as before.
            with suppress(Refused, urllib3.exceptions.HTTPError):
                await self._follow(*await asyncio.to_thread(self._look))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), _LOOK_SECONDS)
        for server in self._servers.values():
            server.close()

    def _look(self) -> tuple[Sequence[Object], Sequence[Object]]:
        services = [
            each
            for each in self._admin.list("v1", "Service")
            if each["spec"].get("selector") and each["spec"]["clusterIP"] != "None"
        ]
        return services, [pod for pod in self._admin.list("v1", "Pod") if serves(pod)]

    async def _follow(self, services: Sequence[Object], pods: Sequence[Object]) -> None:
        names = {
            f"{each['metadata']['name']}.{each['metadata']['namespace']}": each["spec"]["clusterIP"]
            for each in services
        }
        _replace(self._names, names)
        self._pods = {
            (each["spec"]["clusterIP"], port["port"]): [
                (pod["status"]["podIP"], port_of(pod, port["targetPort"]))
                for pod in pods
                if belongs(pod, each)
            ]
            for each in services
            for port in each["spec"]["ports"]
        }
        wanted = {address for address, behind in self._pods.items() if behind}
        for address in self._servers.keys() - wanted:
            self._servers.pop(address).close()
        for address in wanted - self._servers.keys():
            # Another port of this machine's: what is not ours to serve stays refused.
            with suppress(OSError):
                self._servers[address] = await self._listen(address)

    async def _listen(self, address: Address) -> asyncio.Server:
        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened = [writer]
            try:
                with suppress(OSError, IndexError):
                    pod = random.choice(self._pods.get(address, ()))
                    answers, requests = await asyncio.open_connection(*pod)
                    opened.append(requests)
                    await asyncio.gather(_pump(reader, requests), _pump(answers, writer))
            except asyncio.CancelledError:  # the network ends, whoever still talks
                for each in opened:
                    each.transport.abort()
                raise
            writer.close()

        return await asyncio.start_server(lead, *address)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


def _replace(path: Path, names: Mapping[str, str]) -> None:
    """As a whole: it is read at any time."""
    made = path.with_suffix(".new")
    made.write_text(json.dumps(names))
    made.replace(path)


@contextmanager
def service_network(admin: Rest, names: Path) -> Iterator[None]:
    """``names`` is the file that says which address a Service has."""
    network = ServiceNetwork(admin, names)
    loop = asyncio.new_event_loop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(network.run())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(network.stopped.set)
        thread.join()
