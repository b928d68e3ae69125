"""NVIDIA's GPU operator: where the scheduler puts what asks for a GPU as that names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from podium.registry.launch.site import Mig, Sharing
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import SITE, Launched


@pytest.mark.parametrize(
    ("gpu", "names", "node"),
    [
        ({"count": 2, "product": "NVIDIA-H100-80GB-HBM3"}, {}, "h100-0"),
        ({"mig": "1g.10gb"}, {}, "mig-0"),
        ({"mig": "3g.40gb", "count": 2}, {}, "mig-0"),
        (
            {"mig": "1g.5gb", "product": "A100-SXM4-40GB"},
            {"mig_strategy": Mig.SINGLE},
            "mig-single-0",
        ),
        ({"shared": True}, {}, "shared-0"),
        ({"shared": True, "product": "Tesla-T4"}, {"shared_gpus": Sharing.MPS}, "mps-0"),
    ],
)
def test_it_is_put_where_such_a_gpu_is(
    cluster: Cluster, namespace: str, gpu: dict[str, Any], names: dict[str, Any], node: str
) -> None:
    data = {**minimal("job"), "resources": {"gpu": gpu}, "env": {"KWOK_SECONDS": "100ms"}}
    job = Launched(cluster.admin, namespace, data, site=replace(SITE, **names))
    job.apply()
    job.reaches(Phase.SUCCEEDED)
    assert {pod["spec"]["nodeName"] for pod in job.pods()} == {node}


def test_without_a_gpu_it_stays_off_nodes_that_have_them(cluster: Cluster, namespace: str) -> None:
    job = Launched(cluster.admin, namespace, {**minimal("job"), "workers": 4})
    job.apply()
    job.reaches(Phase.RUNNING)
    assert {pod["spec"]["nodeName"] for pod in job.pods()} <= {"plain-0", "plain-1"}
    job.stop()


@pytest.mark.parametrize(
    ("gpu", "code"),
    [
        ({"count": 64, "product": "NVIDIA-H100-80GB-HBM3"}, "Unschedulable"),
        ({"count": 1, "product": "NVIDIA-B200"}, "NoSuchNode"),
    ],
)
def test_what_no_node_has_waits_and_says_so(
    cluster: Cluster, namespace: str, gpu: dict[str, Any], code: str
) -> None:
    data = {**minimal("job"), "resources": {"gpu": gpu}}
    job = Launched(cluster.admin, namespace, data)
    job.apply()
    found = job.is_diagnosed(code)
    assert "nvidia.com/gpu" in found.sentence or code == "NoSuchNode"
    assert job.state().phase is Phase.PENDING
    job.stop()
