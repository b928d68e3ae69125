"""GPU-seconds and money, pure."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launches.usage import used

T0 = 1_800_000_000_000  # 2027-01-15T08:00:00Z
PRICES = {"gpu": 3.6, "cpu": 0.36}


def pod(*states: dict[str, Any], gpus: str = "2", cpu: str = "500m") -> dict[str, Any]:
    resources = {"requests": {"cpu": cpu}, "limits": {"nvidia.com/gpu": gpus, "memory": "1Gi"}}
    return {
        "spec": {"containers": [{"resources": resources}]},
        "status": {"containerStatuses": [{"state": each} for each in states]},
    }


def running(at: str = "08:00:00") -> dict[str, Any]:
    return {"running": {"startedAt": f"2027-01-15T{at}Z"}}


def ended(start: str, end: str) -> dict[str, Any]:
    return {"terminated": {"startedAt": f"2027-01-15T{start}Z", "finishedAt": f"2027-01-15T{end}Z"}}


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (pod(running()), 200),
        (pod(running("08:00:30")), 140),
        (pod(running("07:00:00")), 200),
        (pod(ended("07:00:00", "08:00:10")), 20),
        (pod(ended("07:00:00", "07:10:00")), 0),  # it was counted then
        (pod(ended("08:00:10", "08:00:20"), running("08:00:50")), 180),  # side by side
        (pod({"waiting": {}}), 0),
        (pod(running(), gpus="0"), 0),
        ({"spec": {}, "status": {}}, 0),
    ],
)
def test_the_seconds_that_fall_into_the_time(found: dict[str, Any], seconds: float) -> None:
    assert used([found], PRICES, T0, T0 + 100_000).gpu_seconds == seconds


def test_nothing_is_counted_twice() -> None:
    found = [pod(running())]
    once = used(found, PRICES, T0, T0 + 90_000)
    parts = [used(found, PRICES, T0 + n * 30_000, T0 + (n + 1) * 30_000) for n in range(3)]
    assert sum(each.gpu_seconds for each in parts) == pytest.approx(once.gpu_seconds)
    assert sum(each.cost for each in parts) == pytest.approx(once.cost)


def test_money() -> None:
    hour = T0 + 3_600_000
    assert used([pod(running())], PRICES, T0, hour).cost == pytest.approx(2 * 3.6 + 0.5 * 0.36)
    assert used([pod(running())], {"pod": 4.1}, T0, hour).cost == pytest.approx(4.1)
