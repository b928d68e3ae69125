"""Trainings and evaluations, from the row to the kept log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from podium.client.entities import RunStatus
from podium.client.errors import (
    Conflict,
    NotFound,
    PodiumError,
    QuotaExceeded,
    Unavailable,
)
from podium.client.launches import Launch, LaunchState
from podium.registry import promotion, registered, webhooks
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.kube import Away
from podium.registry.launch.names import LAUNCH
from podium.registry.launches import leases, start
from podium.registry.launches.dry_run import dry_run
from podium.registry.launches.read import kept_log, launch_events
from podium.registry.launches.tables import LaunchCluster
from podium.registry.outbox import OutboxEvent
from podium.registry.promotion import facts, policies
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.registry.promotion.read import get_request
from podium.registry.read import find_version
from podium.tracker import audit, runs
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.storage import digests
from sqlalchemy import select

from ..launch.apiserver import Object
from .conftest import EVALUATE, SERVE, TRAIN, World, condition, ready

assert webhooks

RUNNING = {"state": {"running": {"startedAt": "2027-01-15T08:00:00Z"}}, "name": "main"}


def test_a_request_that_waits_for_it_goes_on(world: World) -> None:
    version = world.version()
    gate = {"gate": "launch", "target": "job"}
    policies.set_policy(world.db, "churn", "Production", {"gates": [gate]})
    asked = promotion.promote(world.db, name="churn", version=version, stage="Production")
    assert asked.waiting
    world.start(EVALUATE)
    world.work()
    world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
    world.work()
    review = Review(world.db, Outside(), anonymous=True)
    assert review.turn() == 1
    assert get_request(world.db, "churn", asked.id).done


def test_what_evaluates_a_version_waits_until_its_files_are_read(world: World) -> None:
    """Else nobody could say which files it was that it succeeded with."""
    version = world.version(read=False)
    launch = world.start(EVALUATE)
    world.work()
    assert world.launch(launch).state is LaunchState.WAITING
    assert not world.launch(launch).objects
    world.read(version)
    world.work()
    world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
    world.work()
    with world.db.reading() as session:
        [seen] = facts.subject_of(session, find_version(session, "churn", version)).launches
    assert seen == ("job", "evaluate", "SUCCEEDED", f"{version:064x}")


def test_what_serves_a_version_does_not_wait(world: World) -> None:
    world.version(read=False)
    launch = world.start(SERVE)
    world.work()
    assert world.launch(launch).objects


def test_from_start_to_end(world: World) -> None:
    world.version()
    launch = world.start(TRAIN, resources={"cpu": "2", "gpu": {"count": 2}})
    assert launch.state is LaunchState.WAITING
    world.work()
    job = world.server.find("Job")
    container = job["spec"]["template"]["spec"]["containers"][0]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert env["PODIUM_RUN_ID"] == launch.run_id
    assert env["MODEL_URI"].startswith("s3://bucket/podium/0/")
    run = runs.get_run(world.db, str(launch.run_id))
    assert run.status is RunStatus.SCHEDULED
    assert run.run_name == "train churn v1"
    assert run.tags["podium.launch"] == launch.launch_id
    now = world.launch(launch)
    assert (now.state, now.cluster, now.namespace) == (LaunchState.PENDING, "main", "team")
    assert [each.kind for each in now.objects] == ["Job"]

    world.server.say(job, active=1, ready=1)
    pod = world.pod(job, containerStatuses=[_running(world)])
    world.work()
    assert world.launch(launch).state is LaunchState.RUNNING
    world.clock.pass_seconds(100)
    world.work()
    told = world.launch(launch)
    assert told.gpu_seconds == pytest.approx(200, abs=1)
    assert told.cost == pytest.approx(100 / 3600 * (2 * 3.6 + 2 * 0.36), rel=0.01)
    assert told.currency == "EUR"

    world.server.logs["pod"] = "".join(f"2027-01-15T08:00:0{n}Z line {n}\n" for n in range(3))
    world.server.say(pod, containerStatuses=[])
    world.server.say(job, conditions=[condition("Complete")])
    world.work()
    done = world.launch(launch)
    assert done.state is LaunchState.SUCCEEDED
    assert done.ended is not None
    assert kept_log(world.db, launch.launch_id) == ["line 0", "line 1", "line 2"]
    assert done.logs == ("launch-logs/pod.main.log",)
    ended = runs.get_run(world.db, str(launch.run_id))
    assert ended.status is RunStatus.FINISHED
    root = parse_artifact_uri(ended.artifact_uri)
    names = {each.path for each in world.store.list(root / type(root)("launch-logs"))}
    assert names == {"pod.main.log"}
    before = dict(world.server.calls)
    assert world.worker.turn() == 0  # nothing is left to do
    assert dict(world.server.calls) == before


def _running(world: World) -> dict[str, Any]:
    return {"name": "main", "state": {"running": {"startedAt": "2027-01-15T08:00:00Z"}}}


def test_why_it_failed_is_known_when_its_pods_are_gone(world: World) -> None:
    """As those of a job that is tried again in the same pod."""
    world.version()
    launch = world.start(TRAIN)
    world.work()
    job = world.server.find("Job")
    ended = {"terminated": {"exitCode": 3, "reason": "Error", "message": "no such file"}}
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    loops = {"name": "main", "restartCount": 6, "state": waits, "lastState": ended}
    pod = world.pod(job, containerStatuses=[loops])
    world.work()
    assert world.launch(launch).reason == "CrashLoop"
    world.server.remove(pod)
    world.work()
    assert world.launch(launch).reason == "CrashLoop"
    world.server.say(job, conditions=[condition("Failed", reason="BackoffLimitExceeded")])
    world.work()
    failed = world.launch(launch)
    assert (failed.state, failed.reason) == (LaunchState.FAILED, "CrashLoop")
    assert failed.diagnosis
    assert failed.diagnosis.said == "no such file"


def test_what_happened_is_told(world: World) -> None:
    world.version()
    launch = world.start(EVALUATE)
    world.work()
    world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
    world.work()
    told = launch_events(world.db, launch.launch_id)
    assert [each.state for each in told] == ["WAITING", "PENDING", "SUCCEEDED"]
    with world.db.reading() as session:
        events = session.scalars(
            select(OutboxEvent)
            .where(OutboxEvent.type == "LAUNCH_STATE_CHANGED")
            .order_by(OutboxEvent.id)
        ).all()
    assert [json.loads(each.data)["to_state"] for each in events] == [
        "WAITING",
        "PENDING",
        "SUCCEEDED",
    ]
    assert {each.key for each in events} == {"churn"}
    actions = [row["action"] for row in audit.search(world.db, max_results=10).items]
    assert "launch.start" in actions


def test_the_end_is_the_end(world: World) -> None:
    world.version()
    launch = world.start(TRAIN)
    world.work()
    job = world.server.find("Job")
    world.server.say(job, conditions=[condition("Complete")])
    world.work()
    world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
    world.work()
    world.server.remove(job)
    world.work()
    assert world.launch(launch).state is LaunchState.SUCCEEDED
    assert len(world.server.made) == 1


class TestFailing:
    def test_by_its_code(self, world: World) -> None:
        """It is not tried again: it would fail again."""
        world.version()
        launch = world.start(TRAIN)
        world.work()
        job = world.server.find("Job")
        ended = {"exitCode": 137, "reason": "OOMKilled"}
        world.pod(job, containerStatuses=[{"name": "main", "state": {"terminated": ended}}])
        world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
        world.work()
        told = world.launch(launch)
        assert (told.state, told.reason) == (LaunchState.FAILED, "OOMKilled")
        assert told.diagnosis is not None
        assert "resources.memory" in told.diagnosis.fix
        assert runs.get_run(world.db, str(launch.run_id)).status is RunStatus.FAILED
        assert len(world.server.made) == 1

    def test_by_the_system(self, world: World) -> None:
        """It is tried again under another name, and not for ever."""
        world.version()
        launch = world.start(TRAIN)
        for _ in range(4):
            world.clock.pass_seconds(600)
            world.work()
            [job] = [each for each in world.server.all("Job") if not each.get("status")]
            world.pod(job, job["metadata"]["name"] + "-x", reason="NodeLost")
            world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
            world.work()
        told = world.launch(launch)
        assert (told.state, told.reason, told.attempt) == (LaunchState.FAILED, "NodeLost", 4)
        assert len(set(world.server.made)) == 4
        states = [each.state for each in launch_events(world.db, launch.launch_id)]
        assert states == [*["WAITING", "PENDING"] * 4, "FAILED"]

    def test_by_the_system_leaves_its_log_and_nothing_else(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN, workers=2)
        world.work()
        job = world.server.find("Job")
        world.pod(job, "first", reason="NodeLost")
        world.server.logs["first"] = "2027-01-15T08:00:00Z so far\n"
        world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
        world.work()
        world.clock.pass_seconds(600)
        world.work()
        again = world.server.find("Job")
        assert again["metadata"]["name"] != job["metadata"]["name"]
        assert world.server.find("Service")["metadata"]["name"] == again["metadata"]["name"]
        assert world.launch(launch).logs == ("launch-logs/attempt-1/first.main.log",)

        world.pod(again, "second")
        world.server.logs["second"] = "2027-01-15T08:10:00Z done\n"
        world.server.say(again, conditions=[condition("Complete")])
        world.work()
        told = world.launch(launch)
        assert (told.state, told.attempt) == (LaunchState.SUCCEEDED, 2)
        files = ("launch-logs/second.main.log", "launch-logs/attempt-1/first.main.log")
        assert told.logs == files
        assert kept_log(world.db, launch.launch_id) == ["done"]
        run = runs.get_run(world.db, str(launch.run_id))
        folder = parse_artifact_uri(run.artifact_uri) / ArtifactPath("launch-logs/attempt-1")
        assert [each.path for each in world.store.list(folder)] == ["first.main.log"]

    def test_by_the_system_waits_for_a_store_that_is_away(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not for ever, and not where it is to stop."""
        world.version()
        launches = [world.start(TRAIN) for _ in range(2)]
        world.work()
        for number, job in enumerate(world.server.all("Job")):
            world.pod(job, f"pod-{number}", reason="NodeLost")
            world.server.logs[f"pod-{number}"] = "2027-01-15T08:00:00Z so far\n"
            world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])

        def fail(*_: object, **__: object) -> None:
            raise Unavailable("no store")

        monkeypatch.setattr(digests, "put", fail)
        world.work()
        world.clock.pass_seconds(20)
        world.work()
        assert {world.launch(each).state for each in launches} == {LaunchState.WAITING}
        assert len(world.server.made) == len(world.server.all("Job")) == 2
        start.stop(world.db, launches[0].launch_id)
        world.work()
        assert world.launch(launches[0]).state is LaunchState.STOPPED
        world.clock.pass_seconds(3660)
        world.work()
        assert world.launch(launches[1]).state is LaunchState.PENDING
        assert len(world.server.made) == 3

    def test_because_somebody_deleted_it(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN)
        world.work()
        world.server.remove(world.server.find("Job"))
        world.work()
        assert (world.launch(launch).state, world.launch(launch).reason) == ("FAILED", "Gone")
        assert len(world.server.made) == 1

    def test_because_the_cluster_refuses_it(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN)
        world.server.fail.append((403, 'jobs.batch is forbidden: User "podium" cannot patch'))
        world.work()
        told = world.launch(launch)
        assert (told.state, told.reason) == (LaunchState.FAILED, "Forbidden")
        assert told.diagnosis is not None
        assert "Role" in told.diagnosis.fix

    def test_leaves_nothing_of_it(self, world: World) -> None:
        """The workers' Service is there by then."""
        world.version()
        launch = world.start(TRAIN, workers=2)
        world.server.denied.add("patch jobs")
        for _ in range(2):
            world.work()
        told = world.launch(launch)
        assert (told.state, told.reason) == (LaunchState.FAILED, "Forbidden")
        assert world.server.objects == {}

    @pytest.mark.parametrize("right", ["get jobs", "delete services"])
    def test_ends_though_its_leftovers_may_not_be_looked_for(
        self, world: World, right: str
    ) -> None:
        world.version()
        launch = world.start(TRAIN, workers=2)
        world.server.denied |= {"patch jobs", right}
        for _ in range(2):
            world.work()
        assert world.launch(launch).reason == "Forbidden"
        assert runs.get_run(world.db, str(launch.run_id)).status is RunStatus.FAILED
        before = dict(world.server.calls)
        assert world.worker.turn() == 0
        assert dict(world.server.calls) == before

    @pytest.mark.parametrize("error", [Unavailable("no connection"), QuotaExceeded("too much")])
    def test_because_its_run_cannot_be_made(
        self, world: World, monkeypatch: pytest.MonkeyPatch, error: PodiumError
    ) -> None:
        """A database that does not answer for a while is no reason."""
        world.version()
        launch = world.start(TRAIN)

        def fail(*_: object, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(runs, "create_run", fail)
            if error.retryable:
                with pytest.raises(Unavailable):
                    world.work()
            else:
                world.work()
        told = world.launch(launch)
        expected = (LaunchState.WAITING, "") if error.retryable else (LaunchState.FAILED, "NoRun")
        assert (told.state, told.reason) == expected
        world.clock.pass_seconds(40)
        world.work()
        assert len(world.server.made) == error.retryable

    def test_what_it_lacks_is_said_while_it_waits(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN)
        world.work()
        scheduled = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        }
        world.pod(world.server.find("Job"), phase="Pending", conditions=[scheduled])
        world.work()
        told = world.launch(launch)
        assert told.state is LaunchState.PENDING
        assert told.diagnosis is not None
        assert "nvidia.com/gpu" in told.diagnosis.sentence

    def test_over_its_deadline(self, world: World) -> None:
        """A system ends it itself; one that does not is told to."""
        world.version()
        launch = world.start(TRAIN, deadline="1h")
        world.work()
        job = world.server.find("Job")
        world.clock.pass_seconds(3600 + 61)
        world.work()
        world.work()
        assert job["spec"]["suspend"] is True
        world.work()
        told = world.launch(launch)
        assert (told.state, told.reason) == (LaunchState.FAILED, "DeadlineExceeded")


class TestStopping:
    def test_a_running_one(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN)
        world.work()
        job = world.server.find("Job")
        world.pod(job, containerStatuses=[_running(world)])
        world.server.logs["pod"] = "2027-01-15T08:00:00Z so far\n"
        start.stop(world.db, launch.launch_id)
        world.work()
        world.work()
        told = world.launch(launch)
        assert told.state is LaunchState.STOPPED
        assert kept_log(world.db, launch.launch_id) == ["so far"]
        assert world.server.all("Job") == []
        assert runs.get_run(world.db, str(launch.run_id)).status is RunStatus.KILLED
        with pytest.raises(Conflict, match="it is STOPPED"):
            start.stop(world.db, launch.launch_id)

    def test_one_that_has_not_begun(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN)
        start.stop(world.db, launch.launch_id)
        world.work()
        assert world.launch(launch).state is LaunchState.STOPPED
        assert world.server.made == []

    def test_with_its_model(self, world: World) -> None:
        world.version()
        launch = world.start(TRAIN)
        world.work()
        registered.delete_model(world.db, "churn")
        world.work()
        world.work()
        assert world.launch(launch).state is LaunchState.STOPPED


class TestAClusterThatIsAway:
    def test_for_a_minute(self, world: World) -> None:
        """Nothing is lost or done twice, and it is asked less and less."""
        world.version()
        first = world.start(TRAIN)
        world.work()
        world.server.down = True
        second = world.start(EVALUATE)
        failures = 0
        for _ in range(60):
            world.clock.pass_seconds(1)
            try:
                world.work()
            except Unavailable:
                failures += 1
        assert 2 <= failures <= 30
        assert world.launch(first).state is LaunchState.PENDING
        assert world.launch(second).state is LaunchState.WAITING
        world.server.down = False
        world.clock.pass_seconds(60)
        world.work()
        assert world.launch(second).state is LaunchState.PENDING
        assert len(world.server.made) == 2

    def test_for_one_launch_only(self, world: World) -> None:
        """A webhook in the cluster that fails says nothing of other launches."""
        world.version()
        first, second = world.start(TRAIN), world.start(EVALUATE)
        world.server.fail.append((500, "failed calling webhook"))
        world.work()
        assert world.launch(first).reason == "NotNow"
        assert world.launch(second).state is LaunchState.PENDING
        world.clock.pass_seconds(600)
        world.work()
        assert world.launch(first).state is LaunchState.PENDING

    def test_for_one_that_is_to_stop(self, world: World) -> None:
        """Others are stopped, and what has ended is closed, in the same turn."""
        world.version()
        first, second, third = (world.start(TRAIN) for _ in range(3))
        world.work()
        jobs = {each.launch_id: _job_of(world, each) for each in (first, second, third)}
        for launch in (first, second):
            start.stop(world.db, launch.launch_id)
        world.server.say(jobs[third.launch_id], conditions=[condition("Complete")])
        world.server.fail.append((500, "failed calling webhook"))
        world.work()
        assert "suspend" not in jobs[first.launch_id]["spec"]
        assert jobs[second.launch_id]["spec"]["suspend"] is True
        assert runs.get_run(world.db, str(third.run_id)).status is RunStatus.FINISHED
        assert leases.problems(world.db) == {}
        told = launch_events(world.db, first.launch_id)[-1]
        assert told.reason == "NotNow"
        assert "failed calling webhook" in told.message
        world.clock.pass_seconds(40)
        another = world.new_worker()  # this one waits ten seconds before it tells it again
        for _ in range(2):
            world.work(another)
        assert world.launch(first).state is LaunchState.STOPPED

    def test_for_one_kind_only(self, world: World) -> None:
        """What is of that kind stands as it stood, also for a worker that has never seen it."""
        world.version()
        job, service = world.start(TRAIN), world.start(SERVE)
        world.work()
        deployment = world.server.find("Deployment")
        world.server.say(deployment, **ready(deployment))
        world.pod(deployment)
        world.work()
        assert world.launch(service).state is LaunchState.READY
        before = world.launch(service)
        world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
        world.server.unable.add("list deployments")
        world.clock.pass_seconds(40)
        world.work(world.new_worker())
        assert world.launch(job).state is LaunchState.SUCCEEDED
        assert world.launch(service) == before
        assert leases.problems(world.db) == {}

    def test_for_the_reasons_only(self, world: World) -> None:
        world.version()
        job = world.start(TRAIN)
        world.server.unable.add("list events")
        world.work()
        assert world.launch(job).state is LaunchState.PENDING
        assert leases.problems(world.db) == {}

    def test_for_all_kinds(self, world: World) -> None:
        """It answers, and yet it is away: as an API server without its etcd."""
        world.version()
        job = world.start(TRAIN)
        world.work()
        world.server.unable |= {"list jobs", "list pods"}
        for _ in range(2):
            world.clock.pass_seconds(40)
            with pytest.raises(Away):
                world.work()
        assert leases.problems(world.db)
        world.server.unable.clear()
        world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
        world.clock.pass_seconds(40)
        world.work()
        assert world.launch(job).state is LaunchState.SUCCEEDED
        assert leases.problems(world.db) == {}


def test_a_cluster_that_the_site_does_not_name_any_more(world: World) -> None:
    """What runs there stands as it stood, which is said until it is named again."""
    world.version()
    launch = world.start(TRAIN)

    def work() -> None:
        world.clock.pass_seconds(40)
        world.worker.turn()
        world.worker.finish()

    work()
    named = world.path.read_text()
    world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
    for clusters in ({}, {"other": json.loads(named)["clusters"]["main"]}):
        world.path.write_text(json.dumps({**json.loads(named), "clusters": clusters}))
        work()
        assert world.launch(launch).state is LaunchState.PENDING
        [(name, problem)] = leases.problems(world.db).items()
        assert name == "main"
        assert "PODIUM_LAUNCH_SITE does not name it any more" in problem
    world.path.write_text(named)
    work()
    assert world.launch(launch).state is LaunchState.SUCCEEDED
    assert leases.problems(world.db) == {}


def test_a_cluster_that_nobody_misses(world: World) -> None:
    """It was away when its last launch had ended, and is taken out of the site's file."""
    world.worker.turn()
    with world.db.writing() as session:
        session.add(LaunchCluster(name="old", away_since=5, failures=3, problem="no answer"))
    world.worker.turn()
    assert leases.problems(world.db) == {}


def _job_of(world: World, launch: Launch) -> Object:
    [found] = [
        each
        for each in world.server.all("Job")
        if each["metadata"]["labels"][LAUNCH] == launch.launch_id
    ]
    return found


def test_one_of_a_queue_is_not_suspended_again(world: World) -> None:
    world.version()
    launch = world.start(TRAIN, queue="team-queue")
    world.work()
    job = world.server.find("Job")
    waits = {
        "type": "QuotaReserved",
        "status": "False",
        "reason": "Pending",
        "message": "couldn't assign flavors: insufficient quota for nvidia.com/gpu in flavor f, "
        "2 more needed",
    }
    world.server.put(
        "workloads",
        {
            "apiVersion": "kueue.x-k8s.io/v1beta2",
            "kind": "Workload",
            "metadata": {
                "name": "job-w",
                "namespace": "team",
                "ownerReferences": [{"uid": job["metadata"]["uid"]}],
            },
            "spec": {"queueName": "team-queue"},
            "status": {"conditions": [waits]},
        },
    )
    world.work()
    assert world.launch(launch).reason == "QueueFull"
    job["spec"]["suspend"] = False
    world.server.say(job, ready=1)
    world.work(world.new_worker())
    assert job["spec"]["suspend"] is False


def test_of_a_run_it_is_told_where_its_files_are(world: World) -> None:
    run = runs.create_run(world.db, experiment_id="0").run_id
    world.start(TRAIN, name="again", source={"run": run})
    world.work()
    [container] = world.server.find("Job")["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert env["MODEL_URI"] == f"s3://bucket/podium/0/{run}/artifacts"
    # Where in there a model is that can be served, nobody has said.
    with pytest.raises(InvalidLaunch, match="storage: is missing; the target kserve needs it"):
        world.start({"target": "kserve", "purpose": "serve"}, source={"run": run})


def test_a_queue_in_a_cluster_without_kueue_is_said_to_start_nothing(world: World) -> None:
    world.server.missing.add("workloads")
    world.version()
    launch = world.start(TRAIN, queue="team-queue")
    world.work()
    told = world.launch(launch)
    assert (told.state, told.reason) == (LaunchState.PENDING, "MissingCRD")
    assert told.diagnosis is not None
    assert told.diagnosis.sentence == (
        "The cluster has no Kueue, which alone starts what is in a queue."
    )
    world.server.missing.clear()  # it is installed
    world.work()
    assert world.launch(launch).reason == "Queued"
    world.server.missing.add("workloads")  # one that has Workloads of another version
    job = world.server.find("Job")
    job["spec"]["suspend"] = False
    world.server.say(job, ready=1)
    world.work()
    told = world.launch(launch)
    assert (told.state, told.diagnosis) == (LaunchState.RUNNING, None)


def test_one_to_be_monitored_goes_on_where_nothing_monitors(world: World) -> None:
    world.server.missing.add("podmonitors")
    world.version()
    spec = {**TRAIN, "source": {"model": "churn", "version": 1}, "monitoring": {"port": 9090}}
    tried = dry_run(world.db, world.site, spec, artifacts=world.artifacts)
    assert tried.accepted
    assert [each.kind for each in tried.verdicts] == ["Job"]
    assert tried.manifests.startswith("# The cluster knows no PodMonitor, so Prometheus does not")
    launch = world.start(spec)
    world.work()
    assert world.launch(launch).state is LaunchState.PENDING
    [said] = [
        each for each in launch_events(world.db, launch.launch_id) if each.reason == "NoMonitor"
    ]
    assert "Prometheus Operator is not installed" in said.message
    world.server.missing.clear()
    again = world.start(spec)
    world.work()
    monitor = world.server.find("PodMonitor")
    assert monitor["metadata"]["labels"][LAUNCH] == again.launch_id


class TestRefusing:
    """Before the cluster sees it, and before there is a row."""

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"target": "nomad"}, "target: 'nomad' is none"),
            ({"image": "reg/train:1"}, "image: must be an image by digest"),
            ({"hostPath": "/"}, "hostPath: is not allowed"),
            ({"privileged": True}, "privileged: is not allowed"),
            ({"service_account": "admin"}, "service_account: 'admin' is not allowed"),
            ({"namespace": "kube-system"}, "namespace: 'kube-system' is not allowed"),
            ({"cluster": "other"}, "cluster: 'other' is none of the site's"),
            ({"resources": {"gpu": {"count": 64}}, "workers": 2}, "resources.gpu.count: must be"),
            ({"env": {"AWS_SECRET_ACCESS_KEY": "x"}}, "env.AWS_SECRET_ACCESS_KEY"),
        ],
    )
    def test_bad_input(self, world: World, more: dict[str, Any], says: str) -> None:
        world.version()
        with pytest.raises(InvalidLaunch) as wrong:
            world.start(TRAIN, **more)
        assert any(fault.startswith(says) for fault in wrong.value.faults), wrong.value.faults
        assert world.launches() == []

    def test_what_is_not_there(self, world: World) -> None:
        with pytest.raises(NotFound, match="version=1"):
            world.start(TRAIN)
        world.version()
        with pytest.raises(NotFound, match="Run"):
            world.start(TRAIN, run_id="0" * 32)


def test_a_dry_run_asks_the_cluster_and_leaves_nothing(world: World) -> None:
    world.version()
    spec = {**TRAIN, "source": {"model": "churn", "version": 1}, "workers": 2}
    tried = dry_run(world.db, world.site, spec, artifacts="")
    assert tried.accepted
    assert [each.kind for each in tried.verdicts] == ["Service", "Job"]
    world.server.missing.add("jobs")
    tried = dry_run(world.db, world.site, spec, artifacts="")
    refused = tried.verdicts[1].refused
    assert refused is not None
    assert refused.code == "MissingCRD"
    assert world.server.objects == {}
    assert world.launches() == []


def test_what_goes_with_it_is_owned_by_it(world: World) -> None:
    world.version()
    world.start(TRAIN, workers=2)
    world.work()
    [owner] = world.server.find("Service")["metadata"]["ownerReferences"]
    assert owner["uid"] == world.server.find("Job")["metadata"]["uid"]


def test_a_node_that_does_not_answer_keeps_no_launch_from_ending(world: World) -> None:
    """Its log is lost with it; the cluster is there all the same."""
    world.version()
    launch = world.start(TRAIN)
    world.work()
    job = world.server.find("Job")
    world.pod(job, containerStatuses=[_running(world)])
    world.server.silent.add("pod")
    start.stop(world.db, launch.launch_id)
    world.work()
    world.work()
    assert world.launch(launch).state is LaunchState.STOPPED
    assert world.server.all("Job") == []
