"""A little of everything, made by the stock client in a server, a database or an mlruns folder.

    python stock.py URI FOLDER

A process of its own, since mlflow keeps what it is told for as long as a process lives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

KEYS = ("loss", "deep/er", "é")
POINTS = (
    (0.5, 1000, 0),
    (float("nan"), 1001, 1),
    (-0.0, 1002, -5),
    (0.25, 1002, 2**62),
    (0.25, 1003, 7),
    (1e300, 1003, 6),
)


def fill(uri: str, folder: Path) -> dict[str, Any]:
    """Returns the ids of what was made, by a short name."""
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    made: dict[str, Any] = {}
    digits = client.create_experiment("digits", tags={"team": "vision", "mlflow.note.content": "é"})
    gone = client.create_experiment("gone")
    for number, name in enumerate(("first", "second", "deleted")):
        run = client.create_run(digits, start_time=5000 - number, run_name=name)
        made[name] = run.info.run_id
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(key, *point) for key in KEYS for point in POINTS],
            params=[Param("lr", "0.1"), Param("text", "Ünïcode\n'\"\\" + "x" * 1000)],
            tags=[RunTag("note", "y" * 2000), RunTag("mlflow.user", "ada")],
        )
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "empty").touch()
    client.log_artifact(made["first"], str(folder / "weights.bin"), "model/deep folder")
    client.log_artifact(made["first"], str(folder / "empty"))
    client.log_text(made["second"], "hello", "notes/é.txt")
    client.set_terminated(made["first"], "FINISHED", end_time=9000)
    client.set_terminated(made["second"], "FAILED", end_time=9001)
    client.delete_run(made["deleted"])
    in_gone = client.create_run(gone, start_time=1)
    client.log_metric(in_gone.info.run_id, "loss", 0.5, timestamp=1, step=1)
    made["in gone"] = in_gone.info.run_id
    client.delete_experiment(gone)
    _log_model(client, made, digits, folder)
    _register(client, made)
    made["digits"] = digits
    return made


def _log_model(client: Any, made: dict[str, Any], experiment: str, folder: Path) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

    data = DatasetInput(
        Dataset("iris", "abc123", "local", '{"path": "iris.csv"}', '{"columns": 4}', None),
        [InputTag("mlflow.data.context", "training")],
    )
    client.log_inputs(made["first"], [data])
    model = client.create_logged_model(
        experiment,
        name="net",
        source_run_id=made["first"],
        tags={"kind": "small"},
        params={"layers": "2"},
        model_type="classifier",
    )
    made["model"] = model.model_id
    (folder / "net").mkdir()
    (folder / "net" / "MLmodel").write_text("flavors: {}")
    client.log_model_artifacts(model.model_id, str(folder / "net"))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(made["first"], [LoggedModelOutput(model.model_id, step=5)])
    client.log_inputs(made["second"], models=[LoggedModelInput(model.model_id)])
    client.log_metric(
        made["first"],
        "accuracy",
        0.75,
        timestamp=1,
        step=2,
        model_id=model.model_id,
        dataset_name="iris",
        dataset_digest="abc123",
    )


def _register(client: Any, made: dict[str, Any]) -> None:
    client.create_registered_model("classifier", tags={"task": "digits"}, description="reads")
    run = client.get_run(made["first"])
    for number in range(3):
        client.create_model_version(
            "classifier",
            f"{run.info.artifact_uri}/model",
            run_id=made["first"],
            tags={"number": str(number)},
            description=f"version {number}",
        )
    client.delete_model_version("classifier", "2")
    client.transition_model_version_stage("classifier", "1", "Production")
    client.set_registered_model_alias("classifier", "champion", "3")
    client.register_prompt("greeting", "Hello, {{ name }}!")
    client.create_registered_model("empty")
    client.create_model_version("empty", f"models:/{made['model']}", model_id=made["model"])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fill(sys.argv[1], Path(sys.argv[2]))))
