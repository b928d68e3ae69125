"""What is wrong with a spec is said all at once, each with its field and the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from podium.client.errors import BadRequest
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.files import read_file
from podium.registry.launch.targets import TARGETS

from .samples import RUN_ID, full, load, manifests, minimal, refusals

# Nine lines that stand for 10^8 values.
_LAUGHS = "a0: &a0 [x]\n" + "\n".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)
)
_BAD = [
    (target, each["put"], each["line"])
    for target, all_of_it in yaml.safe_load(
        Path(__file__).with_name("bad_specs.yaml").read_text()
    ).items()
    for each in all_of_it
]


@pytest.mark.parametrize(("target", "changes", "line"), _BAD)
def test_bad_input_is_one_line_with_the_field_and_the_fix(
    target: str, changes: dict[str, Any], line: str
) -> None:
    [refused] = refusals(minimal(target) | changes)
    assert refused.startswith(line)


_FORBIDDEN = [
    ("hostPath", "/", "it reaches into the node"),
    ("host_path", "/", "it reaches into the node"),
    ("hostNetwork", True, "it reaches into the node"),
    ("privileged", True, "it gives the container more rights than a launch may have"),
    ("securityContext", {}, "a launch may not choose it"),
    ("volumes", [], "a launch may not choose it"),
    ("automountServiceAccountToken", True, "a launch gets no token of the cluster"),
    ("nodeName", "node-1", "it goes past the scheduler"),
    ("run_as_user", 0, "the container must not run as root"),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("field", "value", "why"), _FORBIDDEN)
def test_a_forbidden_field_is_refused_by_name(
    target: str, field: str, value: Any, why: str
) -> None:
    [refused] = refusals(minimal(target) | {field: value})
    assert refused.startswith(f"{field}: is not allowed")
    assert refused.endswith(f"{why}; remove it")


def test_a_forbidden_field_is_found_in_the_parts_too() -> None:
    [refused] = refusals(minimal("job") | {"resources": {"hostPath": "/dev"}})
    assert refused.startswith("resources.hostPath: is not allowed")


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = minimal("job") | {"workers": 0, "retries": "x", "imgae": 1, "options": {"a": 1}}
    with pytest.raises(InvalidLaunch) as raised:
        load(wrong)
    fields = [line.partition(":")[0] for line in raised.value.faults]
    assert sorted(fields) == ["imgae", "options.a", "retries", "workers"]
    assert isinstance(raised.value, BadRequest)
    assert raised.value.message == "\n".join(raised.value.faults)


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("jobs", "target: 'jobs' is none; did you mean job?"),
        ("slurm", f"target: 'slurm' is none; there are {', '.join(TARGETS)}"),
        (7, f"target: 7 is none; there are {', '.join(TARGETS)}"),
        (None, f"target: is missing; name one of {', '.join(TARGETS)}"),
    ],
)
def test_a_target_that_is_none(target: Any, line: str) -> None:
    assert refusals(minimal("job") | {"target": target}) == (line,)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- 1", "spec: must be a mapping of fields, not list"),
        ("", "spec: must be a mapping of fields, not NoneType"),
        ("a: [", "spec: is neither YAML nor JSON: "),
        ("a: 1\na: 2", "spec: is neither YAML nor JSON: line 2: 'a' is there twice"),
        ("a: !!python/object/apply:os.system [id]", "spec: is neither YAML nor JSON: "),
        ("a: &a [*a]", "spec: is neither YAML nor JSON: "),
        ("[" * 100_000, "spec: is neither YAML nor JSON: "),
        (_LAUGHS, "spec: is nested deeper than 50, or longer than 100,000 values"),
        ("{a: " * 60 + "}" * 60, "spec: is nested deeper than 50, or longer than 100,000 values"),
        ("a" * 1_000_001, "spec: is longer than 1,000,000 characters"),
    ],
)
def test_a_file_that_is_none(text: str, line: str) -> None:
    with pytest.raises(InvalidLaunch) as raised:
        read_file(text)
    [fault] = raised.value.faults
    assert fault.startswith(line)
    assert "\n" not in fault


def test_json_and_yaml_say_the_same() -> None:
    import json

    spec = full("job")
    assert read_file(json.dumps(spec)) == spec
    assert manifests(read_file(json.dumps(spec))) == manifests(spec)


def test_null_is_as_good_as_absent() -> None:
    assert manifests(minimal("job") | {"queue": None, "resources": {"gpu": None}}) == manifests(
        minimal("job")
    )


def test_a_number_in_the_environment_is_the_text_as_it_is_written() -> None:
    spec = load(minimal("job") | {"env": {"EPOCHS": 3, "RATE": 0.5}, "args": [7]})
    assert (spec.env, spec.args) == ({"EPOCHS": "3", "RATE": "0.5"}, ("7",))


@pytest.mark.parametrize(
    ("said", "seconds"), [(90, 90), ("90s", 90), ("2m", 120), ("1h30m", 5400), ("1d12h", 129_600)]
)
def test_durations(said: Any, seconds: int) -> None:
    assert load(minimal("job") | {"deadline": said}).deadline == seconds


def test_the_name_is_the_model_s_or_the_run_s() -> None:
    spec = minimal("job")
    del spec["name"]
    assert load(spec | {"source": {"model": "Größe/β", "version": 3}}).name == "Größe/β"
    assert load(spec | {"source": {"run": RUN_ID}}).name == "run-01234567"
