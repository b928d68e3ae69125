"""Merge patches of a user: what they do, and what they may not."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.overlay import merged
from podium.registry.launch.render import load_site

from .samples import main, minimal, refusals
from .schemas import problems


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # the table of RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


def test_it_is_applied_to_the_object_of_its_kind() -> None:
    overlay = {"Deployment": {"spec": {"minReadySeconds": 30, "progressDeadlineSeconds": None}}}
    made = main(minimal("deployment"), overlay=overlay)
    assert made["spec"]["minReadySeconds"] == 30
    assert "progressDeadlineSeconds" not in made["spec"]
    assert problems(made) == []


def test_the_administrator_lists_what_may_be_set() -> None:
    site = load_site({"overlay": ["Deployment.spec.minReadySeconds", "*.metadata.annotations.*"]})
    fine = {
        "Deployment": {"spec": {"minReadySeconds": 30}, "metadata": {"annotations": {"a": "b"}}}
    }
    assert refusals(minimal("deployment"), site=site, overlay=fine) == ()
    more = {"Deployment": {"spec": {"paused": True}}, "Service": {"spec": {"type": "NodePort"}}}
    allowed = "the site, which allows Deployment.spec.minReadySeconds, *.metadata.annotations.*"
    ask = "An administrator adds it to overlay"
    assert refusals(minimal("deployment"), site=site, overlay=more) == (
        f"overlay.Deployment.spec.paused: is not allowed by {allowed}. {ask}",
        f"overlay.Service.spec.type: is not allowed by {allowed}. {ask}",
    )


_POD = "Job.spec.template.spec"


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"metadata": {"name": "mine"}}, "Job.metadata.name"),
        ({"metadata": {"namespace": "theirs"}}, "Job.metadata.namespace"),
        ({"metadata": {"labels": {"a": "b"}}}, "Job.metadata.labels"),
        ({"metadata": {"finalizers": ["x"]}}, "Job.metadata.finalizers"),
        ({"kind": "Pod"}, "Job.kind"),
        ({"spec": {"suspend": False}}, "Job.spec.suspend"),
        ({"spec": {"template": {"spec": {"securityContext": None}}}}, f"{_POD}.securityContext"),
        (
            {"spec": {"template": {"spec": {"serviceAccountName": "admin"}}}},
            f"{_POD}.serviceAccountName",
        ),
        ({"spec": {"template": {"spec": {"containers": []}}}}, f"{_POD}.containers"),
        ({"spec": {"template": {"spec": {"initContainers": [{}]}}}}, f"{_POD}.initContainers"),
        # All that is kept in it would go with it.
        ({"spec": {"template": {"spec": None}}}, f"{_POD}.securityContext"),
        ({"spec": {"template": 1}}, f"{_POD}.securityContext"),
        ({"spec": None}, f"{_POD}.securityContext"),
        ({"metadata": None}, "Job.metadata.labels"),
    ],
)
def test_what_makes_it_ours_and_safe_is_kept(patch: Any, changed: str) -> None:
    refused = refusals(minimal("job"), overlay={"Job": patch})
    expected = f"overlay.{changed}: is Podium's to set; remove what changes it from the overlay"
    assert expected in refused


def test_a_forbidden_field_is_refused_whatever_is_allowed() -> None:
    for pod, field in (
        ({"hostNetwork": True}, "hostNetwork"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volumes[0].hostPath"),
    ):
        [line] = refusals(minimal("job"), overlay={"Job": {"spec": {"template": {"spec": pod}}}})
        assert line.startswith(f"{_POD}.{field}: is not allowed: it reaches into the node")


def test_what_cannot_be_rendered_is_said_before_what_would_be_patched() -> None:
    spec = minimal("raw") | {"options": {"template": "x"}, "overlay": {"CronJob": {"spec": {}}}}
    [line] = refusals(spec)
    assert line.startswith("options.template: 'x' is none")


def test_a_patch_is_a_mapping() -> None:
    assert refusals(minimal("job"), overlay={"Job": "x"}) == (
        "overlay.Job: must be an object, not 'x'",
    )


def test_a_kind_that_is_not_launched_has_nothing_to_patch() -> None:
    assert refusals(minimal("job"), overlay={"Pod": {"spec": {}}}) == (
        "overlay.Pod: this launch has no such object; it has Job",
    )
