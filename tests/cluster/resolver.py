"""DNS of a cluster for a process of Python: names of Services, out of a file.

It is put on a process' path as ``sitecustomize``, which Python imports when it starts. ``SERVICES``
is the file (:mod:`service_network`), and ``NAMESPACE`` the one whose names need no more than their
first part, as by the search list of a pod's resolv.conf.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

_others = socket.getaddrinfo


def _getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
    if isinstance(host, str) and not host.replace(".", "").isdigit():
        known = json.loads(Path(os.environ["SERVICES"]).read_text())
        name = host.removesuffix(".cluster.local").removesuffix(".svc")
        host = known.get(name) or known.get(f"{name}.{os.environ['NAMESPACE']}") or host
    return _others(host, *more, **named)


socket.getaddrinfo = _getaddrinfo
