"""Kubeflow Pipelines: a run of an uploaded pipeline, as the body of a call of its REST API.

It is no Kubernetes object: ``manifests`` says the request, ``status`` reads the run that the API
returns, ``stop`` says the request that ends it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..fields import Plain, Schema, Table, Text
from ..names import Manifest, object_name, owner_labels
from ..parts import URI
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, Request, State

RUNS = "/apis/v2beta1/runs"


class Options(Schema):
    pipeline_id = Text(limit=128, required=True, about="The pipeline,")
    pipeline_version_id = Text(limit=128, about="and the version of it; by default the latest.")
    experiment_id = Text(limit=128, about="The experiment of Kubeflow Pipelines.")
    parameters = Table(
        Text(limit=250),
        Plain(),
        about="The pipeline's parameters; model_uri and run_id are given where not named here.",
    )
    pipeline_root = Text(
        URI, limit=2048, must="a URI such as s3://bucket/path", about="Where its artifacts go."
    )


SUMMARY = "Kubeflow Pipelines v2: a run of an uploaded pipeline, over its REST API"
PURPOSES = frozenset({Purpose.TRAIN, Purpose.EVALUATE})
TAKES = frozenset({"run_id", "storage", "service_account", "options"})
NEEDS: frozenset[str] = frozenset()
OPTIONS = Options
EXAMPLE = {
    "service_account": "pipeline-runner",
    "options": {
        "pipeline_id": "5a1f2c64-8b0e-4d6c-9a53-2f1f0b7f3d11",
        "pipeline_version_id": "0c5e0f27-3f0a-4f6e-8a0e-7d1c3f7b9a42",
        "experiment_id": "9e3b8d52-6c1d-4b7a-8f21-1c2d3e4f5a6b",
        "parameters": {"epochs": 3, "learning_rate": 0.01},
        "pipeline_root": "s3://pipelines/churn",
    },
}

_PHASES = {
    "RUNNING": Phase.RUNNING,
    "CANCELING": Phase.RUNNING,
    "SUCCEEDED": Phase.SUCCEEDED,
    "SKIPPED": Phase.SUCCEEDED,
    "FAILED": Phase.FAILED,
    "CANCELED": Phase.STOPPED,
}


def faults(_spec: LaunchSpec) -> Iterable[str]:
    return ()


def manifests(spec: LaunchSpec) -> list[Manifest]:
    options = spec.options
    version = {"pipeline_id": options["pipeline_id"]}
    if options.get("pipeline_version_id"):
        version["pipeline_version_id"] = options["pipeline_version_id"]
    ours = {"model_uri": spec.storage, "run_id": spec.run_id}
    parameters = {name: value for name, value in ours.items() if value}
    runtime: Manifest = {"parameters": parameters | options.get("parameters", {})}
    if options.get("pipeline_root"):
        runtime["pipeline_root"] = options["pipeline_root"]
    said = ", ".join(f"{name}={value}" for name, value in owner_labels(spec).items())
    body = {
        "display_name": object_name(spec),
        "description": said,
        "experiment_id": options.get("experiment_id"),
        "pipeline_version_reference": version,
        "runtime_config": runtime,
        "service_account": spec.service_account,
    }
    body = {name: value for name, value in body.items() if value}
    return [{"method": "POST", "path": RUNS, "body": body}]


def status(objects: Objects) -> State:
    if not objects:
        return State(Phase.MISSING)
    run = objects[0]
    given = run.get("state") or ""
    phase = _PHASES.get(given, Phase.PENDING)
    error = run.get("error") or {}
    return State(phase, given if phase.final and given != "SUCCEEDED" else "", _message(error))


def endpoint(objects: Objects) -> str | None:
    """The run's page, below the address of Kubeflow Pipelines."""
    return f"#/runs/details/{objects[0]['run_id']}" if objects else None


def stop(objects: Objects) -> list[Action]:
    return [Request("POST", f"{RUNS}/{run['run_id']}:terminate") for run in objects]


def _message(error: Manifest) -> str:
    return str(error.get("message") or "")
