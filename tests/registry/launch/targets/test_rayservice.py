"""The target rayservice: how it stands and what it serves."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from podium.registry.launch.state import Delete, Phase
from podium.registry.launch.targets import rayservice

from ..live import condition, live, state


@pytest.mark.parametrize(
    ("conditions", "phase", "reason"),
    [
        ([], Phase.PENDING, ""),
        ([condition("Ready", "False", "Initializing")], Phase.PENDING, "Initializing"),
        ([condition("Ready", "False", "ZeroServeEndpoints")], Phase.PENDING, "ZeroServeEndpoints"),
        (
            [condition("Ready", "True", "NonZeroServeEndpoints")],
            Phase.READY,
            "NonZeroServeEndpoints",
        ),
        ([condition("Ready", "False", "ValidationFailed")], Phase.FAILED, "ValidationFailed"),
        ([condition("Ready", "False", "InitializingTimeout")], Phase.FAILED, "InitializingTimeout"),
        ([condition("Suspended", "True", "SuspendComplete")], Phase.STOPPED, "SuspendComplete"),
    ],
)
def test_status(conditions: list[dict[str, Any]], phase: Phase, reason: str) -> None:
    found = state("rayservice", live("rayservice", {"conditions": conditions}))
    assert (found.phase, found.reason) == (phase, reason)


def test_endpoint_and_stop() -> None:
    found = live("rayservice", {})
    name = found["metadata"]["name"]
    assert rayservice.endpoint([found]) == f"http://{name}-serve-svc.team.svc:8000"
    assert rayservice.endpoint([]) is None
    [action] = rayservice.stop([found])
    assert isinstance(action, Delete)
    assert state("rayservice").phase is Phase.MISSING


def test_the_application() -> None:
    options = {"import_path": "churn.app:graph", "route_prefix": "/churn"}
    found = live("rayservice", {}, options=options)
    assert yaml.safe_load(found["spec"]["serveConfigV2"]) == {
        "applications": [
            {"name": "app", "import_path": "churn.app:graph", "route_prefix": "/churn"}
        ]
    }
