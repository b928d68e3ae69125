"""The chart, rendered by a real helm."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..services import MissingService
from ..services.helm import Helm, helm3, helm4

CHART = Path(__file__).parents[2] / "helm" / "podium"
Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


# Whoever comes first builds Helm 3, on a machine that may be building Kubernetes, too.
_BUILD_SECONDS = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "each_helm" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(_BUILD_SECONDS))


def installed(make: Callable[[], Helm]) -> Helm:
    try:
        return make()
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def helm() -> Helm:
    return installed(helm4)


@pytest.fixture(scope="session", params=[helm4, helm3], ids=["helm4", "helm3"])
def each_helm(request: pytest.FixtureRequest) -> Helm:
    return installed(request.param)


@pytest.fixture(scope="session")
def render(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Manifests of the chart with some values; a refusal is an AssertionError with its text."""
    values = tmp_path_factory.mktemp("values") / "values.yaml"

    @cache
    def by_text(text: str) -> str:
        values.write_text(text)
        done = helm.run("template", "podium", str(CHART), "--namespace", "ml", "-f", str(values))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rendered(values: dict[str, Any]) -> list[Manifest]:
        found = yaml.safe_load_all(by_text(yaml.safe_dump(values)))
        return [manifest for manifest in found if manifest]

    return rendered


def named(manifests: list[Manifest], kind: str, name: str = "") -> Manifest:
    """The one manifest of a kind, whose name ends with ``name``."""
    [found] = [
        each
        for each in manifests
        if each["kind"] == kind and each["metadata"]["name"].endswith(name)
    ]
    return found
