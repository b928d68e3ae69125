"""Specs to render: the smallest of each target, the full example, and what is to come of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from podium.registry.launch.example import example
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.render import load_spec, render
from podium.registry.launch.site import OFFLINE, Site
from podium.registry.launch.spec import LaunchSpec, Owner

SPECS = Path(__file__).parent / "specs"
IMAGE = "registry.example.com/churn/train@sha256:" + "0123456789abcdef" * 4
RUN_ID = "0123456789abcdef" * 2


def minimal(target: str) -> dict[str, Any]:
    """The least that the target takes, as it is written."""
    found: dict[str, Any] = yaml.safe_load((SPECS / target / "minimal.yaml").read_text())
    return found


def full(target: str) -> dict[str, Any]:
    """The example that the command prints, read back."""
    found: dict[str, Any] = yaml.safe_load(example(target))
    return found


def expected(target: str, which: str) -> list[dict[str, Any]]:
    """Written down in ``specs/``; common.yaml stands before it, for its anchors."""
    text = (SPECS / "common.yaml").read_text()
    text += (SPECS / target / f"{which}.manifests.yaml").read_text()
    found: list[dict[str, Any]] = yaml.safe_load(text)["manifests"]
    return found


def load(
    data: Mapping[str, Any], *, site: Site = OFFLINE, owner: Owner | None = None, **more: Any
) -> LaunchSpec:
    return load_spec({**data, **more}, site=site, owner=owner)


def manifests(
    data: Mapping[str, Any], *, site: Site = OFFLINE, owner: Owner | None = None, **more: Any
) -> list[dict[str, Any]]:
    return render(load(data, site=site, owner=owner, **more))


def main(
    data: Mapping[str, Any], *, site: Site = OFFLINE, owner: Owner | None = None, **more: Any
) -> dict[str, Any]:
    """The object that is launched; what goes with it comes before it."""
    return manifests(data, site=site, owner=owner, **more)[-1]


def refusals(data: Mapping[str, Any], *, site: Site = OFFLINE, **more: Any) -> tuple[str, ...]:
    """The lines with which it is refused; () if it is not."""
    try:
        manifests(data, site=site, **more)
    except InvalidLaunch as invalid:
        return invalid.faults
    return ()
