"""The runs of an experiment: sorted, filtered, paged, chosen, by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .site import MINUTE, NOON, Site, curve

RUNS = 60


@pytest.fixture(scope="module")
def experiment(site: Site) -> str:
    """Sixty runs, a page being fifty."""
    made = site.create_experiment("browser/sweep")
    for number in range(RUNS):
        run_id = site.create_run(
            made,
            f"run-{number:02}",
            start=NOON + number * MINUTE,
            params={"lr": f"0.{number:02}", "model": "MLP" if number % 2 else "SGD"},
        )
        site.log(run_id, [("loss", (number * 7 % RUNS) / 10, 0, NOON)])
        site.end(run_id, end=NOON + (number + 30) * MINUTE)
    return made


def rows(page: Page) -> Locator:
    return page.locator("#runs tbody tr")


def names(page: Page) -> list[str]:
    return page.locator("#runs tbody th").all_inner_texts()


def test_newest_first_and_in_pages(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    expect(rows(page)).to_have_count(50)
    assert names(page) == [f"run-{number:02}" for number in range(59, 9, -1)]
    page.get_by_role("link", name="Next page").click()
    expect(rows(page)).to_have_count(10)
    assert names(page) == [f"run-{number:02}" for number in range(9, -1, -1)]
    page.get_by_role("link", name="First page").click()
    expect(rows(page)).to_have_count(50)


def test_sorted_by_a_metric(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    head = page.get_by_role("columnheader", name="loss")
    head.get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(rows(page).first).to_contain_text("5.9")
    page.get_by_role("columnheader", name="loss").get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(rows(page).first).to_contain_text("run-00")
    # The address says it all: a reload shows the same.
    page.reload()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(rows(page).first).to_contain_text("run-00")


def test_filtered(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    box = page.get_by_role("searchbox", name="Filter")
    box.fill("params.model = 'MLP' AND metrics.loss < 1")
    box.press("Enter")
    expect(rows(page)).to_have_count(5)
    expect(page).to_have_url(re.compile("filter="))
    page.go_back()
    expect(rows(page)).to_have_count(50)


def test_a_wrong_filter_is_explained_and_stays(
    page: Page, experiment: str, complaints: list[str]
) -> None:
    page.goto(f"/experiments/{experiment}")
    box = page.get_by_role("searchbox", name="Filter")
    box.fill("metrics.loss << 1")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("<")
    expect(box).to_have_value("metrics.loss << 1")
    complaints.clear()  # the browser reports the 400


def test_columns_are_chosen(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    expect(page.get_by_role("columnheader", name="lr")).to_be_visible()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("lr", exact=True).uncheck()
    expect(page.get_by_role("columnheader", name="lr")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="model")).to_be_visible()


def test_selected_runs_are_drawn_together(page: Page, site: Site) -> None:
    experiment = site.create_experiment("browser/overlay")
    for number in range(3):
        run_id = site.create_run(experiment, f"curve-{number}")
        site.log(run_id, curve("loss", start=2, floor=0.1 * number, speed=0.1, steps=50))
        site.end(run_id)
    page.goto(f"/experiments/{experiment}")
    page.get_by_label("Select curve-0").check()
    page.get_by_label("Select curve-2").check()
    page.get_by_role("button", name="Chart the selected runs").click()
    legend = page.locator("figure .u-legend")
    expect(legend).to_contain_text("curve-0")
    expect(legend).to_contain_text("curve-2")
    expect(legend).not_to_contain_text("curve-1")


def test_by_keyboard_alone(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    box = page.get_by_role("searchbox", name="Filter")
    for _ in range(8):
        page.keyboard.press("Tab")
        if box.evaluate("element => element === document.activeElement"):
            break
    expect(box).to_be_focused()
    page.keyboard.type("metrics.loss = 0")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "run-00":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("run-00")


def test_without_a_script(browser: Browser, base_url: str, experiment: str) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=base_url)
    plain = context.new_page()
    plain.goto(f"/experiments/{experiment}?filter=metrics.loss+%3D+0")
    expect(plain.locator("#runs tbody tr")).to_have_count(1)
    plain.get_by_role("columnheader", name="loss").get_by_role("link").click()
    expect(plain.locator("#runs tbody tr")).to_have_count(1)
    context.close()
