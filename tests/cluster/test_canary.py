"""A version on trial, promoted, and then all: Podium's worker before a real API server.

The systems that serve are not here: the test says what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from podium.client.launches import Launch, LaunchState
from podium.registry.launch.names import LAUNCH
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import condition
from .rest import Object
from .world import World

_SOURCE = {"model": "churn", "version": 1, "stage": "Production"}
_CANARY: Object = {"percent": 10, "version": 8, "storage": "s3://models/churn/8"}
_KSERVE = ("inferenceservices.serving.kserve.io",)
_LOADED: Object = {
    "conditions": [condition("Ready")],
    "url": "http://churn.example.com",
    "modelStatus": {
        "transitionStatus": "UpToDate",
        "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
        "copies": {"failedCopies": 0, "totalCopies": 1},
    },
}
_READY: dict[str, Object] = {
    "InferenceService": _LOADED,
    "SeldonDeployment": {"state": "Available"},
    "Model": {"conditions": [condition("ModelReady")]},
    "Experiment": {"conditions": [condition("ExperimentReady")]},
}


@pytest.fixture
def world(
    cluster: Cluster, namespace: str, sqlite_url: str, store: ArtifactStore, tmp_path: Path
) -> Iterator[World]:
    db = Database(sqlite_url, pool_size=8)
    made = World(db, store, cluster, namespace, tmp_path)
    yield made
    made.worker.finish()
    db.close()


@pytest.mark.parametrize(
    ("target", "more", "definitions"),
    [
        ("kserve", {}, _KSERVE),
        ("kserve", {"options": {"mode": "Knative"}}, _KSERVE),
        ("seldon", {}, ("seldondeployments.machinelearning.seldon.io",)),
        ("seldon2", {}, ("models.mlops.seldon.io", "experiments.mlops.seldon.io")),
    ],
)
def test_on_trial_then_promoted_then_all(
    world: World,
    custom: Callable[..., None],
    target: str,
    more: dict[str, Any],
    definitions: Sequence[str],
) -> None:
    custom(*definitions)
    spec = {**minimal(target), **more, "source": _SOURCE}
    before = world.start(spec)
    alone = _ready(world, before)
    trial = world.start({**spec, "canary": _CANARY})
    both = _ready(world, trial)
    assert world.now(before).state is LaunchState.REPLACED
    assert _CANARY["storage"] in str(both)
    assert [each["metadata"]["uid"] for each in alone] == [both[-1]["metadata"]["uid"]]
    after = world.start({**spec, "storage": _CANARY["storage"]})
    [left] = _ready(world, after)
    assert world.now(trial).state is LaunchState.REPLACED
    assert left["metadata"]["uid"] == both[-1]["metadata"]["uid"]
    assert left["metadata"]["labels"][LAUNCH] == after.launch_id
    assert spec["storage"] not in str(left)
    # What was on trial beside it is gone.
    world.until(lambda: not [each for each in both[:-1] if _is_there(world, each)])


def _ready(world: World, launch: Launch) -> list[Object]:
    """Its objects, once they serve and say so."""
    # What was said of the version before holds of this one until something else is said.
    world.until(lambda: world.now(launch).state in (LaunchState.PENDING, LaunchState.READY))
    for each in world.objects(launch):
        world.cluster.admin.set_status(each, _READY[each["kind"]])
    world.reaches(launch, LaunchState.READY)
    return world.objects(launch)


def _is_there(world: World, found: Object) -> bool:
    meta = found["metadata"]
    args = (found["apiVersion"], found["kind"], world.namespace, meta["name"])
    return world.cluster.admin.get(*args) is not None
