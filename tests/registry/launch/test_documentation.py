"""docs/launch.md shows what is there, and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from podium.registry.launch.render import load_site
from podium.registry.launch.schema import LaunchSchema
from podium.registry.launch.site_schema import SiteSchema
from podium.registry.launch.targets import TARGETS

from .samples import IMAGE, minimal, refusals

_TEXT = (Path(__file__).parents[3] / "docs" / "launch.md").read_text()
_BLOCKS: list[dict[str, Any]] = [
    document
    for block in re.findall(r"```yaml\n(.*?)```", _TEXT, re.DOTALL)
    for document in yaml.safe_load_all(block)
]


@pytest.mark.parametrize("spec", [each for each in _BLOCKS if "target" in each])
def test_a_spec_that_is_shown_renders(spec: dict[str, Any]) -> None:
    assert refusals(spec) == ()


def test_every_target_has_an_example() -> None:
    assert {each["target"] for each in _BLOCKS if "target" in each} == set(TARGETS)


def test_the_site_that_is_shown_is_one_with_every_field() -> None:
    [site] = [each for each in _BLOCKS if "namespaces" in each]
    load_site(site)
    assert set(site) == set(SiteSchema().fields)


def test_the_template_that_is_shown_can_be_launched() -> None:
    [site] = [each for each in _BLOCKS if set(each) == {"templates"}]
    options = {"template": "nightly", "variables": {"schedule": "0 3 * * *"}}
    spec = {"target": "raw", "purpose": "train", "name": "n", "image": IMAGE, "options": options}
    assert refusals(spec, site=load_site(site)) == ()


def test_the_errors_that_are_shown_are_those_that_come() -> None:
    text = re.sub(r"```.*?```", "", _TEXT, flags=re.DOTALL)
    shown = set(re.findall(r"^    (\S+: .+)$", text, re.M))
    come = {
        *refusals(minimal("job") | {"image": "reg/train:1", "resources": {"gpu": {"cont": 2}}}),
        *refusals(minimal("job") | {"scaling": {"max": 3}}),
    }
    assert come == shown


def test_every_target_and_what_it_is_for() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| .* \| .* \|$", _TEXT, re.M))
    purposes = {name: {str(each) for each in found.PURPOSES} for name, found in TARGETS.items()}
    every = {"train", "evaluate", "serve", "sweep"}
    assert {
        name: every if said == "all" else set(said.split(", ")) for name, said in rows.items()
    } == purposes


def test_every_field() -> None:
    table = _TEXT[_TEXT.index("## The spec") : _TEXT.index("### GPUs")]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.M)
    shown = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert shown == set(LaunchSchema().fields)
