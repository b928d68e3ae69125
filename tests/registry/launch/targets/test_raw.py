"""The target raw: an administrator's template, its typed variables, and what it may not do."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.render import load_site
from podium.registry.launch.site import Site
from podium.registry.launch.state import Delete, Phase
from podium.registry.launch.targets import raw

from ..live import condition
from ..samples import IMAGE, main, manifests, refusals

_TEMPLATE: dict[str, Any] = {
    "variables": {
        "size": {"type": "int", "min": 1, "max": 4, "default": 2},
        "tier": {"choices": ["gold", "tin"], "about": "How fast."},
        "spot": {"type": "bool", "default": False},
        "rate": {"type": "number", "default": 0.5},
    },
    "manifests": [
        {
            "apiVersion": "example.com/v1",
            "kind": "Cluster",
            "metadata": {"labels": {"tier": "${tier}"}},
            "spec": {
                "size": "${size}",
                "spot": "${spot}",
                "note": "${tier} of ${size} at ${rate}, spot ${spot}",
                "uri": "${podium.model_uri}",
                "pods": ["${podium.pod}"],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "front"},
            "spec": {"ports": [{"port": "${podium.port}"}], "selector": "${podium.labels}"},
        },
    ],
}
_SPEC: dict[str, Any] = {
    "target": "raw",
    "purpose": "serve",
    "name": "churn",
    "image": IMAGE,
    "options": {"template": "cluster", "variables": {"tier": "gold"}},
}


def _site(template: dict[str, Any] | None = None) -> Site:
    return load_site({"templates": {"cluster": template or _TEMPLATE}})


def _variables(**variables: Any) -> dict[str, Any]:
    given = {"tier": "gold"} | variables
    said = {name: value for name, value in given.items() if value is not None}
    options = {"template": "cluster", "variables": said}
    return _SPEC | {"options": options}


def test_a_place_alone_keeps_its_type_and_one_in_a_text_becomes_text() -> None:
    cluster, _ = manifests(_variables(size=3), site=_site())
    assert cluster["spec"]["size"] == 3
    assert cluster["spec"]["spot"] is False
    assert cluster["spec"]["note"] == "gold of 3 at 0.5, spot false"
    assert cluster["metadata"]["labels"]["tier"] == "gold"


def test_an_empty_place_takes_its_field_with_it() -> None:
    cluster, _ = manifests(_SPEC, site=_site())
    assert "uri" not in cluster["spec"]
    cluster, _ = manifests(_SPEC | {"storage": "s3://m/7"}, site=_site())
    assert cluster["spec"]["uri"] == "s3://m/7"


def test_a_value_is_never_parsed() -> None:
    template = _TEMPLATE | {"variables": {"tier": {}, "size": {}, "spot": {}, "rate": {}}}
    text = "}\nkind: Pod # ${podium.name} {{x}}"
    spec = _variables(tier="x", size=text, spot="a", rate="b")
    cluster, _ = manifests(spec, site=_site(template))
    assert cluster["spec"]["size"] == text


def test_the_objects_are_ours() -> None:
    cluster, service = manifests(_SPEC, site=_site())
    name = cluster["metadata"]["name"]
    assert service["metadata"]["name"] == f"{name}-front"
    for each in (cluster, service):
        assert each["metadata"]["labels"]["podium/launch-id"] == name
    assert service["spec"]["selector"]["app.kubernetes.io/instance"] == name


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"size": 5}, "options.variables.size: must be at most 4, not 5"),
        ({"size": 0}, "options.variables.size: must be at least 1, not 0"),
        ({"size": "2"}, "options.variables.size: must be of type int, not '2'"),
        ({"size": True}, "options.variables.size: must be of type int, not True"),
        ({"tier": "iron"}, "options.variables.tier: must be one of gold, tin, not 'iron'"),
        ({"tier": None}, "options.variables.tier: is missing; it must be of type text. How fast."),
        ({"spot": "yes"}, "options.variables.spot: must be of type bool, not 'yes'"),
        (
            {"colour": "red"},
            "options.variables.colour: is no variable of the template; there are size",
        ),
    ],
)
def test_variables_are_checked(variables: dict[str, Any], line: str) -> None:
    [refused] = refusals(_variables(**variables), site=_site())
    assert refused.startswith(line)


def test_a_place_that_is_no_variable_is_the_administrator_s_to_mend() -> None:
    template = {"manifests": [{"apiVersion": "v1", "kind": "X", "spec": "${colour}"}]}
    spec = _SPEC | {"options": {"template": "cluster"}}
    [line] = refusals(spec, site=_site(template))
    assert line.startswith(
        "options.template: cluster has the place ${colour}, which is no variable"
    )


@pytest.mark.parametrize("kind", ["Pod", "Event", "Workload"])
def test_what_others_make_for_a_launch_is_no_template_s_to_name(kind: str) -> None:
    """How a launch stands is not read from its pods: it would be gone as soon as it is there."""
    service, mine = ({"apiVersion": "v1", "kind": each} for each in ("Service", kind))
    spec = _SPEC | {"options": {"template": "cluster"}}
    [line] = refusals(spec, site=_site({"manifests": [service, mine]}))
    assert line.startswith(f"options.template: manifests[1] of cluster is a {kind}, ")


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ({"hostNetwork": True}, "X.spec.hostNetwork"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "X.spec.volumes[0].hostPath"),
        (
            {"containers": [{"securityContext": {"privileged": True}}]},
            "X.spec.containers[0].securityContext.privileged",
        ),
        ({"containers": [{"ports": [{"hostPort": 80}]}]}, "X.spec.containers[0].ports[0].hostPort"),
        ({"automountServiceAccountToken": True}, "X.spec.automountServiceAccountToken"),
        ({"securityContext": {"runAsUser": 0}}, "X.spec.securityContext.runAsUser"),
        ({"securityContext": {"runAsNonRoot": False}}, "X.spec.securityContext.runAsNonRoot"),
        (
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            "X.spec.securityContext.seccompProfile.type",
        ),
        ({"nodeName": "n"}, "X.spec.nodeName"),
    ],
)
def test_a_template_may_not_do_what_no_launch_may(pod: dict[str, Any], field: str) -> None:
    template = {"manifests": [{"apiVersion": "v1", "kind": "X", "spec": pod}]}
    spec = _SPEC | {"options": {"template": "cluster"}}
    [line] = refusals(spec, site=_site(template))
    assert line.startswith(f"{field}: is not allowed")


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ({}, Phase.READY),
        ({"conditions": [condition("Ready")]}, Phase.READY),
        ({"conditions": [condition("Ready", "False")]}, Phase.PENDING),
        ({"conditions": [condition("Failed"), condition("Ready")]}, Phase.FAILED),
        ({"conditions": [condition("Complete")]}, Phase.SUCCEEDED),
        ({"phase": "Running"}, Phase.RUNNING),
        ({"phase": "Failed"}, Phase.FAILED),
        ({"observedGeneration": 1, "conditions": [condition("Ready")]}, Phase.PENDING),
    ],
)
def test_status_is_what_most_kinds_have(status: dict[str, Any], phase: Phase) -> None:
    found = {"kind": "X", "metadata": {"name": "x", "generation": 2}, "status": status}
    assert raw.status([found, {"kind": "Pod", "status": {"phase": "Failed"}}]).phase is phase


def test_the_worst_of_several_counts() -> None:
    assert raw.status([]).phase is Phase.MISSING
    good = {"kind": "X", "metadata": {}, "status": {"conditions": [condition("Ready")]}}
    bad = {"kind": "Y", "metadata": {}, "status": {"conditions": [condition("Failed")]}}
    assert raw.status([good, bad]).phase is Phase.FAILED


def test_endpoint_and_stop() -> None:
    objects = manifests(_SPEC, site=_site())
    name = main(_SPEC, site=_site())["metadata"]["name"]
    assert raw.endpoint(objects) == f"http://{name}.default.svc:8080"
    assert raw.endpoint(objects[:1]) is None
    kinds = [each.kind for each in raw.stop(objects) if isinstance(each, Delete)]
    assert kinds == ["Cluster", "Service"]
