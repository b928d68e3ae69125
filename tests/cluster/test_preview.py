"""What a promotion would launch, before a real API server: its verdict is on the request's page.

Nothing of it stays in the cluster, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from podium.client.launches import LaunchPreview
from podium.registry import promotion
from podium.registry.app import create_app
from podium.registry.launches import rules
from podium.registry.launches.preview import preview_request
from podium.registry.launches.sites import read_site
from podium.registry.promotion import policies
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database

from ..registry.launch.samples import IMAGE
from .control_plane import Cluster
from .processes import wait_for
from .world import World

EVALUATE: dict[str, Any] = {"target": "job", "purpose": "evaluate", "image": IMAGE}
SERVE: dict[str, Any] = {
    "target": "deployment",
    "purpose": "serve",
    "image": IMAGE,
    "command": ["serve"],
    "scaling": {"min": 1, "max": 2},
}


class Request:
    """That version 1 of churn be in Staging, as its page tells of it."""

    def __init__(self, world: World, store: ArtifactStore, sqlite_url: str) -> None:
        self.world = world
        site = json.loads(world.path.read_text())
        world.path.write_text(json.dumps({**site, "overlay": ["*"]}))
        policies.set_policy(world.db, "churn", "Staging", {"approvals": 1})
        asked = promotion.promote(world.db, name="churn", version=1, stage="Staging")
        self.id = asked.id
        config = Config(database_url=sqlite_url, artifacts="s3://b/p", launch_site=world.path)
        self._pages: FlaskClient = create_app(config, db=world.db, store=store).test_client()

    def rule(self, spec: Mapping[str, Any]) -> None:
        rules.set_rule(self.world.db, read_site(self.world.path), "churn", "Staging", spec)

    def preview(self) -> LaunchPreview:
        return preview_request(
            self.world.db, self.world.path, "churn", self.id, artifacts="s3://b/p"
        )

    def page(self) -> str:
        answer = self._pages.get(
            f"/models/churn/requests/{self.id}/launches", headers={"Accept": "text/html"}
        )
        assert answer.status_code == 200
        return answer.text

    def left(self) -> list[str]:
        admin, namespace = self.world.cluster.admin, self.world.namespace
        kinds = (("batch/v1", "Job"), ("apps/v1", "Deployment"))
        return [kind for version, kind in kinds if admin.list(version, kind, namespace)]


@pytest.fixture
def request_(
    cluster: Cluster, namespace: str, sqlite_url: str, store: ArtifactStore, tmp_path: Path
) -> Iterator[Request]:
    db = Database(sqlite_url, pool_size=8)
    yield Request(World(db, store, cluster, namespace, tmp_path), store, sqlite_url)
    db.close()


def test_what_it_accepts(request_: Request) -> None:
    request_.rule(EVALUATE)
    request_.rule(SERVE)
    assert [each.tried.accepted for each in request_.preview().launches] == [True, True]
    page = request_.page()
    assert page.count('<span class="status FINISHED">accepted</span>') == 2
    assert "HorizontalPodAutoscaler" in page
    assert request_.left() == []


@pytest.mark.parametrize(
    ("overlay", "field"),
    [
        ({"spec": {"backoff": 3}}, "spec.backoff"),
        ({"spec": {"completions": "many"}}, "spec.completions"),
        ({"spec": {"backoffLimit": -1}}, "spec.backoffLimit"),
    ],
)
def test_a_field_that_it_refuses_is_named(
    request_: Request, overlay: dict[str, Any], field: str
) -> None:
    """By strict validation, by the schema of an apply, and by the validation of values."""
    request_.rule({**EVALUATE, "overlay": {"Job": overlay}})
    request_.rule(SERVE)
    refused, accepted = request_.preview().launches
    assert accepted.tried.accepted
    [verdict] = refused.tried.verdicts
    assert verdict.refused is not None
    assert verdict.refused.code == "Invalid"
    page = request_.page()
    assert f"The API server refused {field} of the object." in page
    assert request_.left() == []


def test_a_system_that_is_not_installed(request_: Request) -> None:
    absent = {"apiVersion": "absent.example.com/v1", "kind": "Absent", "spec": {}}
    site = json.loads(request_.world.path.read_text())
    templates = {"templates": {"absent": {"manifests": [absent]}}}
    request_.world.path.write_text(json.dumps({**site, **templates}))
    rule = {"target": "raw", "purpose": "evaluate", "options": {"template": "absent"}}
    request_.rule(rule)
    [verdict] = request_.preview().launches[0].tried.verdicts
    assert verdict.refused is not None
    assert verdict.refused.code == "MissingCRD"
    assert "its system is not installed" in request_.page()


def test_what_an_admission_policy_refuses(
    request_: Request, cluster: Cluster, admission: Callable[[str], None]
) -> None:
    admission(request_.world.namespace)
    request_.rule(EVALUATE)
    wait_for("the policy is in force", lambda: not request_.preview().launches[0].tried.accepted)
    [verdict] = request_.preview().launches[0].tried.verdicts
    assert verdict.refused is not None
    assert verdict.refused.code == "AdmissionRefused"
    assert "every job names its team" in request_.page()
    assert request_.left() == []


@pytest.fixture
def admission(cluster: Cluster) -> Iterator[Callable[[str], None]]:
    """Makes a namespace refuse Jobs that name no team."""
    made: list[Mapping[str, Any]] = []

    def make(namespace: str) -> None:
        api, name = "admissionregistration.k8s.io/v1", f"{namespace}-owned"
        jobs = {
            "apiGroups": ["batch"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["jobs"],
        }
        validation = {
            "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels",
            "message": "every job names its team",
        }
        policy = {"matchConstraints": {"resourceRules": [jobs]}, "validations": [validation]}
        only = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        binding = {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": only},
        }
        for kind, spec in (
            ("ValidatingAdmissionPolicy", policy),
            ("ValidatingAdmissionPolicyBinding", binding),
        ):
            each = {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}
            made.append(cluster.admin.create(each))

    yield make
    for each in reversed(made):
        cluster.admin.delete(each)
