"""The Role of launches, without a cluster; ``tests/cluster/test_rbac.py`` holds it against one."""

from __future__ import annotations

import pytest
import yaml
from podium.registry.launch import rbac
from podium.registry.launch.targets import TARGETS

from .samples import full, manifests
from .schemas import resource
from .test_cli import podium


@pytest.mark.parametrize("target", TARGETS)
def test_it_has_what_the_target_makes_and_no_more(target: str) -> None:
    kinds = [each for each in manifests(full(target)) if "kind" in each]
    assert {resource(each) for each in kinds} == set(rbac.OBJECTS[target])


def test_every_target_is_on_the_table() -> None:
    assert set(rbac.OBJECTS) == set(TARGETS)


def test_nothing_reaches_secrets_or_into_a_pod() -> None:
    for rule in rbac.rules():
        assert not {"secrets", "pods/exec", "serviceaccounts", "nodes"} & set(rule["resources"])
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_the_command_prints_a_role_and_its_binding() -> None:
    done = podium("rbac", "-n", "team", "--account", "podium/server", "-t", "argo")
    assert (done.returncode, done.stderr) == (0, "")
    role, binding = yaml.safe_load_all(done.stdout)
    groups = {group for rule in role["rules"] for group in rule["apiGroups"]}
    assert groups == {"", "argoproj.io", "kueue.x-k8s.io"}
    assert role["metadata"] == binding["metadata"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "server", "namespace": "podium"}
    ]


def test_a_target_that_is_none_is_named() -> None:
    done = podium("rbac", "-n", "team", "--account", "podium", "-t", "jobb")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean job?" in done.stderr
