"""Kubeflow Pipelines, played by a server of a few lines: one run, whatever dies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from podium.client.launches import LaunchState
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.kube import NotNow, Refused
from podium.registry.launch.site import Connection
from podium.registry.launches import leases, start
from podium.registry.launches.pipelines import Pipelines

from .conftest import TRAIN, World, condition
from .killing import killed

RUN: dict[str, Any] = {
    "target": "kfp",
    "purpose": "train",
    "options": {"pipeline_id": "5a1f2c64-8b0e-4d6c-9a53-2f1f0b7f3d11"},
}


class Api(ThreadingHTTPServer):
    runs: dict[str, dict[str, Any]]
    redirect: str = ""
    status: int = 0
    """What it answers to everything; below zero it hangs up."""
    asked: int = 0
    login: Mapping[str, str]
    """Headers without which nobody is answered, as where several teams have theirs."""
    experiments: Mapping[str, str]
    """By their ids, the namespaces they are of; then runs are listed by namespace alone."""


class Handler(BaseHTTPRequestHandler):
    server: Api

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked += 1
        if self.server.status:
            return self._answer(self.server.status, {"message": "no"})
        if self.server.redirect:
            return self._answer(302, {})
        if self._is_nobody():
            return self._answer(401, {"message": "who are you?"})
        if "/experiments/" in parts.path:
            space = self.server.experiments.get(parts.path.rpartition("/")[2])
            body = {"namespace": space} if space else {"message": "no such experiment"}
            return self._answer(200 if space else 404, body)
        if parts.query:
            query = parse_qs(parts.query)
            if self.server.experiments and query.get("namespace") != ["team-a"]:
                return self._answer(400, {"message": "a namespace is needed"})
            [found] = query["filter"]
            [predicate] = json.loads(found)["predicates"]
            name = predicate["string_value"]
            runs = [each for each in self.server.runs.values() if each["display_name"] == name]
            return self._answer(200, {"runs": runs} if runs else {})
        run = self.server.runs.get(parts.path.rpartition("/")[2])
        return self._answer(200 if run else 404, run or {"message": "not found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.server.status:
            return self._answer(self.server.status, {"message": "no"})
        if self._is_nobody():
            return self._answer(401, {"message": "who are you?"})
        if self.path.endswith(":terminate"):
            run = self.server.runs[self.path.rpartition("/")[2].partition(":")[0]]
            run["state"] = "CANCELED"
            return self._answer(200, {})
        run_id = f"run-{len(self.server.runs)}"
        self.server.runs[run_id] = {"run_id": run_id, "state": "PENDING", **body}
        return self._answer(200, self.server.runs[run_id])

    def _is_nobody(self) -> bool:
        return any(self.headers.get(name) != each for name, each in self.server.login.items())

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        if status < 0:
            self.close_connection = True
            return
        text = json.dumps(body).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.redirect)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    server = Api(("127.0.0.1", 0), Handler)
    server.runs, server.login, server.experiments = {}, {}, {}
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site = json.loads(world.path.read_text())
    site["clusters"]["main"]["pipelines"] = f"http://127.0.0.1:{server.server_port}"
    world.path.write_text(json.dumps(site))
    yield server
    server.shutdown()
    server.server_close()


def test_a_run_of_a_pipeline(world: World, api: Api) -> None:
    world.version()
    launch = world.start(RUN)
    world.work()
    world.work()
    [run] = api.runs.values()
    assert run["runtime_config"]["parameters"]["run_id"] == launch.run_id
    assert world.launch(launch).state is LaunchState.PENDING
    run["state"] = "RUNNING"
    world.work()
    assert world.launch(launch).state is LaunchState.RUNNING
    run["state"] = "SUCCEEDED"
    world.work()
    told = world.launch(launch)
    assert (told.state, told.endpoint) == (LaunchState.SUCCEEDED, "#/runs/details/run-0")


class TestOfSeveralTeams:
    """Kubeflow Pipelines in multi-user mode: who asks says so, and runs are of a namespace."""

    @pytest.fixture(autouse=True)
    def teams(self, world: World, api: Api, tmp_path: Path) -> Path:
        api.login = {"Authorization": "Bearer first", "kubeflow-userid": "podium@example.com"}
        api.experiments = {"theirs": "team-b", "ours": "team-a"}
        token = tmp_path / "pipelines-token"
        token.write_text("first\n")
        site = json.loads(world.path.read_text())
        site["clusters"]["main"] |= {
            "pipelines_token": str(token),
            "pipelines_user": "podium@example.com",
            "pipelines_namespace": "team-a",
        }
        world.path.write_text(json.dumps(site))
        world.version()
        return token

    def of(self, experiment: str) -> dict[str, Any]:
        return {**RUN, "options": {**RUN["options"], "experiment_id": experiment}}

    def test_a_run(self, world: World, api: Api, teams: Path) -> None:
        launch = world.start(self.of("ours"))
        world.work()
        assert world.launch(launch).state is LaunchState.PENDING
        # Kubernetes replaces the tokens it gives out before they expire.
        teams.write_text("second\n")
        api.login = {**api.login, "Authorization": "Bearer second"}
        api.runs["run-0"]["state"] = "SUCCEEDED"
        world.work()
        assert world.launch(launch).state is LaunchState.SUCCEEDED

    def test_its_experiment_is_of_that_namespace(self, world: World, api: Api) -> None:
        launch = world.start(self.of("theirs"))
        world.work()
        told = world.launch(launch)
        assert told.state is LaunchState.FAILED
        assert "options.experiment_id: is of the namespace team-b" in told.message
        assert api.runs == {}
        with pytest.raises(InvalidLaunch, match=r"options\.experiment_id: is missing"):
            world.start(RUN)

    def test_a_token_that_cannot_be_read(self, world: World, api: Api, teams: Path) -> None:
        teams.unlink()
        launch = world.start(self.of("ours"))
        world.work()
        told = world.launch(launch)
        assert told.state is LaunchState.WAITING
        assert f"The token {teams} cannot be read" in told.message


def test_kill_9_at_every_step(world: World, api: Api, sqlite_url: str, tmp_path: Path) -> None:
    """One that was made and not written down is found."""
    world.version()
    launch = world.start(RUN)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"planned", "run made", "applied", "written", "seen"} <= set(points)
    assert len(api.runs) == 1
    assert world.launch(launch).state is LaunchState.PENDING
    start.stop(world.db, launch.launch_id)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"stopped", "seen"} <= set(points)
    assert world.launch(launch).state is LaunchState.STOPPED
    assert [each["state"] for each in api.runs.values()] == ["CANCELED"]


def test_stopping(world: World, api: Api) -> None:
    world.version()
    launch = world.start(RUN)
    world.work()
    start.stop(world.db, launch.launch_id)
    world.work()
    world.work()
    assert api.runs["run-0"]["state"] == "CANCELED"
    assert world.launch(launch).state is LaunchState.STOPPED


@pytest.mark.parametrize("status", [-1, 500, 403])
def test_where_it_does_not_answer_the_cluster_is_looked_after(
    world: World, api: Api, status: int
) -> None:
    world.version()
    launch, stopped = world.start(RUN), world.start(RUN)
    world.work()
    job = world.start(TRAIN)
    world.work()
    start.stop(world.db, stopped.launch_id)
    api.status = status
    late = world.start(RUN)
    world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
    for _ in range(2):
        world.work()
    assert world.launch(job).state is LaunchState.SUCCEEDED
    assert leases.problems(world.db) == {}
    told = [world.launch(each) for each in (launch, stopped)]
    assert {each.state for each in told} == {LaunchState.PENDING}
    assert all(each.diagnosis if status == 403 else each.message for each in told)
    if status == 403:  # it does answer
        assert world.launch(late).state is LaunchState.FAILED
        return
    assert (world.launch(late).state, world.launch(late).reason) == ("WAITING", "NotNow")
    api.status = 0
    world.clock.pass_seconds(600)
    another = world.new_worker()
    for _ in range(2):
        world.work(another)
    assert world.launch(launch).reason == ""
    assert world.launch(stopped).state is LaunchState.STOPPED
    assert world.launch(late).state is LaunchState.PENDING


def test_one_that_is_away_is_asked_less_and_less(api: Api) -> None:
    """Each question may take half a minute, and a cluster waits for it."""
    seconds = 0.0
    there = Connection(pipelines=f"http://127.0.0.1:{api.server_port}")
    door = Pipelines("main", there, clock=lambda: seconds)
    api.status = -1
    for _ in range(600):
        with pytest.raises(NotNow, match="does not answer"):
            door.find("x")
        seconds += 1
    assert 10 < api.asked < 120
    api.status = 0
    seconds += 60
    assert door.find("x") is None


def test_a_site_that_names_it_no_more_ends_no_launch(world: World, api: Api) -> None:
    world.version()
    launch = world.start(RUN)
    world.work()
    site = json.loads(world.path.read_text())
    address = site["clusters"]["main"].pop("pipelines")
    world.path.write_text(json.dumps(site))
    world.clock.pass_seconds(40)
    world.work()
    told = world.launch(launch)
    assert told.state is LaunchState.PENDING
    assert "the site's file names none" in told.message
    site["clusters"]["main"]["pipelines"] = address
    world.path.write_text(json.dumps(site))
    api.runs["run-0"]["state"] = "SUCCEEDED"
    world.clock.pass_seconds(40)
    world.work()
    assert world.launch(launch).state is LaunchState.SUCCEEDED


def test_a_cluster_without_is_refused(world: World) -> None:
    world.version()
    with pytest.raises(InvalidLaunch, match="main has no Kubeflow Pipelines"):
        world.start(RUN)


def test_where_it_leads_is_the_administrators_to_say(api: Api) -> None:
    """Redirects are not followed, and an id that is none is not put into an address."""
    door = Pipelines("main", Connection(pipelines=f"http://127.0.0.1:{api.server_port}"))
    assert door.get("../../admin") is None
    api.redirect = "http://169.254.169.254/"
    with pytest.raises(Refused, match="302"):
        door.find("x")
