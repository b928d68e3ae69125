"""Katib: an Experiment, whose trials are Jobs. Each trial logs to a run of its own.

Katib reads the metric from what a trial prints, a line ``name=value`` each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .. import places, pod, state
from ..fields import Schema
from ..names import Manifest, metadata
from ..spec import Kind, LaunchSpec, Parameter, Purpose, Sweep
from ..state import Action, Objects, Phase, State
from . import job

SUMMARY = "Katib: an Experiment that searches hyperparameters, each trial a Job"
PURPOSES = frozenset({Purpose.SWEEP})
TAKES = (pod.FIELDS - {"run_id"}) | {"deadline", "retries", "sweep"}
NEEDS = frozenset({"image", "sweep"})
OPTIONS = Schema
EXAMPLE = {
    "args": ["--lr=${sweep.lr}", "--optimizer=${sweep.optimizer}"],
    "sweep": {
        "metric": "test_loss",
        "goal": "minimize",
        "target_value": 0.01,
        "algorithm": "tpe",
        "trials": 24,
        "parallel": 3,
        "max_failed": 3,
        "parameters": [
            {"name": "lr", "type": "double", "min": 0.0001, "max": 0.1, "log": True},
            {"name": "optimizer", "type": "choice", "values": ["adam", "sgd"]},
        ],
    },
}

_FINAL = {"Succeeded": Phase.SUCCEEDED, "Failed": Phase.FAILED}
_OURS = ("value", "seed", "pruner", "experiment")
_METRIC = re.compile(r"[A-Za-z0-9_-]+")
_TYPES = {Kind.DOUBLE: "double", Kind.INT: "int", Kind.CHOICE: "categorical"}


def faults(spec: LaunchSpec) -> Iterator[str]:
    if spec.sweep is None:
        return
    if not _METRIC.fullmatch(spec.sweep.metric):
        yield (
            f"sweep.metric: must be of letters, digits, '_' and '-' for Katib to find it in what "
            f"a trial prints, not {spec.sweep.metric!r}"
        )
    for name in _OURS:
        if getattr(spec.sweep, name) != getattr(Sweep(metric="", goal="", parameters=()), name):
            yield f"sweep.{name}: Katib has no use for it; leave it out, or see `podium sweep`"
    yield from places.faults(spec.sweep, [spec.command, spec.args, spec.env])


def manifests(spec: LaunchSpec) -> list[Manifest]:
    sweep = spec.sweep
    assert sweep is not None  # noqa: S101  (NEEDS says so)
    made: Manifest = {
        "objective": _objective(sweep),
        "algorithm": {"algorithmName": sweep.algorithm},
        "maxTrialCount": sweep.trials,
        "parallelTrialCount": sweep.parallel,
        "maxFailedTrialCount": sweep.max_failed,
        "resumePolicy": "Never",
        "parameters": [_parameter(each) for each in sweep.parameters],
        "trialTemplate": _trial(spec, sweep),
    }
    return [
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Experiment",
            "metadata": metadata(spec),
            "spec": made,
        }
    ]


def status(objects: Objects) -> State:
    found = state.find(objects, "Experiment")
    if found is None:
        return state.MISSING
    settled = state.decided(found, _FINAL) or state.decided(found, {"Running": Phase.RUNNING})
    return settled or State(Phase.PENDING)


def endpoint(_objects: Objects) -> str | None:
    return None


def stop(objects: Objects) -> list[Action]:
    return state.delete(objects, "Experiment")


def _objective(sweep: Sweep) -> Manifest:
    made: Manifest = {"type": sweep.goal, "objectiveMetricName": sweep.metric}
    if sweep.target_value is not None:
        made["goal"] = sweep.target_value
    return made


def _parameter(parameter: Parameter) -> Manifest:
    """Katib takes every value as a text."""
    space: Manifest = {
        "min": _number(parameter, parameter.min),
        "max": _number(parameter, parameter.max),
        "step": _number(parameter, parameter.step),
        "list": list(parameter.values) or None,
        "distribution": "logUniform" if parameter.log else None,
    }
    return {
        "name": parameter.name,
        "parameterType": _TYPES[parameter.type],
        "feasibleSpace": {name: value for name, value in space.items() if value is not None},
    }


def _number(parameter: Parameter, value: float | None) -> str | None:
    if value is None:
        return None
    return str(int(value)) if parameter.type is Kind.INT else repr(value)


def _trial(spec: LaunchSpec, sweep: Sweep) -> Manifest:
    template = pod.pod_template(spec, _container(spec), restartPolicy="Never")
    return {
        "primaryContainerName": "main",
        "trialParameters": [
            {"name": each.name, "reference": each.name} for each in sweep.parameters
        ],
        "trialSpec": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "spec": job.job_spec(spec, template),
        },
    }


def _container(spec: LaunchSpec) -> Manifest:
    """The container, its places for parameters in the words of Katib."""

    def put(text: str) -> str:
        return places.PLACE.sub(r"${trialParameters.\1}", text)

    container = pod.container(spec, run=False)
    for name in ("command", "args"):
        if name in container:
            container[name] = [put(each) for each in container[name]]
    container["env"] = [
        each | {"value": put(each["value"])} if "value" in each else each
        for each in container["env"]
    ]
    return container
