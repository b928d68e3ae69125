"""What a first visit receives, counted by the browser: bytes of the wire, as they came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from .pages import fill
from .site import MINUTE, Site

BUDGET = 60_000
# Loaded when its place comes into view, on the few pages that draw with it (docs/design.md).
LATER = "/static/drawing-"


@pytest.fixture(scope="module")
def addresses(site: Site) -> dict[str, str]:
    """Every page, and beside them what an experiment's charts and table need together."""
    found = fill(site)
    experiment = site.create_experiment("weighed")
    run_id = site.create_run(experiment, "weighed")
    site.log(run_id, [("loss", 1 / (step + 1), step, step * MINUTE) for step in range(100)])
    site.end(run_id)
    for tab in ("charts", "table"):
        found[f"{tab} of an experiment"] = f"/experiments/{experiment}?tab={tab}"
    return found


class Wire:
    """Each answer that has arrived: its address, its headers and its bytes."""

    def __init__(self, page: Page) -> None:
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self._answers: dict[str, dict[str, Any]] = {}
        self._bytes: dict[str, float] = {}
        self.cdp.on("Network.responseReceived", self._begun)
        self.cdp.on("Network.loadingFinished", self._ended)
        self.cdp.send("Network.enable")
        self.cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _begun(self, event: dict[str, Any]) -> None:
        self._answers[event["requestId"]] = event["response"]

    def _ended(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = event["encodedDataLength"]

    def visit(self, page: Page, address: str) -> dict[str, tuple[str, float]]:
        """By path, how each answer was encoded and how large it was, head and all."""
        self._answers.clear()
        self._bytes.clear()
        page.goto(address, wait_until="networkidle")
        return {
            answer["url"].removeprefix(page.url.partition("//")[0] + "//").partition("/")[2]: (
                {name.lower(): value for name, value in answer["headers"].items()}.get(
                    "content-encoding", ""
                ),
                self._bytes[number],
            )
            for number, answer in self._answers.items()
            if number in self._bytes
        }


@pytest.fixture
def wire(page: Page) -> Iterator[Wire]:
    found = Wire(page)
    yield found
    found.cdp.detach()


def test_script_and_style_of_every_page_are_within_the_budget(
    page: Page, wire: Wire, site: Site, addresses: dict[str, str], complaints: list[str]
) -> None:
    """The aim is one of gzip; this browser takes Brotli, which is smaller."""
    weights = {}
    for name, address in addresses.items():
        parts = {
            path: part
            for path, part in wire.visit(page, address).items()
            if path.startswith("static/") and not f"/{path}".startswith(LATER)
        }
        assert {how for how, _ in parts.values()} == {"br"}, name
        received = sum(size for _, size in parts.values())
        zipped = sum(gzipped(site, path) for path in parts)
        assert 10_000 < received <= BUDGET, name
        weights[name] = zipped
    assert {name: size for name, size in weights.items() if size > BUDGET} == {}
    complaints[:] = [each for each in complaints if "404" not in each]


def gzipped(site: Site, path: str) -> int:
    answer = site.http.request(
        "GET",
        f"{site.url}/{path}",
        headers={"Accept-Encoding": "gzip"},
        decode_content=False,
    )
    assert answer.headers["Content-Encoding"] == "gzip"
    return len(answer.data)


def test_pages_and_charts_come_compressed(
    page: Page, wire: Wire, addresses: dict[str, str]
) -> None:
    received = wire.visit(page, addresses["charts of an experiment"])
    [(how, size)] = [part for path, part in received.items() if path.startswith("experiments/")]
    assert how == "gzip"
    assert size < len(page.content()) / 2
    assert received["api/v1/charts"][0] == "gzip"
