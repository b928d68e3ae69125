"""Serving follows the stage: whoever holds it is served, whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from podium.client.errors import PodiumError
from podium.client.launches import LaunchState
from podium.registry import promotion, renaming, stages, versions
from podium.registry.launch.cluster import Cluster
from podium.registry.launch.kube import NotNow, Refused
from podium.registry.launch.names import LAUNCH, Manifest
from podium.registry.launches import start
from podium.registry.launches.dry_run import dry_run
from podium.registry.launches.plan import complete
from podium.tracker.db import Database

from .conftest import EVALUATE, SERVE, World, ready

P = stages.PRODUCTION
KSERVE: dict[str, Any] = {"target": "kserve", "purpose": "serve"}


def serving(world: World) -> int:
    """The version that the one Deployment has."""
    return int(world.server.find("Deployment")["metadata"]["labels"]["podium/version"])


def settle(world: World) -> None:
    """Until what is served is ready."""
    world.work()
    for each in world.server.all("Deployment"):
        world.server.say(each, **ready(each))
    world.work()


def states(world: World) -> list[tuple[int | None, str]]:
    return [(each.version, each.state) for each in world.launches()]


def test_a_promotion_serves_and_the_next_takes_its_place(world: World) -> None:
    world.rule(P, SERVE)
    first, second = world.version(), world.version()
    world.promote(first, P)
    settle(world)
    [launch] = world.launches()
    assert (launch.state, launch.rule) == (LaunchState.READY, 1)
    assert launch.endpoint.startswith("http://churn-")
    uid = world.server.find("Deployment")["metadata"]["uid"]

    world.promote(second, P)
    assert states(world) == [(1, "READY"), (2, "WAITING")]
    world.work()
    assert states(world) == [(1, "REPLACED"), (2, "PENDING")]
    settle(world)
    assert states(world) == [(1, "REPLACED"), (2, "READY")]
    assert (serving(world), world.server.find("Deployment")["metadata"]["uid"]) == (2, uid)


def test_a_rollback_takes_it_back(world: World) -> None:
    world.rule(P, SERVE)
    for version in (world.version(), world.version()):
        world.promote(version, P)
        settle(world)
    promotion.roll_back(world.db, name="churn", stage=P)
    settle(world)
    assert serving(world) == 1
    assert states(world) == [(1, "REPLACED"), (2, "REPLACED"), (1, "READY")]


def test_a_rollback_while_a_launch_is_under_way(world: World) -> None:
    """The newest will wins, whether the other had begun or not."""
    world.rule(P, SERVE)
    first, second = world.version(), world.version()
    world.promote(first, P)
    settle(world)
    world.promote(second, P)
    promotion.roll_back(world.db, name="churn", stage=P)
    settle(world)
    assert serving(world) == 1
    assert states(world) == [(1, "REPLACED"), (2, "REPLACED"), (1, "READY")]
    world.promote(second, P)
    world.work()  # it begins, and is not ready
    promotion.roll_back(world.db, name="churn", stage=P)
    settle(world)
    assert serving(world) == 1
    assert states(world)[-1] == (1, "READY")
    assert len(world.server.all("Deployment")) == 1


def test_nobody_in_the_stage_is_nobody_served(world: World) -> None:
    world.rule(P, SERVE)
    version = world.version()
    world.promote(version, P)
    settle(world)
    world.promote(version, "Archived")
    settle(world)
    assert world.server.all("Deployment") == world.server.all("Service") == []
    assert states(world) == [(1, "STOPPED")]


def test_a_version_that_is_deleted_serves_no_more(world: World) -> None:
    world.rule(P, SERVE)
    first, second = world.version(), world.version()
    for version in (first, second):
        promotion.promote(world.db, name="churn", version=version, stage=P, archive=False)
    settle(world)
    assert serving(world) == 2
    versions.delete_version(world.db, "churn", second)
    settle(world)
    assert serving(world) == 1


def test_evaluations_begin_once_and_not_on_a_rollback(world: World) -> None:
    world.rule("Staging", EVALUATE)
    first, second = world.version(), world.version()
    for version in (first, second):
        world.promote(version, "Staging")
    promotion.roll_back(world.db, name="churn", stage="Staging")
    world.work()
    assert [each.version for each in world.launches()] == [first, second]
    assert len(world.server.made) == 2


def test_another_target_takes_over_when_it_is_ready(world: World) -> None:
    """What served before is stopped then, and not earlier."""
    world.rule(P, SERVE)
    first, second = world.version(), world.version()
    world.promote(first, P)
    settle(world)
    world.rule(P, KSERVE)
    world.promote(second, P)
    settle(world)
    service = world.server.find("InferenceService")
    assert states(world) == [(1, "READY"), (2, "PENDING")]
    condition = {"type": "Ready", "status": "True"}
    world.server.say(service, conditions=[condition], url="http://churn.example.com")
    world.work()
    world.work()
    world.work()
    assert states(world) == [(1, "STOPPED"), (2, "READY")]
    assert world.server.all("Deployment") == []
    assert world.launches()[-1].endpoint == "http://churn.example.com"


def shares(world: World) -> dict[str, int]:
    """Of the requests in percent, by the files that answer them: what the objects say."""
    found: dict[str, int] = {}
    for each in world.server.all("InferenceService"):
        predictor, canaries = each["spec"]["predictor"], each["spec"].get("canary", ())
        found = {one["predictor"]["model"]["storageUri"]: one["trafficPercent"] for one in canaries}
        rest = predictor.get("canaryTrafficPercent", 100) - sum(found.values())
        found[predictor["model"]["storageUri"]] = rest
    for each in world.server.all("SeldonDeployment"):
        found = {one["graph"]["modelUri"]: one["traffic"] for one in each["spec"]["predictors"]}
    models = {one["metadata"]["name"]: one["spec"] for one in world.server.all("Model")}
    weights = dict.fromkeys(models, 100)
    for each in world.server.all("Experiment"):
        weights = {one["name"]: one["weight"] for one in each["spec"]["candidates"]}
    return found | {models[name]["storageUri"]: weight for name, weight in weights.items()}


def files_of(world: World, version: int) -> str:
    said = {"target": "kserve", "source": {"model": "churn", "version": version}}
    with world.db.reading() as session:
        return str(complete(session, said, artifacts=world.artifacts)["storage"])


@pytest.mark.parametrize(
    ("spec", "rest"),
    [
        (KSERVE, {1: 90}),
        # Knative is told of the version on trial alone, and keeps the other on the rest.
        ({**KSERVE, "options": {"mode": "Knative"}}, {}),
        ({**KSERVE, "target": "seldon"}, {1: 90}),
        ({**KSERVE, "target": "seldon2"}, {1: 90}),
    ],
)
def test_a_canary_then_a_promotion_then_all(
    world: World, spec: dict[str, Any], rest: dict[int, int]
) -> None:
    world.rule(P, spec)
    first, second = world.version(), world.version()
    files = {each: files_of(world, each) for each in (first, second)}
    world.promote(first, P)
    world.work()
    assert shares(world) == {files[first]: 100}
    source = {"model": "churn", "version": first, "stage": P}
    world.start(spec, source=source, canary={"percent": 10, "version": second})
    world.work()
    assert shares(world) == {files[each]: share for each, share in {**rest, second: 10}.items()}
    world.promote(second, P)
    for _ in range(2):  # what was on trial is cleared away in the turn after
        world.work()
    assert shares(world) == {files[second]: 100}
    assert states(world) == [(1, "REPLACED"), (1, "REPLACED"), (2, "PENDING")]
    [left] = world.server.objects.values()
    assert left["metadata"]["labels"][LAUNCH] == world.launches()[-1].launch_id


def test_a_version_comes_while_the_one_before_is_being_stopped(world: World) -> None:
    """It takes the same object, which is not to stop any more."""
    world.rule(P, KSERVE)
    first, second = world.version(), world.version()
    world.promote(first, P)
    world.work()
    world.promote(first, "Archived")
    world.work()
    service = world.server.find("InferenceService")
    assert service["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    world.promote(second, P)
    world.work()
    service = world.server.find("InferenceService")
    assert service["spec"]["predictor"]["name"] == "v2"
    assert service["metadata"]["annotations"]["serving.kserve.io/stop"] == "false"
    assert states(world) == [(1, "REPLACED"), (2, "PENDING")]


def test_an_autoscaler_takes_over_as_many_pods_as_there_are(world: World) -> None:
    world.rule(P, {**SERVE, "scaling": {"min": 4}})
    first, second = world.version(), world.version()
    world.promote(first, P)
    world.work()
    world.rule(P, {**SERVE, "scaling": {"min": 2, "max": 6}})
    world.promote(second, P)
    world.work()
    assert serving(world) == second
    assert world.server.find("Deployment")["spec"]["replicas"] == 4


def test_what_somebody_deletes_is_served_again(world: World) -> None:
    world.rule(P, SERVE)
    world.promote(world.version(), P)
    settle(world)
    world.server.remove(world.server.find("Deployment"))
    world.work()
    settle(world)
    assert states(world) == [(1, "READY")]
    assert len(world.server.all("Deployment")) == 1


def test_without_a_rule_what_was_started_by_hand_follows_too(world: World) -> None:
    first, second = world.version(), world.version()
    world.promote(first, P)
    world.start(SERVE, source={"model": "churn", "version": first, "stage": P})
    settle(world)
    world.promote(second, P)
    settle(world)
    assert serving(world) == 2


def test_a_late_apply_of_an_older_version_is_put_right(world: World) -> None:
    """As by a worker that slept through its lease."""
    world.rule(P, SERVE)
    for version in (world.version(), world.version()):
        world.promote(version, P)
        settle(world)
        if version == 1:
            old = dict(world.server.find("Deployment"))
    found = world.server.find("Deployment")
    found["metadata"]["labels"] = dict(old["metadata"]["labels"])
    world.work()
    settle(world)
    assert serving(world) == 2
    found = world.server.find("Deployment")
    assert found["metadata"]["labels"][LAUNCH] == world.launches()[-1].launch_id


def test_a_model_that_is_renamed_is_served_on(world: World) -> None:
    """Its pods are started again as they were, also when somebody has deleted the service."""
    world.rule(P, SERVE)
    world.promote(world.version(), P)
    settle(world)
    before = world.server.find("Deployment")
    renaming.rename_model(world.db, "churn", "retention")
    settle(world)
    assert world.server.find("Deployment") is before
    world.server.remove(before)
    world.work()
    settle(world)
    made = world.server.find("Deployment")
    assert made["metadata"]["name"] == before["metadata"]["name"]
    assert made["spec"] == before["spec"]
    assert [(each.name, each.state) for each in world.launches()] == [("retention", "READY")]


def test_the_next_version_of_one_that_is_renamed_takes_over(world: World) -> None:
    world.rule(P, SERVE, model="*")
    first, second = world.version(), world.version()
    world.promote(first, P)
    settle(world)
    renaming.rename_model(world.db, "churn", "retention")
    promotion.promote(world.db, name="retention", version=second, stage=P)
    settle(world)
    settle(world)
    settle(world)
    assert states(world) == [(1, "STOPPED"), (2, "READY")]
    assert world.server.find("Deployment")["metadata"]["name"].startswith("retention-")


class TestWhatIsSomebodyElses:
    """A service is called by what it serves, so others may have chosen the same name."""

    def test_two_podiums_in_one_namespace(
        self, world: World, new_database: Callable[[str], str]
    ) -> None:
        database = Database(new_database("sqlite"), pool_size=4)
        other = World(database, world.store, world.server, world.path, world.artifacts)
        for each in (world, other):
            each.rule(P, SERVE)
            each.promote(each.version(), P)
        settle(world)
        first = deepcopy(world.server.find("Deployment"))
        settle(other)
        settle(world)
        there = world.server.find("Deployment")
        assert there["metadata"]["generation"] == first["metadata"]["generation"]
        assert there["metadata"]["labels"] == first["metadata"]["labels"]
        assert states(world) == [(1, "READY")]
        [waits] = other.launches()
        assert waits.state is LaunchState.WAITING
        assert waits.message.startswith(f"There is a Service {first['metadata']['name']} already")
        assert world.launches()[0].launch_id in waits.message
        assert "a namespace of its own" in waits.message
        tried = dry_run(database, other.site, waits.spec, artifacts="")
        assert not tried.accepted
        assert [each.refused and each.refused.code for each in tried.verdicts] == ["NameTaken"] * 2

        start.stop(world.db, world.launches()[0].launch_id)
        settle(world)
        other.clock.pass_seconds(600)
        settle(other)
        assert states(other) == [(1, "READY")]
        database.close()

    def test_what_nobody_launched(self, world: World) -> None:
        world.rule(P, SERVE)
        world.promote(world.version(), P)
        settle(world)
        name = world.server.find("Service")["metadata"]["name"]
        start.stop(world.db, world.launches()[0].launch_id)
        settle(world)
        made = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "team", "generation": 1},
            "spec": {"ports": [{"port": 80}]},
        }
        there = deepcopy(world.server.put("services", made))
        world.start(SERVE, source={"model": "churn", "version": 1, "stage": P})
        settle(world)
        assert world.server.find("Service") == there
        assert "that no launch has made" in world.launches()[-1].message


class TestOneThatTheClusterWillNotHave:
    """What served before it serves on, whole."""

    @pytest.fixture
    def both(self, world: World) -> tuple[int, int]:
        """Served, and to be served."""
        world.rule(P, SERVE)
        first, second = world.version(), world.version()
        world.promote(first, P)
        settle(world)
        world.rule(P, {**SERVE, "scaling": {"min": 1, "max": 3}})
        world.promote(second, P)
        return first, second

    def _as_before(self, world: World) -> None:
        before, _ = world.launches()
        assert before.state is LaunchState.READY
        assert before.endpoint
        labels = [each["metadata"]["labels"][LAUNCH] for each in world.server.objects.values()]
        assert labels == [before.launch_id] * 2  # no HPA, which the other would have had

    def test_known_beforehand(self, world: World, both: tuple[int, int]) -> None:
        world.server.denied.add("patch deployments")
        service = deepcopy(world.server.find("Service"))
        for _ in range(2):
            world.work()
        assert states(world) == [(1, "READY"), (2, "FAILED")]
        assert world.server.find("Service") == service
        self._as_before(world)

    def test_known_when_half_of_it_is_there(
        self, world: World, both: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            _refuse(patch, "Deployment", Refused({"code": 403, "message": "exceeded quota"}))
            for _ in range(3):
                world.work()
            assert states(world)[1] == (2, "FAILED")
        settle(world)
        self._as_before(world)

    def test_stopped_while_it_cannot_be_had(
        self, world: World, both: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            _refuse(patch, "Deployment", NotNow("failed calling webhook"))
            world.work()
            assert states(world)[1] == (2, "WAITING")
            start.stop(world.db, world.launches()[1].launch_id)
            for _ in range(3):
                world.work()
            assert states(world)[1] == (2, "STOPPED")
        settle(world)
        self._as_before(world)


def _refuse(patch: pytest.MonkeyPatch, kind: str, error: PodiumError) -> None:
    """An object that passes its dry run and cannot be applied."""
    real = Cluster.apply

    def apply(self: Cluster, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        if manifest["kind"] == kind and not dry_run:
            raise error
        return real(self, manifest, dry_run=dry_run)

    patch.setattr(Cluster, "apply", apply)


def test_stopped_by_hand(world: World) -> None:
    world.rule(P, SERVE)
    world.promote(world.version(), P)
    settle(world)
    start.stop(world.db, world.launches()[0].launch_id)
    settle(world)
    assert states(world) == [(1, "STOPPED")]
    assert world.server.objects == {}


def test_a_rule_that_is_broken_by_now_does_not_stop_a_promotion(world: World) -> None:
    """The launch says what is wrong."""
    world.rule(P, {**SERVE, "namespace": "team"})
    world.path.write_text(world.path.read_text().replace('"namespaces": ["team"]', '"secrets": []'))
    world.promote(world.version(), P)
    world.work()
    [launch] = world.launches()
    assert (launch.state, launch.reason) == (LaunchState.FAILED, "Invalid")
    assert "namespace: 'team' is not allowed" in launch.message
