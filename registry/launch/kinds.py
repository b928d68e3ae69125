"""The kinds of objects that launches are made of, and where the API server has them.

A table, since discovery would ask the server what does not change, and its cache has grown stale
under more than one program. A kind that is on no table, as an administrator's template may name
one, is asked for once (:meth:`.cluster.Cluster.plural`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

# apiVersion, then kind → plural.
PLURALS: Mapping[str, Mapping[str, str]] = {
    "v1": {
        "ConfigMap": "configmaps",
        "Event": "events",
        "PersistentVolumeClaim": "persistentvolumeclaims",
        "Pod": "pods",
        "Service": "services",
    },
    "apps/v1": {"Deployment": "deployments", "StatefulSet": "statefulsets"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "batch/v1": {"CronJob": "cronjobs", "Job": "jobs"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "argoproj.io/v1alpha1": {"Workflow": "workflows"},
    "kubeflow.org/v1": {"PyTorchJob": "pytorchjobs"},
    "kubeflow.org/v1beta1": {"Experiment": "experiments"},
    "kueue.x-k8s.io/v1beta2": {"Workload": "workloads"},
    "machinelearning.seldon.io/v1": {"SeldonDeployment": "seldondeployments"},
    "mlops.seldon.io/v1alpha1": {"Experiment": "experiments", "Model": "models"},
    "monitoring.coreos.com/v1": {"PodMonitor": "podmonitors", "ServiceMonitor": "servicemonitors"},
    "ray.io/v1": {"RayJob": "rayjobs", "RayService": "rayservices"},
    "serving.kserve.io/v1beta1": {"InferenceService": "inferenceservices"},
    "trainer.kubeflow.org/v1alpha1": {"TrainJob": "trainjobs"},
}


@dataclass(frozen=True, slots=True)
class Kind:
    api_version: str
    kind: str

    @property
    def group(self) -> str:
        """As a rule of RBAC names it: empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def root(self) -> str:
        return f"/{'apis' if self.group else 'api'}/{self.api_version}"


POD = Kind("v1", "Pod")
EVENT = Kind("v1", "Event")
WORKLOAD = Kind("kueue.x-k8s.io/v1beta2", "Workload")


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    return Kind(str(manifest["apiVersion"]), str(manifest["kind"]))


def path(kind: Kind, plural: str, namespace: str, name: str = "", below: str = "") -> str:
    """Of a collection or, with a ``name``, of one object or what is ``below`` it."""
    parts = [
        "namespaces",
        namespace,
        plural,
        *([name] if name else []),
        *([below] if below else []),
    ]
    return "/".join([kind.root, *(quote(each, safe="") for each in parts)])
