"""The target kserve: two modes, canary, scale to zero, and what counts as ready or failed."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Patch, Phase, State
from podium.registry.launch.targets import kserve

from ..live import condition, live, state
from ..samples import main, minimal

_LOADING = {
    "transitionStatus": "InProgress",
    "states": {"activeModelState": "", "targetModelState": "Loading"},
}
_LOADED = {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded"}}
_BLOCKED = {
    "transitionStatus": "BlockedByFailedLoad",
    "states": {"activeModelState": "", "targetModelState": "FailedToLoad"},
    "lastFailureInfo": {
        "reason": "ModelLoadFailed",
        "message": "No such file: model.pkl",
        "exitCode": 1,
    },
}
_NO_RUNTIME = {
    "transitionStatus": "InvalidSpec",
    "lastFailureInfo": {"reason": "NoSupportingRuntime", "message": "No runtime found"},
}
_CANARY = {"percent": 10, "storage": "s3://m/8", "version": 8}
_SOURCE = {"model": "churn", "version": 7, "stage": "Production"}


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        ({}, Phase.PENDING, ""),
        ({"modelStatus": _LOADING}, Phase.PENDING, ""),
        (
            {
                "conditions": [condition("PredictorReady", "False", "MinimumReplicasUnavailable")],
                "modelStatus": _LOADING,
            },
            Phase.PENDING,
            "MinimumReplicasUnavailable",
        ),
        ({"conditions": [condition("Ready")], "modelStatus": _LOADED}, Phase.READY, ""),
        (
            {"conditions": [condition("Ready")], "modelStatus": _LOADED, "observedGeneration": 0},
            Phase.PENDING,
            "",
        ),
        ({"modelStatus": _BLOCKED}, Phase.FAILED, "ModelLoadFailed"),
        # The version before still answers, but this one never will.
        (
            {"conditions": [condition("Ready")], "modelStatus": _BLOCKED},
            Phase.FAILED,
            "ModelLoadFailed",
        ),
        ({"modelStatus": _NO_RUNTIME}, Phase.FAILED, "NoSupportingRuntime"),
        ({"modelStatus": {"transitionStatus": "InvalidSpec"}}, Phase.FAILED, "InvalidSpec"),
    ],
)
def test_status(status: dict[str, Any], phase: Phase, reason: str) -> None:
    found = state("kserve", live("kserve", status))
    assert (found.phase, found.reason) == (phase, reason)


def test_stopped_is_what_is_told_to_stop_and_says_so() -> None:
    """Of one that is to serve again it may be of before."""
    found = live("kserve", {"conditions": [condition("Stopped", reason="Stopped")]})
    assert state("kserve", found).phase is Phase.PENDING
    found["metadata"]["annotations"]["serving.kserve.io/stop"] = "true"
    assert state("kserve", found).phase is Phase.STOPPED


def test_endpoint_and_stop() -> None:
    assert kserve.endpoint([live("kserve", {})]) is None
    inside = {"address": {"url": "http://churn.team.svc.cluster.local"}}
    assert kserve.endpoint([live("kserve", inside)]) == "http://churn.team.svc.cluster.local"
    both = inside | {"url": "http://churn-team.example.com"}
    assert kserve.endpoint([live("kserve", both)]) == "http://churn-team.example.com"
    [action] = kserve.stop([live("kserve", {})])
    assert isinstance(action, Patch)
    assert action.body["metadata"]["annotations"] == {"serving.kserve.io/stop": "true"}
    assert state("kserve") == State(Phase.MISSING)


class TestStandard:
    def test_the_mode_is_always_said(self) -> None:
        annotations = main(minimal("kserve"))["metadata"]["annotations"]
        assert annotations["serving.kserve.io/deploymentMode"] == "Standard"

    def test_a_canary_stands_beside_what_stays(self) -> None:
        spec = main(
            minimal("kserve"), source=_SOURCE, canary=_CANARY, scaling={"min": 2, "max": 4}
        )["spec"]
        assert spec["predictor"]["name"] == "v7"
        assert spec["predictor"]["model"]["storageUri"] == "s3://models/churn/7"
        [canary] = spec["canary"]
        assert canary["trafficPercent"] == 10
        assert canary["predictor"]["name"] == "v8"
        assert canary["predictor"]["model"]["storageUri"] == "s3://m/8"
        # KServe's webhook refuses a canary that scales, or has more than what stays.
        assert not {"maxReplicas", "scaleMetric", "scaleTarget"} & set(canary["predictor"])
        assert canary["predictor"]["minReplicas"] <= spec["predictor"]["minReplicas"]
        # It asks for a name of the model here and refuses one there.
        assert canary["predictor"]["model"]["name"] == "kserve-container"
        assert "name" not in spec["predictor"]["model"]

    def test_promoting_it_is_naming_it_and_dropping_the_canary(self) -> None:
        trial = main(minimal("kserve"), source=_SOURCE, canary=_CANARY)
        promoted = main(
            minimal("kserve"), source=_SOURCE | {"version": 8}, storage=_CANARY["storage"]
        )
        assert promoted["metadata"]["name"] == trial["metadata"]["name"]
        assert (
            promoted["spec"]["predictor"]["name"] == trial["spec"]["canary"][0]["predictor"]["name"]
        )
        assert "canary" not in promoted["spec"]


class TestKnative:
    def test_it_goes_to_zero(self) -> None:
        made = main(minimal("kserve"), scaling={"min": 0, "max": 3}, options={"mode": "Knative"})
        assert made["spec"]["predictor"]["minReplicas"] == 0
        annotations = made["metadata"]["annotations"]
        assert annotations["serving.kserve.io/deploymentMode"] == "Knative"

    def test_a_canary_is_what_is_rolled_out_with_a_share(self) -> None:
        options = {"mode": "Knative"}
        spec = main(minimal("kserve"), source=_SOURCE, canary=_CANARY, options=options)["spec"]
        assert spec["predictor"]["canaryTrafficPercent"] == 10
        assert spec["predictor"]["model"]["storageUri"] == "s3://m/8"
        assert spec["predictor"]["labels"]["podium/version"] == "8"
        assert "canary" not in spec
