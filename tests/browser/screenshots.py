"""`make screenshots`: the pages, light and dark, with the runs of examples/digits.py on them.

No test of its own: what is drawn here is for docs/, and for somebody to look at.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ..services.podium import environment
from .site import Site

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "screenshots"


@pytest.fixture(scope="module")
def experiment_id(site: Site) -> str:
    """The runs of the demo, really trained."""
    subprocess.run(
        [sys.executable, "examples/digits.py"],
        cwd=ROOT,
        env=environment() | {"PODIUM_TRACKING_URI": site.url, "USER": "ada"},
        check=True,
    )
    found = site.post("experiments/search", max_results=10, order_by=["experiment_id DESC"])
    return str(found["experiments"][0]["experiment_id"])


@pytest.fixture(scope="module")
def request_id(site: Site, experiment_id: str) -> int:
    """A promotion that waits for an approval, after others that did not have to."""
    assert experiment_id
    for version, stage in ((1, "Production"), (2, "Production"), (3, "Staging")):
        asked = {"version": str(version), "stage": stage, "comment": f"First look at {version}"}
        site.native("POST", "models/digits/promotions", asked)
    site.native("POST", "models/digits/rollbacks", {"stage": "Production", "comment": "Too slow"})
    gates = [
        {"gate": "metric_vs_holder", "metric": "validation/accuracy"},
        {"gate": "required", "tags": {"reviewed": "*"}},
    ]
    rules = {"approvals": 1, "gates": gates}
    site.native("PUT", "models/*/policies/Production", rules)
    why = "Reads sevens with a bar, at last"
    asked = {"version": "4", "stage": "Production", "comment": why}
    found = site.native("POST", "models/digits/promotions", asked)
    said = {"comment": "On which forms was that?"}
    site.native("POST", f"models/digits/requests/{found['id']}/comments", said)
    return int(found["id"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages(page: Page, site: Site, experiment_id: str, request_id: int, theme: str) -> None:
    [found] = site.post(
        "runs/search", experiment_ids=[experiment_id], filter="run_name = 'mlp-wide'"
    )["runs"]
    run = f"/runs/{found['info']['run_id']}"
    pages = {
        "experiments": "/experiments",
        "experiment": f"/experiments/{experiment_id}",
        "charts": f"/experiments/{experiment_id}?tab=charts",
        "run": run,
        "files": f"{run}/files?path=confusion.png",
        "models": "/models",
        "model": "/models/digits",
        "version": "/models/digits/versions/4",
        "request": f"/models/digits/requests/{request_id}",
        "history": "/models/digits/history",
    }
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    TARGET.mkdir(exist_ok=True)
    for name, address in pages.items():
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)
        if name == "files":
            page.locator("#files").scroll_into_view_if_needed()
            page.wait_for_timeout(300)
        page.screenshot(path=TARGET / f"{name}-{theme}.png")
