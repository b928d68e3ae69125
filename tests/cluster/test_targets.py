"""Every target: a real API server takes what it makes, field by field, as often as it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from podium.registry.launch.targets import TARGETS

from ..registry.launch.samples import full, minimal
from ..registry.launch.schemas import resource
from .control_plane import Cluster
from .launched import Launched
from .rest import Refused

# What has to be installed for a target, beyond Kubernetes.
DEFINITIONS: Mapping[str, Sequence[str]] = {
    "trainjob": ["trainjobs.trainer.kubeflow.org"],
    "pytorchjob": ["pytorchjobs.kubeflow.org"],
    "rayjob": ["rayjobs.ray.io"],
    "rayservice": ["rayservices.ray.io"],
    "argo": ["workflows.argoproj.io"],
    "katib": ["experiments.kubeflow.org"],
    "kserve": ["inferenceservices.serving.kserve.io"],
    "seldon": ["seldondeployments.machinelearning.seldon.io"],
    "seldon2": ["models.mlops.seldon.io", "experiments.mlops.seldon.io"],
}
MONITORS = ["podmonitors.monitoring.coreos.com", "servicemonitors.monitoring.coreos.com"]
ON_KUBERNETES = [name for name in TARGETS if name != "kfp"]  # which is a call of another API


@pytest.fixture(params=ON_KUBERNETES)
def target(request: pytest.FixtureRequest, custom: Callable[..., None]) -> str:
    name = str(request.param)
    custom(*DEFINITIONS.get(name, ()), *MONITORS)
    return name


@pytest.mark.parametrize("which", ["minimal", "full"])
def test_it_is_created_and_created_again_without_a_change(
    cluster: Cluster, namespace: str, target: str, which: str
) -> None:
    data = minimal(target) if which == "minimal" else full(target)
    launched = Launched(cluster.admin, namespace, data)
    first = launched.apply()
    again = launched.apply()
    assert again["metadata"]["uid"] == first["metadata"]["uid"]
    if not launched.pods():  # a real controller may be at work on its status
        assert again["metadata"].get("generation") == first["metadata"].get("generation")


def test_a_field_nobody_knows_is_refused_by_name(
    cluster: Cluster, namespace: str, target: str
) -> None:
    launched = Launched(cluster.admin, namespace, minimal(target))
    made = {**launched.main, "spec": {**launched.main["spec"], "nonsense": 1}}
    with pytest.raises(Refused, match=r"nonsense"):
        cluster.admin.apply(made)


def test_the_role_names_the_resources_as_the_server_does(
    cluster: Cluster, namespace: str, target: str
) -> None:
    for each in Launched(cluster.admin, namespace, full(target)).manifests:
        path = cluster.admin.path(each["apiVersion"], each["kind"])
        assert path.endswith(f"/{resource(each)[1]}")
