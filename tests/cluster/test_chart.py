"""The chart on a real API server, by a real helm: installed, upgraded under load, rolled back.

The image is a folder with a command `podium`: pods are processes of this machine (``kubelet``), and
what DNS and kube-proxy do, ``service_proxy`` does. Everything else is as in a cluster: hooks, roll
outs, readiness, Pod Security.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from podium.registry.launch.names import LAUNCH
from podium.tracker.auth import accounts, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from ..helm.cases import CASES, EVERYTHING
from ..helm.conftest import CHART, installed
from ..registry.launch.samples import minimal
from ..services.helm import helm3, helm4
from ..services.postgres import PostgresServer
from ..services.s3 import S3Server
from .control_plane import Cluster
from .kubelet import LABEL, TAINT, Kubelet
from .pods import Image
from .processes import wait_for
from .release import Release
from .seen import seen
from .service_proxy import ServiceProxy, service_proxy

_NODE = "local-chart"
_TAGS = ("0.1.0", "next")
_numbers = itertools.count()
# Each pod has an address of its own; its server must bind that, for all are on one machine. And the
# token is mounted elsewhere than where the library looks for it.
_PODIUM = """#!{python}
import os, sys
from podium.registry.cli import main
if sys.argv[1] == "worker" and os.path.isdir(os.environ["ACCOUNT"]):
    from kubernetes.config import incluster_config as mounted
    mounted.SERVICE_TOKEN_FILENAME = os.environ["ACCOUNT"] + "/token"
    mounted.SERVICE_CERT_FILENAME = os.environ["ACCOUNT"] + "/ca.crt"
sys.exit(main([word.replace("0.0.0.0", os.environ["IP"]) for word in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def proxy(cluster: Cluster) -> Iterator[ServiceProxy]:
    with service_proxy(cluster.admin) as started:
        yield started


@pytest.fixture(scope="module")
def node(
    cluster: Cluster, proxy: ServiceProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubelet]:
    folder = tmp_path_factory.mktemp("image")
    for name, text in {
        "podium": _PODIUM.format(python=sys.executable),
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    host, _, port = cluster.url.rpartition("/")[2].partition(":")
    environ = {
        "IP": "{ip}",
        "TMPDIR": "/tmp",
        "http_proxy": proxy.url,
        "no_proxy": "127.0.0.1",
        "ACCOUNT": "/var/run/secrets/kubernetes.io/serviceaccount",
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
    }
    image = Image((folder, Path("/usr/bin"), Path("/bin")), environ)
    images = {f"podium:{tag}": image for tag in _TAGS}
    started = Kubelet(cluster.admin, _NODE, images, tmp_path_factory.mktemp("pods"))
    started.start()
    yield started
    started.stop()
    cluster.admin.delete({"apiVersion": "v1", "kind": "Node", "metadata": {"name": _NODE}})


@pytest.fixture(params=[helm4, helm3], ids=["helm4", "helm3"])
def release(
    request: pytest.FixtureRequest, cluster: Cluster, namespace: str, tmp_path: Path
) -> Iterator[Release]:
    request.getfixturevalue("node")
    postgres: PostgresServer = request.getfixturevalue("postgres")
    s3: S3Server = request.getfixturevalue("s3")
    number = next(_numbers)
    for bucket in (f"chart-{number}", f"chart-{number}-backups"):
        s3.administrator().make_bucket(bucket)
    here = {"nodeSelector": LABEL, "tolerations": [TAINT]}
    component = {**here, "replicas": 2, "startupProbe": {"failureThreshold": 120}}
    values = {
        "database": {"existingSecret": "podium-db"},
        "artifacts": {
            "bucket": f"chart-{number}",
            "endpoint": s3.endpoint,
            "existingSecret": "podium-s3",
        },
        "web": {**component, "processes": 1},
        "worker": {**component, "replicas": 1},
        "migration": here,
        "gc": {**here, "enabled": True},
        "backup": {
            **here,
            "enabled": True,
            "destination": f"s3://chart-{number}-backups",
            "endpoint": s3.endpoint,
        },
        "networkPolicy": {"enabled": True},
        "launches": {"enabled": True, "targets": ["job"]},
    }
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    database = postgres.create_database(f"chart_{number}")
    made = Release(installed(request.param), cluster, namespace, path, database)
    yield made
    made.try_to("uninstall", "podium")
    wait_for("the pods are gone", lambda: not made.pods("web") and not made.pods("worker"), 60)


@dataclass
class Load:
    """Threads that log and read through the Service until told to stop, and what they met."""

    proxy: str
    service: str
    token: str
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        run = {"experiment_id": "0"}
        created = self._ask(self._pool(), "POST", "/api/2.0/mlflow/runs/create", run)
        self._run = json.loads(created.data)["run"]["info"]["run_id"]
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def stored(self) -> int:
        """How many points the server has of those that were acknowledged."""
        found = 0
        for number in range(len(self._threads)):
            path = "/api/2.0/mlflow/metrics/get-history"
            query = f"?run_id={self._run}&metric_key=m{number}&max_results=25000"
            answer = self._ask(self._pool(), "GET", path + query)
            found += len(json.loads(answer.data).get("metrics", ()))
        return found

    def _work(self, number: int) -> None:
        pool = self._pool()
        for step in itertools.count():
            if self._stop.wait(0.01):
                return
            point = {"key": f"m{number}", "value": step, "step": step, "timestamp": step}
            body = {"run_id": self._run, **point}
            started = time.monotonic()
            answer = self._ask(pool, "POST", "/api/2.0/mlflow/runs/log-metric", body)
            with self._lock:
                self.slowest = max(self.slowest, time.monotonic() - started)
                if answer.status == 200:
                    self.answered += 1
                else:
                    self.failures.append(f"{answer.status} {answer.data[:200]!r}")

    def _ask(
        self, pool: urllib3.ProxyManager, method: str, path: str, body: Any = None
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self.token}"}
        return pool.request(
            method, f"http://{self.service}{path}", json=body, headers=headers, retries=False
        )

    def _pool(self) -> urllib3.ProxyManager:
        return urllib3.ProxyManager(self.proxy, timeout=urllib3.Timeout(60))


@pytest.fixture
def token() -> Callable[[str], str]:
    def make(database: str) -> str:
        db = Database(database, pool_size=1)
        accounts.create(db, name="load", role=Role.EDITOR)
        secret, _ = tokens.create(db, "load", name="load")
        db.close()
        return secret

    return make


def test_custom_resources_are_ones_that_their_makers_know(
    cluster: Cluster, namespace: str, custom: Callable[..., None], tmp_path: Path
) -> None:
    """By the definitions of Prometheus Operator and Gateway API, which refuse an unknown field."""
    monitoring = ("PodMonitor", "PrometheusRule", "ServiceMonitor")
    kinds = (*monitoring, "HTTPRoute")
    custom(*(f"{kind.lower()}s.monitoring.coreos.com" for kind in monitoring))
    custom("httproutes.gateway.networking.k8s.io")
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({**EVERYTHING, "httpRoute": CASES["gateway"]["httpRoute"]}))
    done = installed(helm4).run("template", "podium", str(CHART), "-f", str(values))
    made = [each for each in yaml.safe_load_all(done.stdout) if each and each["kind"] in kinds]
    for each in made:
        cluster.admin.create(each, namespace=namespace)
    assert {each["kind"] for each in made} == set(kinds)


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_object(
    cluster: Cluster, namespace: str, case: str, tmp_path: Path
) -> None:
    """Each that Kubernetes itself has, with strict validation; a Role of elsewhere is made here."""
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(CASES[case]))
    done = installed(helm4).run("template", "podium", str(CHART), "-f", str(values))
    custom = ("monitoring.coreos.com", "gateway.networking.k8s.io")
    found = [each for each in yaml.safe_load_all(done.stdout) if each]
    made = [each for each in found if not each["apiVersion"].startswith(custom)]
    assert made, done.stderr
    for number, each in enumerate(made):
        of_elsewhere = {**each["metadata"], "name": f"{each['metadata']['name']}-{number}"}
        meta = {**of_elsewhere, "namespace": namespace}
        cluster.admin.create({**each, "metadata": meta}, dry_run=True)


@pytest.mark.timeout(900)
def test_installed_upgraded_under_load_and_rolled_back(
    release: Release, proxy: ServiceProxy, s3: S3Server, token: Callable[[str], str]
) -> None:
    install = ("install", "podium", str(CHART), "-f", str(release.values), "--wait")
    status, said = release.try_to(*install)
    assert status != 0
    assert 'there is no Secret "podium-db"' in said
    release.secret("podium-db", url=release.database)
    release.secret("podium-s3", **{"access-key-id": s3.access_key})
    status, said = release.try_to(*install)
    assert 'the Secret "podium-s3" in namespace' in said
    assert 'has no key "secret-access-key"' in said
    assert not release.pods("web")
    release.cluster.admin.delete(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "podium-s3", "namespace": release.namespace},
        }
    )
    release.secret(
        "podium-s3", **{"access-key-id": s3.access_key, "secret-access-key": s3.secret_key}
    )
    assert "/welcome" in release.run(*install)
    service = f"podium.{release.namespace}"
    pool = urllib3.ProxyManager(proxy.url)
    address = f"http://{service}/login"
    wait_for("the page answers", lambda: pool.request("GET", address).status == 200)
    assert "<title>" in pool.request("GET", address).data.decode()
    release.run("test", "podium")
    secret = token(release.database)
    if release.helm.major == 4:
        _launches_by_its_own_account(release, pool, secret)
        for component in ("gc", "backup"):
            _is_done_by_the_clock(release, component)

    upgrade = ("upgrade", "podium", str(CHART), "-f", str(release.values), "--wait")
    with Load(proxy.url, service, secret) as load:
        release.run(*upgrade, "--set", "image.tag=next")
        wait_for("only new pods", lambda: release.images("web") == {"podium:next"})
        wait_for("old pods are gone", lambda: len(release.pods("web")) == 2)
        upgraded = load.answered
        assert upgraded > 20
        if release.helm.major == 4:  # once is enough: a rollback is an upgrade, to helm as well
            release.run("rollback", "podium", "1", "--wait")
            wait_for("the pods of before", lambda: release.images("web") == {"podium:0.1.0"})
            assert load.answered > upgraded
            release.run("test", "podium")
    assert load.failures == []
    assert load.stored() == load.answered


def _is_done_by_the_clock(release: Release, component: str) -> None:
    """As `kubectl create job --from=cronjob/podium-…` does, without waiting for the night."""
    admin, name = release.cluster.admin, f"podium-{component}"
    cron = admin.get("batch/v1", "CronJob", release.namespace, name)
    assert cron is not None
    meta = {"name": f"{name}-now", "namespace": release.namespace}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta}
    made = admin.create({**job, "spec": cron["spec"]["jobTemplate"]["spec"]})

    def ended() -> str | None:
        conditions = admin.again(made).get("status", {}).get("conditions", ())
        types = {each["type"] for each in conditions if each["status"] == "True"}
        return next((each for each in ("Complete", "Failed") if each in types), None)

    how = wait_for(f"{name} has ended", ended, 300)
    assert how == "Complete", seen(admin, release.namespace)


def _launches_by_its_own_account(release: Release, pool: urllib3.ProxyManager, token: str) -> None:
    """The worker's pod has nothing but the token that is mounted into it, and the chart's Role."""
    server = f"http://podium.{release.namespace}/api/v1/launches"
    headers = {"Authorization": f"Bearer {token}"}
    spec = {**minimal("job"), "env": {"KWOK_SECONDS": "200ms"}}
    started = pool.request("POST", server, json={"spec": spec}, headers=headers)
    assert started.status == 201, started.data
    launch = started.json()["launch_id"]

    def ended() -> dict[str, Any] | None:
        said: dict[str, Any] = pool.request("GET", f"{server}/{launch}", headers=headers).json()
        return said if said["state"] in ("SUCCEEDED", "FAILED") else None

    done = wait_for("the launch has ended", ended)
    assert done["state"] == "SUCCEEDED", done
    [job] = release.cluster.admin.list(
        "batch/v1", "Job", release.namespace, labels=f"{LAUNCH}={launch}"
    )
    user = f"system:serviceaccount:{release.namespace}:podium"
    asked = [
        event
        for event in map(json.loads, release.cluster.audit.read_text().splitlines())
        if event["user"]["username"] == user
        and event["objectRef"].get("name") == job["metadata"]["name"]
    ]
    assert "patch" in {each["verb"] for each in asked}
    pods = {each["user"]["extra"]["authentication.kubernetes.io/pod-name"][0] for each in asked}
    assert pods <= {each["metadata"]["name"] for each in release.pods("worker")}
    refused = [e for e in asked if e["annotations"]["authorization.k8s.io/decision"] != "allow"]
    assert refused == []
