"""Launching through our own client, command and API: a real server, its worker, and a cluster."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from podium import client
from podium.client import launching, session
from podium.client.errors import BadRequest, Conflict, NotFound, PodiumError
from podium.registry.launch.spec import Owner

from ...services.podium import PODIUM, PodiumServer, environment, podium_up
from ..launch.apiserver import ApiServer
from ..launch.samples import main, minimal
from .conftest import EVALUATE, SERVE, TRAIN, condition


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    with ApiServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def podium(
    kubernetes: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodiumServer]:
    folder = tmp_path_factory.mktemp("launches")
    site = folder / "site.yaml"
    main = {"kubeconfig": kubernetes.kubeconfig(folder), "namespace": "team"}
    site.write_text(json.dumps({"clusters": {"main": main}}))
    environ = {"PODIUM_LAUNCH_SITE": str(site)}
    with podium_up(folder / "data", environ=environ) as server:
        client.configure(server.url)
        with client.start_run() as run:
            client.log_text("weights", "model/weights.txt")
            client.register_model("churn", run=run)
        yield server
        session.end()


KSERVE = {"target": "kserve", "purpose": "serve"}
SOURCE = {"model": "churn", "version": 1, "stage": "Staging"}


def until(holds: Callable[[], Any]) -> Any:
    end = time.monotonic() + 90
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end
        time.sleep(0.05)


def command(podium: PodiumServer, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PODIUM, *arguments],
        env={**environment(), "PODIUM_TRACKING_URI": podium.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )


def test_a_launch_and_its_log_as_it_comes(podium: PodiumServer, kubernetes: ApiServer) -> None:
    launch = client.launch(TRAIN, source=SOURCE)
    assert launch.state is client.LaunchState.WAITING
    until(lambda: client.get_launch(launch.launch_id).state == "PENDING")
    job = kubernetes.find("Job")
    name = job["metadata"]["name"]
    assert str(launch.run_id) in json.dumps(job)

    running = {"name": "main", "state": {"running": {"startedAt": "2026-01-15T08:00:00Z"}}}
    meta = {"name": f"{name}-0", "namespace": "team", "labels": job["metadata"]["labels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}}
    kubernetes.logs[f"{name}-0"] = "2026-01-15T08:00:00.5Z first\n"
    kubernetes.put("pods", {**pod, "status": {"containerStatuses": [running]}})
    kubernetes.say(job, ready=1)
    # The watch tells of it, long before anything would be listed again.
    until(lambda: client.get_launch(launch.launch_id).state == "RUNNING")
    lines: list[str] = []
    reader = threading.Thread(
        target=lambda: lines.extend(client.launch_logs(launch.launch_id, follow=True))
    )
    reader.start()
    until(lambda: kubernetes.calls["LOG"])
    kubernetes.logs[f"{name}-0"] += "2026-01-15T08:00:00.51Z second\n"
    kubernetes.say(job, conditions=[condition("Complete")])
    done = client.wait_for_launch(launch.launch_id, timeout=90)
    assert done.state is client.LaunchState.SUCCEEDED
    reader.join(90)
    assert lines == ["first", "second"]
    assert client.get_run(str(launch.run_id)).status == "FINISHED"
    assert launching.run_usage(str(launch.run_id)).launches == 1
    assert command(podium, "logs", launch.launch_id).stdout == "first\nsecond\n"
    with pytest.raises(Conflict, match="has ended"):
        client.stop_launch(launch.launch_id)


def test_the_command(podium: PodiumServer, kubernetes: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps({**EVALUATE, "source": SOURCE}))
    tried = command(podium, "launch", "start", "-f", str(path), "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "kind: Job" in tried.stdout
    assert "accepted" in tried.stderr
    started = command(podium, "launch", "start", "-f", str(path))
    launch = started.stdout.strip()
    until(lambda: client.get_launch(launch).state == "PENDING")
    assert launch in command(podium, "launch", "list", "--active").stdout
    shown = command(podium, "launch", "show", launch).stdout
    assert "evaluate on job" in shown
    assert "churn v1 for Staging" in shown
    assert command(podium, "launch", "stop", launch).returncode == 0
    until(lambda: client.get_launch(launch).state == "STOPPED")
    path.write_text(json.dumps({**EVALUATE, "image": "reg/train:1", "workers": 0}))
    wrong = command(podium, "launch", "start", "-f", str(path))
    assert wrong.returncode == 1
    fields = [line.split(":")[0] for line in wrong.stderr.splitlines()]
    assert fields == ["image", "workers"]


def test_what_no_launch_knows(podium: PodiumServer, kubernetes: ApiServer) -> None:
    assert command(podium, "launch", "orphans").returncode == 0
    made = main(minimal("job"), owner=Owner(launch_id="0" * 32), namespace="team")
    made["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    kubernetes.put("jobs", made)
    told = command(podium, "launch", "orphans")
    assert told.returncode == 1
    assert f"{'0' * 32}  Job {made['metadata']['name']} in main/team" in told.stdout
    [found] = launching.find_orphans().objects
    assert found.created == 1767225600000
    done = command(podium, "launch", "orphans", "--delete")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("deleted\n")
    assert launching.find_orphans().objects == ()
    with pytest.raises(BadRequest, match="uids"):
        api("POST", "launch-orphans/delete", {"uids": "all"})


def api(method: str, path: str, body: Any = None) -> Any:
    return session.current().server().request(method, f"/api/v1/{path}", json=body).json()


def test_rules(podium: PodiumServer) -> None:
    rule = api("POST", "launch-rules", {"model": "ch*", "stage": "staging", "spec": EVALUATE})
    assert (rule["stage"], rule["purpose"]) == ("Staging", "evaluate")
    again = api("POST", "launch-rules", {"model": "ch*", "stage": "Staging", "spec": EVALUATE})
    assert [each["id"] for each in api("GET", "launch-rules")["rules"]] == [again["id"]]
    assert api("GET", "models/churn/launch-rules")["rules"][0]["spec"]["target"] == "job"
    client.promote("churn", 1, "Staging")
    launch = client.list_launches(name="churn", version=1, max_results=1)[0]
    assert (launch.rule, launch.purpose) == (again["id"], "evaluate")
    events = api("GET", f"launches/{launch.launch_id}/events")["events"]
    assert events[0]["state"] == "WAITING"
    with pytest.raises(BadRequest, match="source: is said by the version"):
        api("POST", "launch-rules", {"model": "*", "stage": "Staging", "spec": {"source": SOURCE}})
    api("DELETE", f"launch-rules/{again['id']}")
    with pytest.raises(NotFound, match="No launch rule"):
        api("DELETE", f"launch-rules/{again['id']}")


def test_what_a_request_would_launch(podium: PodiumServer) -> None:
    rule = api("POST", "launch-rules", {"model": "churn", "stage": "Archived", "spec": EVALUATE})
    api("PUT", "models/churn/policies/Archived", {"approvals": 1})
    asked = client.promote("churn", 1, "Archived")
    [found] = launching.preview_promotion("churn", asked.id).launches
    assert (found.target, found.rule, found.version) == ("job", "churn", 1)
    assert found.tried.accepted
    assert [each.kind for each in found.tried.verdicts] == ["Job"]
    shown = command(podium, "launch", "preview", "churn", str(asked.id))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("# evaluate on job for Archived, as the rule for churn says")
    assert "kind: Job" in shown.stdout
    assert "accepted" in shown.stderr
    client.withdraw("churn", asked.id)
    assert launching.preview_promotion("churn", asked.id).launches == ()
    api("DELETE", f"launch-rules/{rule['id']}")


def test_a_pod_of_a_model_that_is_renamed_starts_again(
    podium: PodiumServer, kubernetes: ApiServer, tmp_path: Path
) -> None:
    with client.start_run() as run:
        client.log_text("flavors: {}", "model/MLmodel")
        client.register_model("forecast", run=run)
    source = {"model": "forecast", "version": 1, "stage": "Production"}
    launch = client.launch(SERVE, source=source, tracking={"uri": podium.url})
    until(lambda: client.get_launch(launch.launch_id).state == "PENDING")
    [container] = kubernetes.find("Deployment")["spec"]["template"]["spec"]["containers"]
    folder, command = str(tmp_path / "model"), container["command"]
    command = [folder if each == "/scratch/model" else each for each in command]
    mlserver = tmp_path / "mlserver"
    mlserver.write_text('#!/bin/sh\ncat "$2/model-settings.json"\n')
    mlserver.chmod(0o755)
    environ = {"PODIUM_TRACKING_URI": podium.url, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    names = {"name": "forecast", "new_name": "weather"}
    server = session.current().server()
    server.request("POST", "/api/2.0/mlflow/registered-models/rename", json=names)
    started = subprocess.run(
        [*PODIUM, *command[1:]],
        env={**environment(), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    # Who asks for it knows it by the name under which it was launched.
    assert json.loads(started.stdout)["name"] == "forecast"
    again = server.request("GET", f"/launches/new?again={launch.launch_id}").body.decode()
    assert 'value="weather"' in again
    assert 'value="forecast"' not in again
    client.stop_launch(launch.launch_id)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (None, "'spec' must be a JSON object"),
        ({}, "target: is missing"),
        ({"target": "job", "source": 3}, "source"),
        ({**TRAIN, "source": {"model": "churn", "version": "x"}}, "version"),
        ({**TRAIN, "source": {"model": "churn", "version": 1.5}}, "version"),
        ({**TRAIN, "source": {"model": ["churn"], "version": 1}}, "not found"),
        ({**KSERVE, "source": SOURCE, "canary": {"version": {}}}, "canary"),
        ({**TRAIN, "source": SOURCE, "run_id": {}}, "run_id"),
    ],
)
def test_nonsense_is_refused(podium: PodiumServer, spec: Any, says: str) -> None:
    with pytest.raises(PodiumError, match=says) as refused:
        launching.launch(spec) if spec is not None else api("POST", "launches", {})
    assert refused.value.status in (400, 404)
