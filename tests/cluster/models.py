"""Small real models: a line through the origin, as scikit-learn and MLflow keep it."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
import warnings
from pathlib import Path

from podium import client


def register_line(name: str, *, slope: float) -> str:
    """Log it with a run that ends, and register it as the next version; the run's id."""
    with tempfile.TemporaryDirectory() as folder:
        save_line(Path(folder) / "model", slope)
        with client.start_run() as run:
            client.log_artifacts(Path(folder) / "model", "model")
            client.register_model(name)
    return run.run_id


def save_line(folder: Path, slope: float) -> None:
    import mlflow.sklearn
    import numpy
    from sklearn.linear_model import LinearRegression

    points = numpy.array([[0.0], [1.0], [2.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = LinearRegression().fit(points, slope * points[:, 0])
        requirements = ["scikit-learn"]
        mlflow.sklearn.save_model(made, folder, pip_requirements=requirements)


def infer(address: str, model: str, value: float) -> tuple[float, str] | None:
    """What MLServer at ``host:port`` makes of the value, rounded, and the version that answers.

    None while nothing does.
    """
    tensor = {"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [value]}
    body = {"inputs": [tensor], "parameters": {"content_type": "np"}}
    request = urllib.request.Request(
        f"http://{address}/v2/models/{model}/infer",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer)
    except (urllib.error.URLError, OSError):
        return None
    return round(found["outputs"][0]["data"][0], 6), found["model_version"]
