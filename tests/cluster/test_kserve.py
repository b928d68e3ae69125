"""KServe: an InferenceService over upstream's own definition, in both modes.

The controller is not here: the test says what it says, by the status subresource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import Launched, condition

_SOURCE = {"model": "churn", "version": 7, "stage": "Production"}
_CANARY = {"percent": 10, "storage": "s3://models/churn/8", "version": 8}
_COPIES = {"copies": {"failedCopies": 0, "totalCopies": 1}}


@pytest.fixture
def launch(
    cluster: Cluster, namespace: str, custom: Callable[..., None]
) -> Callable[..., Launched]:
    custom("inferenceservices.serving.kserve.io")

    def make(**changes: Any) -> Launched:
        launched = Launched(
            cluster.admin, namespace, {**minimal("kserve"), "source": _SOURCE, **changes}
        )
        launched.apply()
        return launched

    return make


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_it_gets_ready(launch: Callable[..., Launched], mode: str) -> None:
    service = launch(options={"mode": mode})
    assert service.state().phase is Phase.PENDING
    loading = {"transitionStatus": "InProgress", "states": _states("Loading"), **_COPIES}
    waits = [condition("PredictorReady", "False", "MinimumReplicasUnavailable")]
    found = service.say({"conditions": waits, "modelStatus": loading})
    assert (found.phase, found.reason) == (Phase.PENDING, "MinimumReplicasUnavailable")
    assert service.endpoint() is None
    loaded = {"transitionStatus": "UpToDate", "states": _states("Loaded"), **_COPIES}
    ready = [condition(each) for each in ("PredictorReady", "IngressReady", "Ready")]
    url = "http://churn-team.example.com"
    ready_ = {"conditions": ready, "modelStatus": loaded, "url": url}
    assert service.say(ready_).phase is Phase.READY
    assert service.endpoint() == url


def test_a_model_that_cannot_be_loaded(launch: Callable[..., Launched]) -> None:
    service = launch()
    failure = {"reason": "ModelLoadFailed", "message": "No such file: MLmodel", "exitCode": 1}
    blocked = {
        "transitionStatus": "BlockedByFailedLoad",
        "states": _states("FailedToLoad"),
        "lastFailureInfo": failure,
        **_COPIES,
    }
    found = service.say({"modelStatus": blocked})
    assert (found.phase, found.reason) == (Phase.FAILED, "ModelLoadFailed")
    assert "MLmodel" in service.is_diagnosed("ModelLoadFailed").said


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_a_canary_is_tried_and_promoted(launch: Callable[..., Launched], mode: str) -> None:
    options = {"mode": mode}
    before = launch(options=options)
    trial = launch(options=options, canary=_CANARY)
    assert trial.main["metadata"]["name"] == before.main["metadata"]["name"]
    after = launch(options=options, source={**_SOURCE, "version": 8}, storage=_CANARY["storage"])
    spec = after.admin.again(after.main)["spec"]
    assert spec["predictor"]["model"]["storageUri"] == _CANARY["storage"]
    # What one manager no longer says, the server takes away.
    assert "canary" not in spec
    assert "canaryTrafficPercent" not in spec["predictor"]


def test_it_goes_to_zero_on_knative(launch: Callable[..., Launched]) -> None:
    service = launch(options={"mode": "Knative"}, scaling={"min": 0, "max": 3})
    assert service.admin.again(service.main)["spec"]["predictor"]["minReplicas"] == 0


def test_it_is_stopped(launch: Callable[..., Launched]) -> None:
    service = launch()
    service.stop()
    again = service.admin.again(service.main)
    assert again["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert service.say({"conditions": [condition("Stopped")]}).phase is Phase.STOPPED


def _states(target: str) -> dict[str, str]:
    active = "Loaded" if target == "Loaded" else ""
    return {"activeModelState": active, "targetModelState": target}
