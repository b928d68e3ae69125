"""A real browser before a real server. Whatever a page complains about fails its test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from playwright.sync_api import ConsoleMessage, Page, expect

from ..registry.launch.apiserver import ApiServer
from ..services.podium import podium_up
from .site import Site

# How long a page may take on a busy machine; nobody waits for what is there.
_PATIENCE_MS = 30_000
expect.set_options(timeout=_PATIENCE_MS)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The system's Chromium, without a sandbox of its own since tests may run as root."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip("No Chromium. Install it with: apt-get install -y chromium")
    return {
        "executable_path": found,
        "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    }


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[ApiServer]:
    """What the server of :func:`site` launches to."""
    with ApiServer().running() as started:
        yield started


@pytest.fixture(scope="session")
def site(kubernetes: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One `podium up` for the session: each test makes an experiment of its own on it."""
    folder = tmp_path_factory.mktemp("site")
    clusters = {"main": {"kubeconfig": kubernetes.kubeconfig(folder), "namespace": "team"}}
    classes = {"small": {"cpu": "2", "memory": "8Gi"}}
    (folder / "launch.json").write_text(json.dumps({"clusters": clusters, "classes": classes}))
    environ = {
        "PODIUM_LAUNCH_SITE": str(folder / "launch.json"),
        "PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8",
    }
    with podium_up(folder / "data", environ=environ) as server:
        http = urllib3.PoolManager()
        yield Site(server.url, http)
        http.clear()


@pytest.fixture(scope="session")
def base_url(site: Site) -> str:
    """What `page.goto("/…")` begins with."""
    return site.url


@pytest.fixture
def browser_context_args(base_url: str) -> dict[str, Any]:
    return {
        "base_url": base_url,
        "locale": "en-GB",
        "timezone_id": "UTC",
        "color_scheme": "light",
        "viewport": {"width": 1280, "height": 800},
    }


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the console says: errors, and anything refused by the Content-Security-Policy.

    A test that provokes an error on purpose clears the list.
    """
    found: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            found.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.set_default_timeout(_PATIENCE_MS)
    yield found
    assert not found
