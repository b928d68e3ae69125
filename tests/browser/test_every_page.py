"""What holds for every page: axe finds nothing in both themes, nothing shifts, and it is read
without a script.

axe-core is a development dependency of the pages' sources; it is put into the page by the browser's
driver, and is in no package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from ..services.podium import podium_up
from .pages import fill
from .site import Site

AXE = Path(__file__).parents[2] / "registry/web/ui/node_modules/axe-core/axe.min.js"
PASSWORD = "a long password for tests"
# What WCAG 2.2 asks for at A and AA, and what axe's makers call good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MAX_SHIFT = 0.02

_SHIFTS = """
window.shifted = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) {
      const moved = entry.sources.map((each) => each.node?.outerHTML?.slice(0, 120) ?? "?");
      window.shifted.push([entry.value, moved]);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
"""


# A shift is told of after the frame in which it is painted.
_ALL_SHIFTS = """
new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(tell))))
    .then(() => window.shifted)
"""


@pytest.fixture(scope="module")
def addresses(site: Site) -> dict[str, str]:
    return fill(site)


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        pytest.skip("No axe-core. Install it with: python registry/web/ui/build.py check")
    return AXE.read_text()


def violations(page: Page, axe: str, **options: Any) -> list[str]:
    """One line a rule and element that breaks it."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    # A frame with somebody's page is not ours to mend; canvases are drawn, and read out elsewhere.
    found = page.evaluate(
        "options => axe.run({ exclude: [['iframe']] }, options)", {"iframes": False, **options}
    )
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][-200:]}"
        for each in found["violations"]
        for node in each["nodes"]
        # At which level somebody begins his note is his to say.
        if each["id"] != "heading-order"
        or not page.locator(f".prose :is({node['target'][0]})").count()
    ]


def clean(page: Page, axe: str) -> list[str]:
    """Every rule by day, and contrast by night: nothing else depends on the theme."""
    light = violations(page, axe, runOnly={"type": "tag", "values": TAGS})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = violations(page, axe, runOnly={"type": "rule", "values": ["color-contrast"]})
    page.evaluate("document.documentElement.dataset.theme = 'system'")
    return light + [f"by night, {each}" for each in dark]


def test_axe_finds_nothing_and_nothing_shifts(
    page: Page, addresses: dict[str, str], axe: str, complaints: list[str]
) -> None:
    page.add_init_script(_SHIFTS)
    wrong = []
    for name, address in addresses.items():
        page.goto(address, wait_until="networkidle")  # what comes later has come
        shifts = page.evaluate(_ALL_SHIFTS)
        found = clean(page, axe)
        if sum(value for value, _ in shifts) > MAX_SHIFT:
            found.append(f"it shifts: {shifts}")
        wrong += [f"{name}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)
    # The browser reports the page that is not there, and what axe reads of style sheets.
    complaints[:] = [each for each in complaints if "404" not in each]


def test_dialogs_and_what_opens(page: Page, addresses: dict[str, str], axe: str) -> None:
    page.goto(addresses["run"])
    page.keyboard.press("?")
    assert clean(page, axe) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Find an experiment").fill("every")
    page.locator(".found a").first.wait_for()
    assert clean(page, axe) == []
    page.keyboard.press("Escape")
    page.locator("details").evaluate_all("found => found.forEach((each) => { each.open = true })")
    assert clean(page, axe) == []


def test_each_is_read_without_a_script(
    browser: Browser, site: Site, addresses: dict[str, str]
) -> None:
    with browser.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        for name, address in addresses.items():
            page.goto(address)
            assert page.locator("h1").is_visible(), name
            assert len(page.locator("main").inner_text()) > 40, name
            assert page.locator("[data-script]:visible").count() == 0, name


def test_each_fits_on_a_phone(page: Page, addresses: dict[str, str], complaints: list[str]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    wide = {}
    for name, address in addresses.items():
        page.goto(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
    assert wide == {}
    complaints[:] = [each for each in complaints if "404" not in each]


@pytest.fixture(scope="module")
def closed(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A server that asks who people are, and whoever opens the first link on it."""
    required = {"PODIUM_AUTH": "required"}
    with podium_up(tmp_path_factory.mktemp("closed") / "data", environ=required) as server:
        [key] = re.findall(r"/welcome\?key=(\S+)", server.log.read_text())
        with browser.new_context(base_url=f"{server.url}/welcome?key={key}") as context:
            yield context


def test_axe_finds_nothing_where_people_sign_in(closed: BrowserContext, axe: str) -> None:
    page = closed.new_page()
    page.goto("")
    found = {"welcome": clean(page, axe)}
    page.get_by_label("Name").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").last.click()
    page.wait_for_url("**/experiments")
    for name in ("account", "people", "models", "experiments", "experiments/0/access"):
        page.goto(f"/{name}")
        found[name] = clean(page, axe)
    closed.clear_cookies()
    page.goto("/login")
    found["login"] = clean(page, axe)
    assert {name: each for name, each in found.items() if each} == {}
