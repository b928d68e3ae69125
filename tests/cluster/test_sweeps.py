"""A sweep on a real cluster: its trials are processes that log to Podium, and the best one wins.

A server and its worker launch over the API server with the rights of their Role; the pods are run
by the test kubelet.
"""

from __future__ import annotations

import pytest
from podium import client

from ..registry.launch.samples import IMAGE
from ..services.podium import PodiumServer
from .control_plane import Cluster
from .kubelet import Kubelet

pytest.importorskip("optuna", reason="No Optuna here. Install it with: pip install optuna")

# Its values come as words of its arguments and of its environment.
_TRAIN = """
import math, os, sys
from podium import client
rate, depth = float(sys.argv[1]), int(sys.argv[2])
for step in range(5):
    loss = (math.log10(rate) + 2) ** 2 + abs(depth - 5) + 1 / (step + 1)
    client.log_metric("loss", loss, step)
client.set_tag("optimizer", os.environ["OPTIMIZER"])
client.end_run()
if os.environ["OPTIMIZER"] == "broken":
    sys.exit(3)
"""
_SWEEP = {
    "metric": "loss",
    "goal": "minimize",
    "value": "min",
    "algorithm": "tpe",
    "seed": 4,
    "trials": 4,
    "parallel": 2,
    "max_failed": 3,
    "experiment": "tuning",
    "parameters": [
        {"name": "lr", "min": 1e-4, "max": 0.1, "log": True},
        {"name": "depth", "type": "int", "min": 2, "max": 8},
        {"name": "optimizer", "type": "choice", "values": ["adam", "broken"]},
    ],
}
_SPEC = {
    "target": "job",
    "name": "tuned",
    "image": IMAGE,
    "command": ["python", "-c", _TRAIN],
    "args": ["${sweep.lr}", "${sweep.depth}"],
    "env": {"OPTIMIZER": "${sweep.optimizer}"},
}


def test_trials_are_trainings_and_the_best_is_found(
    podium: PodiumServer, kubelet: Kubelet, cluster: Cluster, namespace: str
) -> None:
    assert podium
    assert kubelet
    begun = client.sweep(_SPEC, sweep=_SWEEP)
    sweep = client.wait_for_sweep(begun.sweep_id, timeout=120, every=0.5)
    trials = client.sweep_trials(sweep.sweep_id)
    assert sweep.state == "SUCCEEDED", (sweep, trials)
    assert [each.number for each in trials] == [0, 1, 2, 3]
    jobs = cluster.admin.list("batch/v1", "Job", namespace)
    labels = [each["metadata"]["labels"] for each in jobs]
    assert sorted(each["podium/run-id"] for each in labels) == sorted(t.run_id for t in trials)
    for trial in trials:
        run = client.get_run(trial.run_id)
        assert run.tags["optimizer"] == trial.params["optimizer"]
        assert run.params["lr"] == str(trial.params["lr"])
        assert run.tags["mlflow.parentRunId"] == sweep.run_id
        broken = trial.params["optimizer"] == "broken"
        assert (trial.state, broken) in (("FAILED", True), ("COMPLETE", False))
    complete = [each for each in trials if each.state == "COMPLETE"]
    assert {each.state for each in trials} == {"COMPLETE", "FAILED"}
    assert sweep.best is not None
    assert sweep.best.value == min(each.value or 0 for each in complete)
    assert client.get_run(sweep.run_id).params["best.depth"] == str(sweep.best.params["depth"])
