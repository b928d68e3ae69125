"""One run's way to the server, and the request that a parcel takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .errors import ConfigError, PodiumError
from .parcels import Change, Items, Parcel, Points
from .wire import CONTENT_TYPE

if TYPE_CHECKING:
    from .backlog import Backlog
    from .transport import Transport

_MLFLOW = "/api/2.0/mlflow/runs"


class Lane:
    """What waits to go, and how the server took what went."""

    def __init__(
        self, backlog: Backlog, create: Change | None = None, *, artifact_uri: str | None = None
    ) -> None:
        self.run_id = backlog.run_id
        self.create = create  # can be repeated; None where the run was there before this process
        self.backlog = backlog
        self.artifact_uri = artifact_uri
        self.experiment_id: str | None = None
        self.exists = create is None  # whether the server is known to have the run
        self.refused: PodiumError | None = None
        self.failures = 0  # in a row
        self.closed_at: float | None = None  # monotonic
        self.beat_at = time.monotonic()  # when the server last heard that the run lives
        self.dropped = 0  # the part of spool.dropped that the run's tag tells of


def deliver(transport: Transport, lane: Lane, parcel: Parcel) -> None:
    """Raises :class:`PodiumError` unless the server has the parcel."""
    if isinstance(parcel, Points):
        transport.request(
            "POST",
            f"/api/v1/runs/{lane.run_id}/points",
            body=parcel.body,
            headers={"Content-Type": CONTENT_TYPE},
        ).json()
    elif isinstance(parcel, Items):
        body = {
            "run_id": lane.run_id,
            "params": [{"key": item.key, "value": item.value} for item in parcel.params],
            "tags": [{"key": item.key, "value": item.value} for item in parcel.tags],
        }
        transport.request("POST", f"{_MLFLOW}/log-batch", json=body).json()
    else:
        answer = transport.request("POST", f"{_MLFLOW}/{parcel.verb}", json=parcel.body).json()
        if parcel.verb == "create":
            info = answer.get("run", {}).get("info", {})
            if info.get("run_id") != lane.run_id:
                raise ConfigError(
                    f"{transport.uri} did not take the run id it was given. It is no Podium server "
                    "(an MLflow server, perhaps). Check PODIUM_TRACKING_URI."
                )
            lane.artifact_uri = info.get("artifact_uri")
            lane.experiment_id = info.get("experiment_id")
            lane.exists = True
