"""A training script that was written for MLflow and knows of nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mlflow import MlflowClient

from ..services.podium import PodiumServer, environment

SCRIPT = """
import json, sys, warnings
import mlflow

name, folder = sys.argv[1:]
mlflow.set_experiment(name)
with mlflow.start_run(run_name="parent", tags={"a": "b"}, description="what it is") as parent:
    mlflow.log_params({"lr": 0.1, "layers": [64, 32]})
    for step in range(50):
        mlflow.log_metrics({"loss": 1 / (step + 1), "acc": step / 50}, step=step)
    mlflow.set_tag("done", True)
    with open(f"{folder}/notes.txt", "w") as file:
        file.write("hello")
    mlflow.log_artifact(f"{folder}/notes.txt")
    mlflow.log_text("text", "texts/a.txt")
    mlflow.log_dict({"k": 1}, "k.json")
    with mlflow.start_run(nested=True, run_name="child") as child:
        mlflow.log_metric("loss", 0.5)
try:
    with mlflow.start_run(run_name="broken") as broken:
        raise ZeroDivisionError
except ZeroDivisionError:
    pass
with mlflow.start_run(run_id=parent.info.run_id):
    mlflow.log_metric("loss", 0.0, step=50)
frame = mlflow.search_runs(experiment_names=[name], filter_string="metrics.loss < 0.1")
print(json.dumps([parent.info.run_id, child.info.run_id, broken.info.run_id, list(frame.run_id)]))
"""


def test_a_script(server: PodiumServer, experiment_name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, experiment_name, str(tmp_path)],
        env=environment()
        | {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_DISABLE_TELEMETRY": "true", "USER": "ada"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parent, child, broken, found = json.loads(done.stdout.splitlines()[-1])
    assert found == [parent]

    client = MlflowClient(server.url)
    run = client.get_run(parent)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"lr": "0.1", "layers": "[64, 32]"}
    assert run.data.metrics == {"loss": 0.0, "acc": 0.98}
    assert run.data.tags["done"] == "True"
    assert run.data.tags["mlflow.user"] == "ada"
    assert run.data.tags["mlflow.note.content"] == "what it is"
    assert [m.step for m in client.get_metric_history(parent, "loss")] == list(range(51))
    assert [f.path for f in client.list_artifacts(parent)] == ["k.json", "notes.txt", "texts"]
    assert client.get_run(child).data.tags["mlflow.parentRunId"] == parent
    assert client.get_run(broken).info.status == "FAILED"
    # The address that the client prints leads to the run's page.
    assert f"{server.url}/#/experiments/{run.info.experiment_id}/runs/{parent}" in done.stdout
