"""The targets seldon (v1) and seldon2."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Delete, Phase
from podium.registry.launch.targets import seldon, seldon2

from ..live import condition, live, state
from ..samples import main, manifests, minimal

_CANARY = {"percent": 10, "storage": "s3://m/8", "version": 8}


class TestV1:
    @pytest.mark.parametrize(
        ("status", "phase", "reason"),
        [
            ({}, Phase.PENDING, ""),
            ({"state": "Creating"}, Phase.PENDING, "Creating"),
            ({"state": "Available", "replicas": 1}, Phase.READY, ""),
            ({"state": "Failed", "description": "no such server"}, Phase.FAILED, "Failed"),
            ({"state": "Available", "observedGeneration": 0}, Phase.PENDING, ""),
        ],
    )
    def test_status(self, status: dict[str, Any], phase: Phase, reason: str) -> None:
        found = state("seldon", live("seldon", status))
        assert (found.phase, found.reason) == (phase, reason)
        assert found.message == status.get("description", "")

    def test_endpoint_and_stop(self) -> None:
        url = "http://churn-x.team.svc.cluster.local:8000/v2/models/model/infer"
        found = live("seldon", {"state": "Available", "address": {"url": url}})
        assert seldon.endpoint([found]) == url
        assert seldon.endpoint([live("seldon", {})]) is None
        [action] = seldon.stop([found])
        assert isinstance(action, Delete)
        assert state("seldon").phase is Phase.MISSING

    def test_traffic_adds_up(self) -> None:
        main_one, canary = main(minimal("seldon"), canary=_CANARY)["spec"]["predictors"]
        assert (main_one["traffic"], canary["traffic"]) == (90, 10)
        assert canary["graph"]["modelUri"] == "s3://m/8"
        assert canary["componentSpecs"][0]["metadata"]["labels"]["podium/version"] == "8"

    def test_resources_are_of_the_container_the_graph_names(self) -> None:
        [predictor] = main(minimal("seldon"), resources={"gpu": {}})["spec"]["predictors"]
        [container] = predictor["componentSpecs"][0]["spec"]["containers"]
        assert container["name"] == predictor["graph"]["name"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"

    def test_scaling(self) -> None:
        [predictor] = main(minimal("seldon"), scaling={"min": 1, "max": 3})["spec"]["predictors"]
        assert predictor["componentSpecs"][0]["hpaSpec"]["maxReplicas"] == 3
        assert "replicas" not in predictor


class TestV2:
    @pytest.mark.parametrize(
        ("conditions", "phase", "reason"),
        [
            ([], Phase.PENDING, ""),
            (
                [condition("ModelReady", "False", "ModelProgressing")],
                Phase.PENDING,
                "ModelProgressing",
            ),
            ([condition("ModelReady", "True", "ModelAvailable")], Phase.READY, ""),
            ([condition("ModelReady", "False", "ModelFailed")], Phase.FAILED, "ModelFailed"),
            ([condition("ModelReady", "False", "ScheduleFailed")], Phase.FAILED, "ScheduleFailed"),
        ],
    )
    def test_status(self, conditions: list[dict[str, Any]], phase: Phase, reason: str) -> None:
        found = state("seldon2", live("seldon2", {"conditions": conditions}))
        assert (found.phase, found.reason) == (phase, reason)

    def test_a_canary_is_a_model_and_an_experiment(self) -> None:
        trial, experiment, model = manifests(minimal("seldon2"), canary=_CANARY)
        name = model["metadata"]["name"]
        assert trial["metadata"]["name"] == f"{name}-canary"
        assert trial["metadata"]["labels"]["podium/version"] == "8"
        assert experiment["spec"] == {
            "default": name,
            "candidates": [
                {"name": name, "weight": 90},
                {"name": f"{name}-canary", "weight": 10},
            ],
        }

    def test_it_is_as_ready_as_the_least_of_its_objects(self) -> None:
        objects = manifests(minimal("seldon2"), canary=_CANARY)
        kinds = ("ModelReady", "ExperimentReady", "ModelReady")
        for each, kind in zip(objects, kinds, strict=True):
            each["status"] = {"conditions": [condition(kind)]}
        assert seldon2.status(objects).phase is Phase.READY
        objects[0]["status"] = {"conditions": [condition("ModelReady", "False", "ModelFailed")]}
        assert seldon2.status(objects).phase is Phase.FAILED
        objects[0]["status"] = {}
        assert seldon2.status(objects).phase is Phase.PENDING
        assert seldon2.status([]).phase is Phase.MISSING

    def test_endpoint_and_stop(self) -> None:
        objects = manifests(minimal("seldon2"), canary=_CANARY, namespace="team")
        name = objects[-1]["metadata"]["name"]
        url = f"http://seldon-mesh.team.svc/v2/models/{name}/infer"
        assert seldon2.endpoint(objects) == url
        assert seldon2.endpoint([]) is None
        kinds = [each.kind for each in seldon2.stop(objects) if isinstance(each, Delete)]
        assert kinds == ["Experiment", "Model", "Model"]
