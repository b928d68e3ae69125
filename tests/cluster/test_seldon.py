"""Seldon Core v1 and v2, whose controllers are not here: the test says what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import Launched, condition
from .processes import wait_for

_CANARY = {"percent": 10, "storage": "s3://models/churn/8", "version": 8}


class TestV1:
    @pytest.fixture
    def deployment(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("seldondeployments.machinelearning.seldon.io")
        launched = Launched(cluster.admin, namespace, {**minimal("seldon"), "canary": _CANARY})
        launched.apply()
        return launched

    def test_it_gets_available(self, deployment: Launched) -> None:
        assert deployment.say({"state": "Creating"}).phase is Phase.PENDING
        url = "http://churn-main.team.svc:8000/v2/models/model/infer"
        available = {"state": "Available", "address": {"url": url}}
        assert deployment.say(available).phase is Phase.READY
        assert deployment.endpoint() == url

    def test_it_fails(self, deployment: Launched) -> None:
        found = deployment.say({"state": "Failed", "description": "no such server"})
        assert (found.phase, found.message) == (Phase.FAILED, "no such server")

    def test_it_is_stopped(self, deployment: Launched) -> None:
        deployment.stop()
        assert wait_for("it is gone", lambda: deployment.state().phase is Phase.MISSING)


class TestV2:
    @pytest.fixture
    def model(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("models.mlops.seldon.io", "experiments.mlops.seldon.io")
        launched = Launched(cluster.admin, namespace, {**minimal("seldon2"), "canary": _CANARY})
        launched.apply()
        return launched

    def test_it_is_ready_when_models_and_experiment_are(self, model: Launched) -> None:
        assert model.state().phase is Phase.PENDING
        ready = {"conditions": [condition("ModelReady", reason="ModelAvailable")]}
        assert model.say(ready, kind="Model").phase is Phase.PENDING
        both = {"conditions": [condition("ExperimentReady")]}
        assert model.say(both, kind="Experiment").phase is Phase.READY
        name = model.main["metadata"]["name"]
        assert model.endpoint() == (
            f"http://seldon-mesh.{model.namespace}.svc/v2/models/{name}/infer"
        )

    def test_it_finds_no_server(self, model: Launched) -> None:
        failed = condition("ModelReady", "False", "ScheduleFailed", "no server with mlflow")
        found = model.say({"conditions": [failed]}, kind="Model")
        assert (found.phase, found.message) == (Phase.FAILED, "no server with mlflow")

    def test_it_is_stopped(self, model: Launched) -> None:
        model.stop()
        assert wait_for("it is gone", lambda: model.state().phase is Phase.MISSING)
