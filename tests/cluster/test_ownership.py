"""Who owns which field, where one object is applied for several launches in turn: only a real API
server says what becomes of a field that its owner no longer sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from podium.registry.launch.cluster import Cluster as Door
from podium.registry.launch.kinds import Kind, kind_of
from podium.registry.launch.site import Connection
from podium.registry.launch.state import Patch
from podium.registry.launch.targets import kserve

from ..registry.launch.samples import main, minimal
from .control_plane import Cluster
from .rest import Object
from .world import account

_SOURCE = {"model": "churn", "version": 7, "stage": "Production"}


@pytest.fixture
def door(cluster: Cluster, namespace: str, tmp_path: Path) -> Door:
    """As the service account of launches."""
    kubeconfig = cluster.kubeconfig_of(account(cluster, namespace), tmp_path / "kubeconfig")
    return Door("test", Connection(kubeconfig=str(kubeconfig), namespace=namespace))


class TestReplicas:
    """Of a Deployment: a number that is no longer set is one, until an autoscaler has looked."""

    def test_an_autoscaler_takes_over_as_many_as_there_are(
        self, cluster: Cluster, namespace: str, door: Door
    ) -> None:
        def applied(**scaling: int) -> int:
            made = main(minimal("deployment"), namespace=namespace, scaling=scaling)
            return int(door.apply(made)["spec"]["replicas"])

        assert applied(min=4) == 4
        assert applied(min=2, max=6) == 4
        assert applied(min=2, max=6, cpu=60) == 4
        assert applied(min=3) == 3
        assert applied(min=2, max=6) == 3
        self._scale(cluster, namespace, 5)
        assert applied(min=2, max=6, cpu=60) == 5
        assert applied(min=4) == 4

    def test_one_that_scales_from_the_beginning(self, namespace: str, door: Door) -> None:
        made = main(minimal("deployment"), namespace=namespace, scaling={"min": 2, "max": 6})
        assert [door.apply(made)["spec"]["replicas"] for _ in range(2)] == [1, 1]

    def _scale(self, cluster: Cluster, namespace: str, replicas: int) -> None:
        """As an autoscaler does."""
        [found] = cluster.admin.list("apps/v1", "Deployment", namespace)
        cluster.admin.patch(found, {"spec": {"replicas": replicas}}, at="/scale")


def test_a_service_that_was_told_to_stop_serves_the_next_version(
    namespace: str, door: Door, custom: Callable[..., None]
) -> None:
    custom("inferenceservices.serving.kserve.io")

    def version(number: int) -> Object:
        source: dict[str, Any] = {**_SOURCE, "version": number}
        storage = f"s3://models/churn/{number}"
        return main(minimal("kserve"), namespace=namespace, source=source, storage=storage)

    def stopped(found: Object | None) -> bool:
        assert found
        return bool(found["metadata"]["annotations"]["serving.kserve.io/stop"] == "true")

    seven, eight = version(7), version(8)
    door.apply(seven)
    [action] = kserve.stop([seven])
    assert isinstance(action, Patch)
    door.patch(Kind(action.api_version, action.kind), namespace, action.name, action.body)
    kind, name = kind_of(seven), seven["metadata"]["name"]
    assert stopped(door.get(kind, namespace, name))
    assert not stopped(door.apply(eight))
