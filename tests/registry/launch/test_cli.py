"""`podium launch`, as a process: with no server and no cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from podium.registry.launch.targets import TARGETS

from ...services.podium import PODIUM, environment
from .samples import expected, minimal


def podium(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PODIUM, "launch", *arguments],
        env=environment(),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_targets_are_listed_with_what_they_are_for() -> None:
    done = podium("targets")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(TARGETS)
    assert lines[0].endswith("(evaluate, train)")


def test_an_example_renders_as_it_is(tmp_path: Path) -> None:
    done = podium("example", "kserve")
    assert done.returncode == 0, done.stderr
    spec = tmp_path / "spec.yaml"
    spec.write_text(done.stdout)
    rendered = podium("render", "-t", "kserve", "-f", str(spec))
    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert list(yaml.safe_load_all(rendered.stdout)) == expected("kserve", "full")


def test_json_from_the_standard_input() -> None:
    done = podium("render", "-f", "-", given=json.dumps(minimal("job")))
    assert list(yaml.safe_load_all(done.stdout)) == expected("job", "minimal")


def test_the_target_of_the_command_line_counts() -> None:
    done = podium("render", "-t", "pytorchjob", "-f", "-", given=json.dumps(minimal("job")))
    assert yaml.safe_load(done.stdout)["kind"] == "PyTorchJob"


def test_what_is_wrong_is_a_line_each() -> None:
    spec = minimal("job") | {"workers": 0, "hostPath": "/", "image": "reg/train:1"}
    done = podium("render", "-f", "-", given=json.dumps(spec))
    assert (done.returncode, done.stdout) == (1, "")
    assert sorted(line.partition(":")[0] for line in done.stderr.splitlines()) == [
        "hostPath",
        "image",
        "workers",
    ]


def test_a_site_says_what_is_allowed(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("classes: {small: {cpu: 1, memory: 1Gi}}\nnamespaces: [team]")
    spec = minimal("job") | {"resources": {"class": "small"}, "namespace": "other"}
    done = podium("render", "-f", "-", "--site", str(site), given=json.dumps(spec))
    assert done.returncode == 1
    assert done.stderr == (
        "namespace: 'other' is not allowed by the site; there are team. "
        "An administrator adds it to namespaces\n"
    )
    spec["namespace"] = "team"
    done = podium("render", "-f", "-", "--site", str(site), given=json.dumps(spec))
    assert yaml.safe_load(done.stdout)["metadata"]["namespace"] == "team"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["example", "jobs"], "podium: target: 'jobs' is none; did you mean job?\n"),
        (
            ["render", "-f", "/nowhere/spec.yaml"],
            "podium: /nowhere/spec.yaml cannot be read: [Errno 2] No such file or directory: "
            "'/nowhere/spec.yaml'. Name a YAML or JSON file.\n",
        ),
    ],
)
def test_a_command_that_cannot_be_done(arguments: list[str], line: str) -> None:
    done = podium(*arguments)
    assert (done.returncode, done.stderr) == (1, line)
