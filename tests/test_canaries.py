"""What a server is trusted with is said nowhere, be all well or everything away.

A server and a worker are given secrets of every kind and made to talk about what they do with them.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from .faults.conftest import Process, replica
from .keys import new_key
from .registry.launch.apiserver import ApiServer
from .registry.launch.samples import minimal
from .services import free_ports
from .services.podium import PODIUM, environment
from .services.postgres import PostgresServer
from .services.proxy import Proxy, proxy
from .services.receiver import answer, receiver
from .services.s3 import S3Server

_PAGES = ("/experiments", "/models", "/launches", "/webhooks", "/operations", "/audit", "/policies")
_ELSEWHERE = ("/ready", "/metrics", "/api/v1/audit", "/api/v1/launches", "/api/v1/openapi.json")


@dataclass
class Told:
    """All that anybody was told, and the secrets that must not be in it."""

    secrets: list[str]
    texts: list[tuple[str, str]] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def ask(self, url: str, path: str, body: Any = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{url}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=120) as found:
                status, text = found.status, found.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        self.statuses.add(status)
        self.texts.append((path, text))
        return json.loads(text) if text.startswith("{") else None

    def found(self) -> list[tuple[str, str]]:
        """Where which of them was told, as it is or as a URL, a header or a log spells it."""
        spelt = {
            spelling: secret
            for secret in self.secrets
            for spelling in (
                secret,
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode().rstrip("="),
                json.dumps(secret)[1:-1],
            )
        }
        return [
            (where, secret)
            for where, text in self.texts
            for spelling, secret in spelt.items()
            if spelling in text
        ]


@dataclass(frozen=True)
class Installation:
    environ: dict[str, str]
    told: Told
    server: Process
    worker: Process
    database: Proxy
    bucket: Proxy


@pytest.fixture
def installation(postgres: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[Installation]:
    name = f"canaries_{time.monotonic_ns()}"
    url = urlsplit(postgres.create_database(name))
    s3.administrator().make_bucket(name.replace("_", "-"))
    assert url.password
    secrets = [url.password, new_key(), s3.secret_key, "canary-of-the-cluster"]
    with ExitStack() as stack:
        database = stack.enter_context(proxy(url.port or 5432))
        bucket = stack.enter_context(proxy(urlsplit(s3.endpoint).port or 80))
        cluster = stack.enter_context(ApiServer().running())
        kubeconfig = Path(cluster.kubeconfig(tmp_path))
        kubeconfig.write_text(kubeconfig.read_text().replace('"secret"', f'"{secrets[3]}"'))
        site = tmp_path / "site.json"
        there = {"main": {"kubeconfig": str(kubeconfig), "namespace": "team"}}
        site.write_text(json.dumps({"clusters": there, "namespaces": ["team"]}))
        environ = {
            **s3.environment,
            "PODIUM_DATABASE_URL": (
                f"postgresql://{url.username}:{url.password}@127.0.0.1:{database.port}/{name}"
            ),
            "PODIUM_ARTIFACTS": f"s3://{name.replace('_', '-')}/files",
            "PODIUM_S3_ENDPOINT": f"http://127.0.0.1:{bucket.port}",
            "PODIUM_SECRET_KEYS": secrets[1],
            "PODIUM_LAUNCH_SITE": str(site),
            "PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8",
            "PODIUM_LOG_LEVEL": "DEBUG",
        }
        _command(environ, "db", "upgrade")
        server = stack.enter_context(replica(environ, tmp_path, "server"))
        [port] = free_ports(1)
        worker = Process(
            ("worker", "--port", str(port)),
            environ,
            tmp_path / "worker.log",
            f"http://127.0.0.1:{port}",
        )
        worker.start()
        stack.callback(worker.kill)
        for process in (server, worker):
            process.wait()
        yield Installation(environ, Told(secrets), server, worker, database, bucket)


def test_no_secret_is_told(installation: Installation) -> None:
    told, server = installation.told, installation.server.url
    with receiver() as there:
        there.behaviours["/bad"] = answer(500, b"no")
        for name in ("good", "bad"):
            url = f"{there.url}/{name}"
            made = told.ask(server, "/api/v1/webhooks", {"name": name, "url": url})
            # It is said this once, to whoever made it.
            told.texts.pop()
            told.secrets.append(made["secret"])
        _use(told, server)
        there.wait(1, "/good")
        there.wait(1, "/bad")
        for hook in told.ask(server, "/api/v1/webhooks")["webhooks"]:
            path = f"/api/v1/webhooks/{hook['webhook_id']}"
            told.ask(server, path)
            told.ask(server, f"{path}/deliveries")
        _look_everywhere(installation)
    assert told.statuses >= {200, 400, 404}

    told.statuses.clear()
    installation.bucket.target = 1
    installation.bucket.drop()
    installation.database.target = 1  # nothing listens there
    installation.database.drop()
    _use(told, server)
    _look_everywhere(installation)
    assert 503 in told.statuses
    for arguments in (("worker", "--once"), ("db", "upgrade"), ("audit", "export"), ("gc",)):
        _say(installation, *arguments)

    processes = (installation.server, installation.worker)
    told.texts += [(each.log.name, each.log.read_text()) for each in processes]
    logs = [text for where, text in told.texts if where.endswith(".log")]
    assert all(len(text) > 1000 for text in logs), "they were made to talk"
    assert Told(["podium_http_requests_in_progress"], told.texts).found(), "it is looked for"
    assert told.found() == []


def _use(told: Told, server: str) -> None:
    """Rightly and wrongly, whatever is answered."""
    run = told.ask(server, "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    run_id = run["run"]["info"]["run_id"] if run and "run" in run else "0" * 32
    told.ask(server, f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/f", "x", "PUT")
    told.ask(server, f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/f")
    told.ask(server, f"/api/2.0/mlflow-artifacts/artifacts?path=0/{run_id}/artifacts")
    told.ask(server, "/api/2.0/mlflow/registered-models/create", {"name": f"m-{run_id[:6]}"})
    told.ask(server, "/api/v1/launches", {"spec": minimal("job")})
    told.ask(server, "/api/v1/launches", {"spec": {"target": "nothing"}})
    told.ask(server, "/api/2.0/mlflow/runs/get?run_id=nobody")


def _look_everywhere(installation: Installation) -> None:
    told = installation.told
    for path in (*_PAGES, *_ELSEWHERE):
        told.ask(installation.server.url, path)
    for path in ("/ready", "/metrics"):
        told.ask(installation.worker.url, path)
    _say(installation, "audit", "export")


def _say(installation: Installation, *arguments: str) -> None:
    done = subprocess.run(
        [*PODIUM, *arguments],
        env={**environment(), **installation.environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    installation.told.texts.append((" ".join(arguments), done.stdout + done.stderr))


def _command(environ: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [*PODIUM, *arguments],
        env={**environment(), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
