"""What a training script does with MLflow, as older clients could: run by their Python, not ours.

``python a_run_of_theirs.py URL``: exit status 0 when all that was written is read back.
"""

import os
import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.version import VERSION

WEIGHTS = os.urandom(200_000)


def logged() -> str:
    """The id of the run that logged it."""
    mlflow.set_experiment(f"client {VERSION}")
    with mlflow.start_run(run_name="theirs") as run:
        mlflow.log_param("depth", 1)
        mlflow.log_params({"rate": 2, "kind": "x"})
        for step in range(20):
            mlflow.log_metric("loss", step * 0.1, step=step)
        mlflow.log_metrics({"p": 1, "q": 2.5})
        mlflow.set_tags({"team": "vision"})
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"k": 1}, "notes/k.json")
        with tempfile.TemporaryDirectory() as folder:
            about = f"artifact_path: model\nflavors: {{}}\nrun_id: {run.info.run_id}\n"
            (Path(folder) / "MLmodel").write_text(about)
            (Path(folder) / "weights.bin").write_bytes(WEIGHTS)
            mlflow.log_artifacts(folder, "model")
    return str(run.info.run_id)


def read_back(client: MlflowClient, run_id: str) -> None:
    run = client.get_run(run_id)
    data, experiment_id = run.data, run.info.experiment_id
    assert data.params == {"depth": "1", "rate": "2", "kind": "x"}, data.params
    assert data.tags["team"] == "vision", data.tags
    assert [point.step for point in client.get_metric_history(run_id, "loss")] == [*range(20)]
    assert [file.path for file in client.list_artifacts(run_id)] == ["model", "notes"]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(client.download_artifacts(run_id, "model", folder))
        assert (model / "weights.bin").read_bytes() == WEIGHTS
    wanted = "metrics.q > 2 and params.depth = '1' and tags.team = 'vision'"
    assert [run.info.run_id for run in client.search_runs([experiment_id], wanted)] == [run_id]
    point = Metric("late", 1.0, 1, 0)
    client.log_batch(run_id, metrics=[point], params=[Param("after", "1")], tags=[])
    client.delete_run(run_id)
    client.restore_run(run_id)
    assert client.get_run(run_id).data.metrics["late"] == 1.0


def registered(client: MlflowClient, run_id: str) -> None:
    name = f"model of {VERSION}"
    client.create_registered_model(name, {"team": "vision"}, "of an older client")
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    version = client.create_model_version(name, source, run_id).version
    client.transition_model_version_stage(name, version, "Staging")
    assert [v.version for v in client.get_latest_versions(name, ["Staging"])] == [version]
    client.set_registered_model_alias(name, "champion", version)
    assert client.get_model_version_by_alias(name, "champion").version == version
    client.set_model_version_tag(name, version, "checked", "yes")
    (found,) = client.search_model_versions(f"name='{name}'")
    assert (found.current_stage, found.tags) == ("Staging", {"checked": "yes"})
    client.delete_model_version(name, version)
    client.delete_registered_model(name)
    assert client.search_model_versions(f"name='{name}'") == []


mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
run_id = logged()
read_back(client, run_id)
registered(client, run_id)
