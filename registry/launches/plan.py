"""From what was asked to what goes to which cluster: the spec complete, held against the site."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.models import Run
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ..launch.faults import InvalidLaunch, refuse
from ..launch.names import Manifest, object_name
from ..launch.render import find_target, load_spec, render
from ..launch.site import Prices, Site
from ..launch.spec import LaunchSpec, Owner, Purpose
from ..models import ModelVersion, RegisteredModel

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    spec: LaunchSpec
    cluster: str
    namespace: str
    manifests: tuple[Manifest, ...]

    @property
    def name(self) -> str:
        return object_name(self.spec)

    @property
    def objects(self) -> list[list[str]]:
        """apiVersion, kind and name of each, the main one last; none of a call of another API."""
        return [
            [each["apiVersion"], each["kind"], each["metadata"]["name"]]
            for each in self.manifests
            if "kind" in each
        ]

    @property
    def rates(self) -> Json:
        return rates(self.spec, self.spec.site.prices)


def make_plan(data: Mapping[str, Any], site: Site, *, owner: Owner) -> Plan:
    """:class:`InvalidLaunch` says all that is wrong."""
    spec = load_spec(data, site=site, owner=owner)
    refuse(_homeless(spec, site))
    cluster = spec.cluster or next(iter(site.clusters))
    namespace = spec.namespace or site.clusters[cluster].namespace
    spec = replace(spec, cluster=cluster, namespace=namespace)
    return Plan(spec, cluster, namespace, tuple(render(spec)))


def complete(
    session: Session, data: Mapping[str, Any], *, artifacts: str, model: int | None = None
) -> Json:
    """With what follows from what it is of: where the files of the version or the run are, and
    those of a canary. What can do nothing without a model is told of no run: where in its files
    there is one is for a person to say.

    ``model`` is that of a launch, which may have another name by now.
    """
    made = dict(data)
    source = made.get("source")
    if not isinstance(source, Mapping) or not (source.get("model") or source.get("run")):
        return made
    target = find_target(made.get("target"))
    takes = target.TAKES
    if not source.get("model"):
        if "storage" in takes - target.NEEDS and not made.get("storage"):
            made["storage"] = _of_run(session, str(source["run"]), artifacts)
        return made
    of = RegisteredModel.name == str(source["model"])
    of = of if model is None else RegisteredModel.id == model
    if "storage" in takes and not made.get("storage"):
        made["storage"] = _storage(session, of, source.get("version"), artifacts)
    canary = made.get("canary")
    if isinstance(canary, Mapping) and canary.get("version") and not canary.get("storage"):
        found = _storage(session, of, canary["version"], artifacts)
        made["canary"] = {**canary, "storage": found}
    return made


def _storage(
    session: Session, of: ColumnElement[bool], version: object, artifacts: str
) -> str | None:
    """Where pods find a version's files; None where these are in a folder that only we can see."""
    if not isinstance(version, int):  # what is none is refused where the spec is read
        return None
    location = session.scalar(
        select(ModelVersion.storage_location)
        .join(RegisteredModel, RegisteredModel.id == ModelVersion.model)
        .where(of, ModelVersion.version == version)
    )
    return _seen_by_pods(location, artifacts)


def _of_run(session: Session, run: str, artifacts: str) -> str | None:
    """Where pods find a run's files."""
    uri = session.scalar(select(Run.artifact_uri).where(Run.run_id == run))
    return _seen_by_pods(uri, artifacts)


def _seen_by_pods(location: str | None, artifacts: str) -> str | None:
    if not location or not artifacts.startswith("s3://"):
        return None
    return f"{artifacts.rstrip('/')}/{parse_artifact_uri(location)}"


def logs_to_a_run(data: Mapping[str, Any]) -> bool:
    """Whether the launched code is given a run to log to."""
    learns = data.get("purpose") in (Purpose.TRAIN, Purpose.EVALUATE)
    return learns and "run_id" in find_target(data.get("target")).TAKES


def rates(spec: LaunchSpec, prices: Prices) -> Json:
    """What a pod's hour costs: all of it by its class, else each of its GPUs and cores."""
    named = spec.resources.named
    if named and named in prices.classes:
        return {"pod": prices.classes[named]}
    product = spec.resources.gpu.product if spec.resources.gpu else None
    return {"gpu": prices.products.get(product or "", prices.gpu), "cpu": prices.cpu}


def asked(spec: str) -> Json:
    found: Json = json.loads(spec)
    return found


def _homeless(spec: LaunchSpec, site: Site) -> Iterator[str]:
    if not site.clusters:
        raise InvalidLaunch(
            ["cluster: there is none; an administrator names them in PODIUM_LAUNCH_SITE"]
        )
    cluster = spec.cluster or next(iter(site.clusters))
    if spec.target != "kfp":
        return
    connection = site.clusters[cluster]
    if not connection.pipelines:
        having = [name for name, each in site.clusters.items() if each.pipelines]
        yield (
            f"cluster: {cluster} has no Kubeflow Pipelines; "
            f"{'name ' + ' or '.join(having) if having else 'an administrator sets its pipelines'}"
        )
    elif connection.pipelines_namespace and not spec.options.get("experiment_id"):
        yield (
            f"options.experiment_id: is missing; name one of the namespace "
            f"{connection.pipelines_namespace}, where the runs of {cluster} are"
        )
