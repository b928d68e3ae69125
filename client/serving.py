"""`podium serve-model`: what the container of a launched serving runs.

It downloads the files of a version, verifies each against what was registered, and becomes MLServer
on them, which speaks the Open Inference Protocol v2. A changed file refuses to start.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .errors import BadRequest, ConfigError, NotFound
from .launching import get_launch
from .model_files import download_model
from .registry import get_model_version

PORT = 8080
METRICS_PORT = 8082
# A file that tells which of MLServer's runtimes loads the model, the first that is there.
RUNTIMES: Mapping[str, str] = {
    "MLmodel": "mlserver_mlflow.MLflowRuntime",
    "model.joblib": "mlserver_sklearn.SKLearnModel",
    "model.pkl": "mlserver_sklearn.SKLearnModel",
    "model.pickle": "mlserver_sklearn.SKLearnModel",
    "model.bst": "mlserver_xgboost.XGBoostModel",
    "model.json": "mlserver_xgboost.XGBoostModel",
    "model.ubj": "mlserver_xgboost.XGBoostModel",
    "model.txt": "mlserver_lightgbm.LightGBMModel",
    "model.cbm": "mlserver_catboost.CatboostModel",
}
_SETTINGS = "model-settings.json"


def serve_model(
    name: str,
    version: int | str,
    *,
    folder: Path,
    port: int = PORT,
    metrics_port: int = METRICS_PORT,
    launch: str = "",
) -> None:
    """Becomes MLServer, and so returns only by raising.

    It answers under ``name``; with a ``launch``, the server is asked what the model is called by
    now. The files go to ``folder``/files. Settings of MLServer's own (``MLSERVER_…``) are taken
    from the environment, except for the ports.
    """
    server = shutil.which("mlserver")
    if server is None:
        raise ConfigError(
            "There is no mlserver in this image. Add it, with the runtime of your model: "
            "pip install mlserver mlserver-mlflow"
        )
    called = _name_now(launch, name) if launch else name
    number = get_model_version(called, version).version
    files = download_model(called, number, folder / "files")
    where = write_settings(name, number, files, folder / "settings")
    environment = os.environ | {
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_METRICS_PORT": str(metrics_port),
    }
    environment.pop("PODIUM_TRACKING_TOKEN", None)  # the model's code has no use for it
    os.execve(server, [server, "start", str(where)], environment)  # noqa: S606


def _name_now(launch: str, name: str) -> str:
    """Of the model that a launch serves; one that an older backup does not know changes nothing."""
    try:
        return get_launch(launch).name
    except NotFound:
        return name


def write_settings(name: str, version: int, files: Path, folder: Path) -> Path:
    """The folder for MLServer to start on: the model's own, if it says how it is served."""
    if (files / _SETTINGS).is_file():
        return files
    known = next((path for path in RUNTIMES if (files / path).is_file()), None)
    if known is None:
        raise BadRequest(
            f"Nothing in the files of version {version} of {name} tells how it is loaded. There "
            f"must be {_SETTINGS} or one of {', '.join(RUNTIMES)}."
        )
    uri = files if known == "MLmodel" else files / known
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "name": name,
        "implementation": RUNTIMES[known],
        "parameters": {"uri": str(uri.absolute()), "version": str(version)},
    }
    (folder / _SETTINGS).write_text(json.dumps(said), encoding="utf-8")
    return folder
