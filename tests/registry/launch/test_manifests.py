"""Every target: what it makes of the smallest spec and of its example, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from podium.registry.launch.example import example
from podium.registry.launch.names import MAX_NAME
from podium.registry.launch.render import EVERYWHERE
from podium.registry.launch.schema import LaunchSchema
from podium.registry.launch.spec import Owner, Purpose
from podium.registry.launch.targets import TARGETS

from .restricted import pods, violations
from .samples import expected, full, main, manifests, minimal
from .schemas import custom_kinds, problems

pytestmark = pytest.mark.parametrize("target", TARGETS)

# A pipeline has its own, and a Model of Seldon runs in those of its Server.
_WITHOUT_PODS = ("kfp", "seldon2")
# Its runtime says so of a TrainJob's; Argo's executor needs one.
_TOKEN_OF_OTHERS = ("trainjob", "argo")


@pytest.fixture(params=["minimal", "full"])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _spec(target: str, which: str) -> dict[str, Any]:
    return minimal(target) if which == "minimal" else full(target)


def test_the_manifests_are_those_written_down(target: str, which: str) -> None:
    assert manifests(_spec(target, which)) == expected(target, which)


def test_a_strict_api_server_takes_them(target: str, which: str) -> None:
    for made in manifests(_spec(target, which)):
        if "kind" in made:
            assert problems(made) == []


def test_pod_security_restricted_takes_them(target: str, which: str) -> None:
    made = manifests(_spec(target, which))
    assert bool(list(pods(made))) is (target not in _WITHOUT_PODS)
    assert list(violations(made)) == []


def test_no_pod_gets_a_token_of_the_cluster(target: str, which: str) -> None:
    tokens = {
        pod.get("automountServiceAccountToken") for _, pod in pods(manifests(_spec(target, which)))
    }
    if target in _WITHOUT_PODS:
        assert tokens == set()
    else:
        assert tokens == ({None} if target in _TOKEN_OF_OTHERS else {False})


def test_the_objects_and_their_pods_say_whose_they_are(target: str) -> None:
    made = manifests(full(target))
    name = _name(made[-1])
    assert len(name) <= MAX_NAME
    if target == "kfp":  # where nothing has labels
        assert f"podium/launch-id={name}" in made[0]["body"]["description"]
        return
    for each in [*made, *_templates(made)]:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == name
        assert labels["podium/launch-id"] == name
        assert labels["podium/model"] == "churn"
        assert labels["podium/version"] in ("7", "8")  # 8 is on trial


def test_the_example_shows_every_field_the_target_takes(target: str) -> None:
    found = TARGETS[target]
    takes = (found.TAKES | EVERYWHERE) & set(LaunchSchema().fields)
    left_out = {name for name, value in found.EXAMPLE.items() if not value}
    # What an administrator must have allowed is for the documentation.
    assert set(full(target)) == takes - left_out - {"cluster", "namespace", "overlay"}
    if "options" in takes:
        assert set(full(target)["options"]) <= set(found.OPTIONS().fields)


def test_the_example_explains_every_field(target: str) -> None:
    lines = example(target).splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith((" ", "#", "-")):
            assert lines[number - 1].startswith("# "), line


def test_another_owner_is_another_job_but_the_same_service(target: str) -> None:
    spec = minimal(target)
    one, again, other, retried = (
        main(spec, owner=Owner(launch_id=launch, attempt=attempt))
        for launch, attempt in (("a", 1), ("a", 1), ("b", 1), ("a", 2))
    )
    assert one == again
    names = {_name(each) for each in (one, other, retried)}
    assert len(names) == (1 if spec["purpose"] == Purpose.SERVE else 3)


def test_the_kinds_are_checked_against_something(target: str) -> None:
    core = {"Job", "Service", "Deployment", "HorizontalPodAutoscaler", "CronJob"}
    kinds = {each["kind"] for each in manifests(full(target)) if "kind" in each}
    assert kinds <= core | custom_kinds()


def _name(made: Mapping[str, Any]) -> str:
    return str(made["metadata"]["name"] if "kind" in made else made["body"]["display_name"])


def _templates(made: Any) -> Iterator[Mapping[str, Any]]:
    """Whatever in there has the metadata of pods and a pod."""
    for each in _objects(made):
        spec = each.get("spec")
        if isinstance(spec, Mapping) and "containers" in spec:
            yield each


def _objects(made: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(made, Mapping):
        yield made
        for value in made.values():
            yield from _objects(value)
    elif isinstance(made, list):
        for value in made:
            yield from _objects(value)
