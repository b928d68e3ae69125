"""The whole story, nothing of it faked: from a promotion to a model that answers, and back.

A server and its worker launch over the API server with the rights of their Role. The pods are
processes: an evaluation that logs to its run, and MLServer on files that were verified.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from podium import client
from podium.client import session
from podium.client.launches import LaunchDiagnosis
from podium.client.model_files import manifest

from ..registry.launch.samples import IMAGE
from ..services.podium import PodiumServer
from .conftest import PYTHON
from .control_plane import Cluster
from .kubelet import Kubelet
from .models import infer, register_line
from .pods import Image
from .processes import wait_for

_EVALUATE = """
from podium import client
for step in range(3):
    client.log_metric("accuracy", 0.9 + step / 100, step)
client.end_run()
"""


# Each start of Python and MLServer is a cold one, on a machine that may have other things to do.
_PATIENCE = 300
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def image(mlserver: Path) -> Image:
    environ = {"MLSERVER_HOST": "{ip}", "MLSERVER_PARALLEL_WORKERS": "0"}
    return Image((*PYTHON.path, mlserver), environ)


@pytest.mark.filterwarnings("ignore:.*transition_model_version_stage")
def test_promoted_evaluated_served_and_rolled_back(
    podium: PodiumServer, kubelet: Kubelet, cluster: Cluster, namespace: str
) -> None:
    server = session.current().server()
    register_line("churn", slope=2.0)
    register_line("churn", slope=3.0)
    evaluate = {"target": "job", "purpose": "evaluate", "image": IMAGE}
    _rule(server, "Staging", {**evaluate, "command": ["python", "-c", _EVALUATE]})
    _rule(server, "Production", {"target": "deployment", "purpose": "serve", "image": IMAGE})
    gate = {"gates": [{"gate": "launch", "target": "job"}]}
    server.request("PUT", "/api/v1/models/churn/policies/Production", json=gate)

    inspection = "/api/v1/models/churn/versions/1/inspection"

    def is_read() -> bool:
        return bool(server.request("GET", inspection).json()["status"] == "DONE")

    wait_for("its files are read", is_read, _PATIENCE)
    waits = client.promote("churn", 1, "Production")
    assert "There was no launch of it to job." in str(waits.waits_for)
    client.withdraw("churn", waits.id)

    client.promote("churn", 1, "Staging")
    [evaluation] = client.list_launches(name="churn")
    assert (
        client.wait_for_launch(evaluation.launch_id, timeout=_PATIENCE, every=0.2).state
        == "SUCCEEDED"
    )
    run = client.get_run(str(evaluation.run_id))
    assert (run.status, run.metrics["accuracy"]) == ("FINISHED", 0.92)

    assert client.promote("churn", 1, "Production").done
    answers = _answers(kubelet, cluster, namespace)
    wait_for("the first version answers", lambda: answers() == (6.0, "1"), _PATIENCE)

    # MLflow's own client moves the second one: what follows is the same.
    stock = mlflow.MlflowClient(podium.url)
    stock.transition_model_version_stage("churn", "2", "Staging")
    wait_for("it has been evaluated", lambda: _is_evaluated(2), _PATIENCE)
    stock.transition_model_version_stage("churn", "2", "Production")
    wait_for("the second version answers", lambda: answers() == (9.0, "2"), _PATIENCE)
    [serving] = client.list_launches(name="churn", version=2, active=True)
    wait_for("it is ready", lambda: _is_ready(serving), _PATIENCE)

    client.rollback("churn", "Production")
    wait_for("the first version answers again", lambda: answers() == (6.0, "1"), _PATIENCE)
    deployments = cluster.admin.list("apps/v1", "Deployment", namespace)
    assert len(deployments) == 1, "one service, whoever held the stage"


def test_a_changed_file_is_not_served_and_the_launch_says_so(
    podium: PodiumServer, kubelet: Kubelet, cluster: Cluster, namespace: str
) -> None:
    run = register_line("churn", slope=2.0)
    manifest("churn", 1)  # the server has read them
    client.start_run(run_id=run)
    client.log_text("flavors: {}", "model/MLmodel")
    client.end_run()
    assert client.flush(60)
    serving = client.launch(
        target="deployment",
        purpose="serve",
        image=IMAGE,
        source={"model": "churn", "version": 1, "stage": "Production"},
    )

    def why() -> LaunchDiagnosis | None:
        found = client.get_launch(serving.launch_id).diagnosis
        return found if found and found.code == "FilesChanged" else None

    said = wait_for("it says why it does not serve", why, _PATIENCE)
    assert said.sentence.startswith("A file of the version is not what was registered")
    assert "Version 1 of churn: MLmodel is not the file that was registered" in said.said
    assert _answers(kubelet, cluster, namespace)() is None
    assert client.get_launch(serving.launch_id).state != "READY"


def _rule(server: Any, stage: str, spec: dict[str, Any]) -> None:
    body = {"model": "churn", "stage": stage, "spec": spec}
    server.request("POST", "/api/v1/launch-rules", json=body)


def _is_ready(serving: client.Launch) -> bool:
    return client.get_launch(serving.launch_id).state == "READY"


def _is_evaluated(version: int) -> bool:
    states = [each.state for each in client.list_launches(name="churn", version=version)]
    return states[-1:] == ["SUCCEEDED"]


def _answers(
    kubelet: Kubelet, cluster: Cluster, namespace: str
) -> Callable[[], tuple[float, str] | None]:
    def ask() -> tuple[float, str] | None:
        services = cluster.admin.list("v1", "Service", namespace)
        address = kubelet.address(services[0]) if services else None
        return infer(address, "churn", 3.0) if address else None

    return ask
