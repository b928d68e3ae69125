"""Runs ticked in a table and compared: as a table, as charts, as drawings of ECharts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from .site import NOON, Site, curve

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def experiment(site: Site) -> str:
    made = site.create_experiment("browser/compared")
    for number in range(6):
        run_id = site.create_run(
            made,
            f"run-{number} {HOSTILE}" if number == 5 else f"run-{number}",
            start=NOON + number,
            params={"lr": f"0.{number + 1}", "model": "MLP" if number % 2 else "CNN", "same": "x"},
        )
        site.log(run_id, curve("loss", start=2, floor=0.1 * number, speed=0.1, steps=30))
        site.end(run_id)
    return made


def test_from_the_table_to_the_differences(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    page.get_by_label("Select run-0").check()
    page.get_by_label("Select run-2").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
    assert "csrf" not in page.url
    assert "key=" not in page.url
    table = page.get_by_role("region", name="Runs side by side")
    expect(table.get_by_role("rowheader", name="lr")).to_be_visible()
    expect(table.get_by_role("rowheader", name="model")).to_have_count(0)
    page.get_by_role("link", name="Everything").click()
    expect(table.get_by_role("rowheader", name="model")).to_be_visible()
    page.locator("figure").scroll_into_view_if_needed()
    legend = page.locator("figure .u-legend")
    expect(legend).to_contain_text("run-0")
    expect(legend).to_contain_text("run-2")
    expect(legend).not_to_contain_text("run-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawings_come_when_they_are_looked_at(
    page: Page, site: Site, experiment: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(f"/experiments/{experiment}")
    page.wait_for_load_state("networkidle")
    assert not any("drawing-" in url for url in fetched)
    runs = site.post("runs/search", experiment_ids=[experiment], max_results=100)["runs"]
    page.goto("/compare?" + "&".join(f"run={run['info']['run_id']}" for run in runs))
    plot = page.locator("[data-plot]")
    plot.scroll_into_view_if_needed()
    expect(plot.locator("canvas")).to_be_visible()
    assert any("drawing-" in url for url in fetched)
    expect(plot).to_have_attribute("aria-label", re.compile("Parallel coordinates of 3"))
    page.get_by_text("Scatter", exact=True).click()
    expect(plot).to_have_attribute("aria-label", "Scatter plot of loss against lr.")
    page.get_by_label("x", exact=True).select_option("model")
    expect(plot).to_have_attribute("aria-label", "Scatter plot of loss against model.")
    # What is pointed at is text on the canvas, whatever it is called.
    box = plot.bounding_box()
    assert box
    for across in range(10):
        page.mouse.move(box["x"] + box["width"] * across / 10, box["y"] + box["height"] / 2)
    assert page.locator("img").count() == 0


def test_without_a_script(browser: Browser, base_url: str, site: Site, experiment: str) -> None:
    runs = site.post("runs/search", experiment_ids=[experiment], max_results=2)["runs"]
    context = browser.new_context(java_script_enabled=False, base_url=base_url)
    plain = context.new_page()
    plain.goto("/compare?" + "&".join(f"run={run['info']['run_id']}" for run in runs))
    expect(plain.get_by_role("rowheader", name="lr")).to_be_visible()
    expect(plain.locator("[data-plots]")).to_be_hidden()
    context.close()


def test_the_line_near_the_cursor_stands_out_of_many(page: Page, site: Site) -> None:
    """Twenty lines one above the other, of which a legend shows a few."""
    experiment = site.create_experiment("browser/many lines")
    run_ids = []
    for number in range(20):
        run_ids.append(site.create_run(experiment, f"line-{number:02}", start=NOON + number))
        site.log(run_ids[-1], [("flat", float(number), step, NOON) for step in (0, 10)])
    page.goto("/compare?" + "&".join(f"run={each}" for each in run_ids))
    figure = page.locator("figure")
    figure.scroll_into_view_if_needed()
    over = figure.locator(".u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 4)
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.85, steps=4)
    clear = figure.locator(".u-legend .u-series:not([style*='opacity: 0.2'])")
    expect(figure.locator(".u-legend .u-series[style*='opacity: 0.2']")).to_have_count(19)
    name = clear.filter(has_text="line-")
    expect(name).to_have_count(1)
    expect(name).to_be_in_viewport()
    seen, place = figure.locator(".u-legend").bounding_box(), name.bounding_box()
    assert seen
    assert place
    assert seen["y"] <= place["y"] <= seen["y"] + seen["height"]


def test_a_point_that_is_alone_lies_in_the_middle(page: Page, site: Site) -> None:
    run_id = site.create_run("0", "one point")
    site.log(run_id, [("accuracy", 0.93, 7, NOON)])
    page.goto(f"/runs/{run_id}")
    over = page.locator("figure .u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("figure .u-legend")).to_contain_text("7")
    point = page.locator("figure .u-cursor-pt").bounding_box()
    assert point
    assert abs(point["x"] + point["width"] / 2 - box["x"] - box["width"] / 2) < 3
    assert abs(point["y"] + point["height"] / 2 - box["y"] - box["height"] / 2) < 3
