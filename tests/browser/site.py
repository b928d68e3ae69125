"""A server with something on it, filled through its REST paths as any program would."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

Json = dict[str, Any]
Point = tuple[str, float, int, int]  # key, value, step, timestamp

# Times in tests stand still, so that pages and screenshots are the same on every day.
NOON = 1_790_000_000_000
MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Site:
    url: str
    http: urllib3.PoolManager

    def create_experiment(self, name: str) -> str:
        return str(self.post("experiments/create", name=name)["experiment_id"])

    def create_run(
        self,
        experiment_id: str,
        name: str,
        *,
        start: int = NOON,
        user: str = "ada",
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        made = self.post(
            "runs/create",
            experiment_id=experiment_id,
            run_name=name,
            user_id=user,
            start_time=start,
            tags=_pairs(tags or {}),
        )
        run_id = str(made["run"]["info"]["run_id"])
        self.post("runs/log-batch", run_id=run_id, params=_pairs(params or {}))
        return run_id

    def log(self, run_id: str, points: Iterable[Point]) -> None:
        metrics = [
            {"key": key, "value": _number(value), "step": step, "timestamp": timestamp}
            for key, value, step, timestamp in points
        ]
        for first in range(0, len(metrics), 1000):
            self.post("runs/log-batch", run_id=run_id, metrics=metrics[first : first + 1000])

    def end(self, run_id: str, status: str = "FINISHED", *, end: int = NOON + 30 * MINUTE) -> None:
        self.post("runs/update", run_id=run_id, status=status, end_time=end)

    def put_file(self, run_id: str, path: str, body: bytes) -> None:
        [experiment_id] = [self.get("runs/get", run_id=run_id)["run"]["info"]["experiment_id"]]
        place = quote(f"{experiment_id}/{run_id}/artifacts/{path}")
        self._answer("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", body=body)

    def get(self, path: str, **query: str) -> Json:
        return self._answer("GET", f"/api/2.0/mlflow/{path}", fields=query)

    def post(self, path: str, **body: Any) -> Json:
        return self._answer("POST", f"/api/2.0/mlflow/{path}", json=body)

    def native(self, method: str, path: str, body: Json) -> Json:
        return self._answer(method, f"/api/v1/{path}", json=body)

    def delivered(self, webhook_id: str) -> str:
        """The page of a webhook's first delivery, once it has been attempted."""
        path = f"/api/v1/webhooks/{webhook_id}/deliveries"
        deadline = time.monotonic() + 90
        while True:
            for each in self._answer("GET", path)["deliveries"]:
                if each["attempts"]:
                    return f"/webhooks/{webhook_id}/deliveries/{each['delivery_id']}"
            assert time.monotonic() < deadline, "nothing was delivered"
            time.sleep(0.05)

    def _answer(self, method: str, path: str, **options: Any) -> Json:
        response = self.http.request(method, self.url + path, **options)
        assert response.status in (200, 201), response.data.decode()
        answer = json.loads(response.data)
        assert isinstance(answer, dict)
        return answer


def curve(key: str, *, start: float, floor: float, speed: float, steps: int) -> list[Point]:
    """A training curve: it falls (or rises) from ``start`` to ``floor``, with a small ripple."""
    return [
        (
            key,
            floor
            + (start - floor) * math.exp(-speed * step)
            + 0.015 * (start - floor) * math.sin(7.3 * step + len(key)),
            step,
            NOON + step * 20_000,
        )
        for step in range(steps)
    ]


def _pairs(found: Mapping[str, str]) -> Sequence[Json]:
    return [{"key": key, "value": value} for key, value in found.items()]


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
