"""What the server writes of a run, Podium's own client reads."""

from __future__ import annotations

import json
import math

from podium.client import answers
from podium.client.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    Metric,
    ModelOutput,
    RunSnapshot,
    RunStatus,
)
from podium.tracker.mlflow import render


def test_a_run_comes_back_as_it_was() -> None:
    run = RunSnapshot(
        run_id="0" * 32,
        run_name="r",
        experiment_id="1",
        user_id="ada",
        status=RunStatus.FAILED,
        start_time=1,
        end_time=2,
        artifact_uri="mlflow-artifacts:/1",
        lifecycle_stage=LifecycleStage.DELETED,
        latest=(Metric("up", math.inf, 3, -4),),
        params={"a": ""},
        tags={"b": "c"},
        datasets=(
            DatasetInput(Dataset("d", "1", "local", "s", "{}", "{}"), {"x": "y"}),
            DatasetInput(Dataset("d", "2", "local", "s")),
        ),
        model_inputs=("m-1",),
        model_outputs=(ModelOutput("m-2", 5), ModelOutput("m-3")),
    )
    assert answers.run(json.loads(json.dumps(render.run(run)))) == run
