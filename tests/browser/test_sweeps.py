"""The page of a sweep: it follows its trials, shows the best one, and stops."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from ..registry.launch.apiserver import ApiServer, Object
from ..registry.launches.conftest import condition
from ..registry.sweeps.conftest import spec
from .site import NOON, Site
from .test_every_page import axe, clean

__all__ = ["axe"]

_PARAMETERS = [
    {"name": "lr", "min": 0.01, "max": 0.04, "step": 0.01},
    {"name": "optimizer", "type": "choice", "values": ["adam", "sgd"]},
]


@pytest.fixture
def sweep(site: Site) -> str:
    section = {"algorithm": "grid", "trials": 6, "parallel": 3, "parameters": _PARAMETERS}
    data = {**spec(**section), "name": "tuned", "args": ["--lr=${sweep.lr}"]}
    return str(site.native("POST", "sweeps", {"spec": data})["sweep_id"])


def _jobs(kubernetes: ApiServer, sweep: str, site: Site, count: int) -> list[Object]:
    """Those of the sweep that have not ended, when there are so many."""
    end = time.monotonic() + 30
    while True:
        found = [
            each
            for each in kubernetes.all("Job")
            if each["metadata"]["name"].startswith("tuned-") and not each.get("status")
        ]
        if len(found) >= count:
            return found[:count]
        assert time.monotonic() < end, (sweep, site.url)
        time.sleep(0.1)


def test_a_sweep_is_followed_and_stopped(
    page: Page, site: Site, kubernetes: ApiServer, sweep: str, axe: str
) -> None:
    page.goto("/sweeps")
    page.get_by_role("link", name=sweep[:8]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Minimize loss of tuned")
    expect(page.get_by_role("row", name="running").first).to_be_visible()
    for number, job in enumerate(_jobs(kubernetes, sweep, site, 2)):
        run = job["metadata"]["labels"]["podium/run-id"]
        site.log(run, [("loss", 0.5 - number / 10, 0, NOON)])
        kubernetes.say(job, conditions=[condition("Complete")])
    expect(page.locator("circle.complete")).to_have_count(2)  # by itself
    expect(page.get_by_role("row", name="complete best")).to_contain_text("0.4")
    page.get_by_role("link", name="Best first").click()
    first = page.locator("#trials tbody tr").first
    expect(first).to_contain_text("best")
    assert clean(page, axe) == []

    page.get_by_text("Stop…").click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.locator("#state")).to_contain_text(re.compile("is to stop|stopped"))
    expect(page.locator("#state .status").first).to_have_text("stopped")
    expect(page.get_by_text("Stop…")).to_have_count(0)
    page.get_by_role("link", name="trial 1").click()
    expect(page.get_by_role("link", name="Trial 1 of a sweep")).to_be_visible()


def test_it_fits_a_phone_and_is_read_without_a_script(page: Page, sweep: str) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(f"/sweeps/{sweep}")
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
