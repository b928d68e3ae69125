"""Sweeping through our own client, command and API: a real server, its worker, and a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from podium import client
from podium.client import session
from podium.client.errors import BadRequest, Conflict, NotFound, PodiumError

from ...services.podium import PodiumServer, podium_up
from ..launch.apiserver import ApiServer, Object
from ..launches.conftest import condition
from ..launches.test_surface import api, command, until
from .conftest import PARAMETERS, SPEC, spec


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    with ApiServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def podium(
    kubernetes: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodiumServer]:
    folder = tmp_path_factory.mktemp("sweeps")
    site = folder / "site.yaml"
    main = {"kubeconfig": kubernetes.kubeconfig(folder), "namespace": "team"}
    site.write_text(json.dumps({"clusters": {"main": main}}))
    with podium_up(folder / "data", environ={"PODIUM_LAUNCH_SITE": str(site)}) as server:
        client.configure(server.url)
        yield server
        session.end()


def _job(kubernetes: ApiServer, number: int) -> Object | None:
    jobs = kubernetes.all("Job")
    return jobs[number] if len(jobs) > number else None


def _metrics(run_id: str) -> object:
    return client.get_run(run_id).metrics


def test_a_sweep_through_the_client(podium: PodiumServer, kubernetes: ApiServer) -> None:
    section = {**SPEC["sweep"], "trials": 2, "parallel": 1}
    sweep = client.sweep(SPEC, sweep=section)
    assert (sweep.state, sweep.active, sweep.seed) == ("RUNNING", True, 7)
    for number in range(2):
        job = until(partial(_job, kubernetes, number))
        with client.start_run(run_id=job["metadata"]["labels"]["podium/run-id"]) as run:
            run.log_metric("loss", 0.5 - number / 10)
        until(partial(_metrics, run.run_id))
        kubernetes.say(job, conditions=[condition("Complete")])
    done = client.wait_for_sweep(sweep.sweep_id, timeout=20, every=0.1)
    assert (done.state, done.counts) == (client.SweepState.SUCCEEDED, {"COMPLETE": 2})
    assert done.best is not None
    assert (done.best.number, done.best.value) == (1, 0.4)
    assert [each.value for each in client.sweep_trials(sweep.sweep_id)] == [0.5, 0.4]
    assert client.list_sweeps(run_id=done.run_id) == [done]
    assert client.list_sweeps(name="churn", active=True) == []
    with pytest.raises(Conflict, match="it is SUCCEEDED"):
        client.stop_sweep(sweep.sweep_id)
    shown = command(podium, "sweep", "show", sweep.sweep_id).stdout
    assert "minimize loss, random with seed 7" in shown
    assert "loss 0.4 (trial 1)" in shown
    assert len(command(podium, "sweep", "trials", sweep.sweep_id).stdout.splitlines()) == 2


def test_the_command(podium: PodiumServer, tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(command(podium, "sweep", "example").stdout)
    assert "kind: Job" in command(podium, "sweep", "render", "-f", str(path)).stdout
    path.write_text(json.dumps(spec(trials=3, parallel=1)))
    started = command(podium, "sweep", "start", "-f", str(path))
    assert started.returncode == 0, started.stderr
    sweep = started.stdout.strip()
    until(lambda: client.get_sweep(sweep).counts)
    assert sweep in command(podium, "sweep", "list", "--active").stdout
    assert command(podium, "sweep", "stop", sweep).returncode == 0
    assert client.wait_for_sweep(sweep, timeout=20, every=0.1).state == "STOPPED"
    path.write_text(json.dumps({**spec(goal="least"), "image": "train:1"}))
    for action in ("start", "render"):
        wrong = command(podium, "sweep", action, "-f", str(path))
        assert wrong.returncode == 1
        assert [line.split(":")[0] for line in wrong.stderr.splitlines()] == ["sweep.goal", "image"]


def test_pages_of_trials(podium: PodiumServer) -> None:
    parameters = [{"name": "lr", "type": "choice", "values": [1, 2, 3]}]
    data = {**spec(algorithm="grid", parallel=3, parameters=parameters)}
    sweep = client.sweep({**data, "args": ["${sweep.lr}"], "env": {}})
    until(lambda: sum(client.get_sweep(sweep.sweep_id).counts.values()) == 3)
    path = f"sweeps/{sweep.sweep_id}/trials"
    first = api("GET", f"{path}?max_results=2")
    assert [each["number"] for each in first["trials"]] == [0, 1]
    second = api("GET", f"{path}?page_token={first['next_page_token']}")
    assert [each["params"] for each in second["trials"]] == [{"lr": "3"}]
    assert "next_page_token" not in second
    found = api("GET", "sweeps?max_results=1")
    assert api("GET", f"sweeps?page_token={found['next_page_token']}")["sweeps"]
    client.stop_sweep(sweep.sweep_id)


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "sweeps", {}, "'spec' must be a JSON object: podium sweep example prints one"),
        ("POST", "sweeps", {"spec": {}}, "sweep: is missing"),
        ("POST", "sweeps", {"spec": {"sweep": {"metric": 3}}}, "sweep.metric: must be a text"),
        ("POST", "sweeps", {"spec": {**SPEC, "args": {}}}, "args: must be a list"),
        ("POST", "sweeps", {"spec": {**SPEC, "target": ["job"]}}, "target"),
        ("GET", "sweeps?max_results=0", None, "must be between 1 and 1000"),
        ("GET", "sweeps?page_token=x", None, "Invalid page token"),
    ],
)
def test_nonsense_is_refused(
    podium: PodiumServer, method: str, path: str, body: object, says: str
) -> None:
    assert PARAMETERS
    with pytest.raises(BadRequest, match=says.replace("[", r"\[")):
        api(method, path, body)


def test_one_that_is_none(podium: PodiumServer) -> None:
    for ask in (client.get_sweep, client.sweep_trials, client.stop_sweep):
        with pytest.raises(NotFound, match="No sweep with id='nothing'"):
            ask("nothing")
    with pytest.raises(PodiumError):
        client.list_sweeps(max_results=0)
