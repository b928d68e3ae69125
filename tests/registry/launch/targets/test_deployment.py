"""The target deployment: how it rolls out, scales and ends."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Delete, Phase
from podium.registry.launch.targets import deployment

from ..live import NAMESPACE, condition, live, state
from ..samples import main, manifests, minimal, refusals

_SOURCE = {"model": "churn", "version": 7}
_TRACKING = {"uri": "http://podium.podium.svc", "secret": "podium-token"}

_UP = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "observedGeneration": 1}
_PROGRESS = condition(
    "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "x" has timed out progressing.'
)
_QUOTA = condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: team")


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        ({}, Phase.PENDING, ""),
        (_UP, Phase.READY, ""),
        (_UP | {"observedGeneration": 0}, Phase.PENDING, ""),
        (_UP | {"availableReplicas": 0}, Phase.PENDING, ""),
        # The old version still answers beside the new one.
        (_UP | {"replicas": 2}, Phase.PENDING, ""),
        (_UP | {"conditions": [_PROGRESS]}, Phase.FAILED, "ProgressDeadlineExceeded"),
        ({"observedGeneration": 1, "conditions": [_QUOTA]}, Phase.FAILED, "FailedCreate"),
    ],
)
def test_status(status: dict[str, Any], phase: Phase, reason: str) -> None:
    found = state("deployment", live("deployment", status))
    assert (found.phase, found.reason) == (phase, reason)


def test_scaled_to_nothing_it_is_stopped() -> None:
    found = live("deployment", {"observedGeneration": 1})
    found["spec"]["replicas"] = 0
    assert state("deployment", found).phase is Phase.STOPPED


def test_one_that_is_not_there() -> None:
    assert state("deployment").phase is Phase.MISSING


def test_the_next_version_takes_the_place_of_the_last() -> None:
    seven, eight = (
        main(minimal("deployment"), source=_SOURCE | {"version": version}, tracking=_TRACKING)
        for version in (7, 8)
    )
    assert seven["metadata"]["name"] == eight["metadata"]["name"]
    assert seven["spec"]["selector"] == eight["spec"]["selector"]
    assert seven["spec"]["template"] != eight["spec"]["template"]


def test_stages_and_namespaces_are_services_of_their_own() -> None:
    names = {
        main(
            minimal("deployment"),
            namespace=namespace,
            source=_SOURCE | {"stage": stage},
            tracking=_TRACKING,
        )["metadata"]["name"]
        for namespace in ("a", "b")
        for stage in ("Staging", "Production")
    }
    assert len(names) == 4


def test_the_autoscaler_owns_the_number_of_replicas() -> None:
    _, scaler, made = manifests(minimal("deployment"), scaling={"min": 2, "max": 5, "cpu": 60})
    assert "replicas" not in made["spec"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == made["metadata"]["name"]
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 5)
    assert main(minimal("deployment"), scaling={"min": 2})["spec"]["replicas"] == 2


def test_metrics_at_a_port_of_their_own_go_through_the_service() -> None:
    service, monitor, made = manifests(minimal("deployment"), monitoring={"port": 9090})
    ports = {each["name"]: each["port"] for each in service["spec"]["ports"]}
    assert ports == {"http": 80, "metrics": 9090}
    assert monitor["spec"]["endpoints"][0]["port"] == "metrics"
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "metrics", "containerPort": 9090} in container["ports"]
    _, monitor, _ = manifests(minimal("deployment"), monitoring={"port": 8080})
    assert monitor["spec"]["endpoints"][0]["port"] == "http"


class TestServeModel:
    """What is run where nobody says how a registered version is served."""

    def test_it_is_told_the_version_and_the_ports(self) -> None:
        made = self._command(serving={"port": 9000}, monitoring={"port": 9001})
        assert made == [
            *("podium", "serve-model", "--folder", "/scratch/model"),
            *("--port", "9000", "--metrics-port", "9001", "--", "churn", "7"),
        ]

    @pytest.mark.parametrize("said", [{"command": ["serve"]}, {"args": ["--fast"]}])
    def test_who_says_how_is_left_alone(self, said: dict[str, list[str]]) -> None:
        assert self._command(**said) == said.get("command")

    def test_it_asks_the_server_for_the_checksums(self) -> None:
        [line] = refusals(minimal("deployment"), source=_SOURCE)
        assert line.startswith("tracking: is missing; the server knows the checksums")

    def test_mlserver_has_its_metrics_at_a_port_of_their_own(self) -> None:
        monitoring = {"port": 8080}
        [line] = refusals(
            minimal("deployment"), source=_SOURCE, tracking=_TRACKING, monitoring=monitoring
        )
        assert line.startswith("monitoring.port: must differ from serving.port")

    def _command(self, **more: Any) -> object:
        made = main(minimal("deployment"), source=_SOURCE, tracking=_TRACKING, **more)
        return made["spec"]["template"]["spec"]["containers"][0].get("command")


def test_endpoint_and_stop() -> None:
    objects = manifests(minimal("deployment"), namespace=NAMESPACE, scaling={"min": 1, "max": 2})
    name = objects[-1]["metadata"]["name"]
    assert deployment.endpoint(objects) == f"http://{name}.team.svc:80"
    assert deployment.endpoint([]) is None
    stopped = deployment.stop(objects)
    assert [each.kind for each in stopped if isinstance(each, Delete)] == [
        "HorizontalPodAutoscaler",  # first, or it would scale up again
        "Service",
        "Deployment",
    ]
