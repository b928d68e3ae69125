"""What Kubernetes and Prometheus ask a worker: the operations of a server, on a port of its own."""

from __future__ import annotations

import threading

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import rest
from .operations import operations
from .serve import check_port
from .services import EXTENSION, Services


def answer(services: Services, *, host: str, port: int) -> BaseWSGIServer:
    """Answer /health, /ready, /version and /metrics in a thread, until ``shutdown`` is called.

    Raises :class:`~podium.client.errors.ConfigError` when somebody else listens there.
    """
    check_port(host, port)
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.extensions[EXTENSION] = services
    rest.register(app)
    app.register_blueprint(operations)
    server = make_server(host, port, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, name="podium-http", daemon=True).start()
    return server


class _Quiet(WSGIRequestHandler):
    """Probes come every few seconds: nobody reads of them."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
