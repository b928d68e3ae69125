"""What DNS and kube-proxy do, as an HTTP proxy: ``http://service.namespace/`` leads to a ready pod.

A pod is sent requests while it is ready and not ending, which is the rule of EndpointSlices; those
themselves hold no addresses of loopback, which the pods of these tests have. It is looked at a few
times a second: as in a cluster, who sends requests hears of a change a little after it.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import urllib3

from .rest import Object, Refused, Rest

_LOOK_SECONDS = 0.2
_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding"}


class ServiceProxy:
    """``url`` is for ``http_proxy``. Only Services whose first port is asked for are known."""

    def __init__(self, admin: Rest) -> None:
        self._admin = admin
        self._ready: dict[str, tuple[str, ...]] = {}
        self._stopped = threading.Event()
        self.url = ""

    def choose(self, service: str) -> str:
        """``host:port`` of a ready pod of ``name.namespace``; LookupError when there is none."""
        ready = self._ready.get(service, ())
        if not ready:
            raise LookupError(f"no pod of {service} is ready")
        return random.choice(ready)

    def look(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            with suppress(Refused, urllib3.exceptions.HTTPError):
                self._ready = self._found()

    def stop(self) -> None:
        self._stopped.set()

    def _found(self) -> dict[str, tuple[str, ...]]:
        pods = [pod for pod in self._admin.list("v1", "Pod") if serves(pod)]
        return {
            f"{service['metadata']['name']}.{service['metadata']['namespace']}": tuple(
                f"{pod['status']['podIP']}:{pod['spec']['containers'][0]['ports'][0]['containerPort']}"
                for pod in pods
                if belongs(pod, service)
            )
            for service in self._admin.list("v1", "Service")
        }


def serves(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")


def belongs(pod: Object, service: Object) -> bool:
    selector = service["spec"].get("selector") or {"": None}
    labels = pod["metadata"].get("labels", {})
    same_space = pod["metadata"]["namespace"] == service["metadata"]["namespace"]
    return same_space and all(labels.get(key) == value for key, value in selector.items())


@contextmanager
def service_proxy(admin: Rest) -> Iterator[ServiceProxy]:
    proxy = ServiceProxy(admin)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            asked = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {
                name: text for name, text in self.headers.items() if name.lower() not in _HOP
            }
            try:
                address = proxy.choose(asked.hostname or "")
                connection = http.client.HTTPConnection(address, timeout=30)
                path = asked.path + (f"?{asked.query}" if asked.query else "")
                connection.request(self.command, path or "/", body, headers)
                answer = connection.getresponse()
                status, found, kind = answer.status, answer.read(), answer.headers
                connection.close()
            except (LookupError, OSError, http.client.HTTPException) as error:
                status, found, kind = 502, repr(error).encode(), http.client.HTTPMessage()
            self.send_response(status)
            self.send_header("Content-Type", kind.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        do_GET = do_POST = forward  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        looking = threading.Thread(target=proxy.look)
        looking.start()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield proxy
        server.shutdown()
        proxy.stop()
        looking.join()
