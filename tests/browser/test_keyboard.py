"""Going about by keys alone, and the zone of times."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from .site import NOON, Site


@pytest.fixture(scope="module")
def experiment(site: Site) -> str:
    made = site.create_experiment("keyboard/instrument")
    for name in ("first", "second", "third"):
        site.end(site.create_run(made, f"keyboard {name}"))
    site.post("registered-models/create", name="keyboard-model")
    return made


def test_the_keys_are_shown_and_go_away(page: Page) -> None:
    page.goto("/experiments")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Short cuts")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("find anything")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Short cuts").click()
    expect(keys).to_be_visible()


def test_g_and_a_letter_go_places(page: Page) -> None:
    page.goto("/experiments")
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile("/models$"))
    page.keyboard.press("m")  # alone it is nothing
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile("/webhooks$"))


def test_what_is_typed_is_no_key(page: Page) -> None:
    page.goto("/experiments")
    page.keyboard.press("/")
    field = page.get_by_role("searchbox", name="Find by name")
    expect(field).to_be_focused()
    page.keyboard.type("gm?k/")
    expect(field).to_have_value("gm?k/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("/experiments"))


def test_rows_by_j_and_k(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    expect(page.get_by_role("link", name="keyboard third")).to_be_visible()
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == first
    page.keyboard.press("x")
    row = page.get_by_role("row", name=first)
    expect(row.get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(first)


def test_the_palette_finds_and_opens(page: Page, experiment: str) -> None:
    page.goto("/webhooks")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Find anything")
    expect(palette.get_by_role("link", name="Models")).to_be_visible()
    field = palette.get_by_placeholder("Find an experiment")
    expect(field).to_be_focused()
    field.press_sequentially("KEYBOARD")
    expect(palette.get_by_role("link")).to_have_count(5)
    page.keyboard.press("ArrowDown")
    expect(palette.get_by_role("link").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    field.fill("keyboard/instr")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/experiments/{experiment}$"))


def test_the_palette_says_that_there_is_nothing(page: Page) -> None:
    page.goto("/models")
    page.get_by_role("link", name="Search").click()
    palette = page.get_by_role("dialog", name="Find anything")
    palette.get_by_placeholder("Find an experiment").fill("<b>nothing like this")
    expect(palette).to_contain_text("Nothing has “<b>nothing like this” in its name")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()


def test_focus_is_seen(page: Page) -> None:
    page.goto("/models")
    for _ in range(8):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")


def test_moments_that_are_asked_for_are_of_the_readers_zone(browser: Browser, site: Site) -> None:
    """Addresses say UTC, so they mean the same to a reader elsewhere."""
    site.post("registered-models/create", name="zones")
    run_id = site.create_run("0", "zones")
    site.post("model-versions/create", name="zones", source=f"runs:/{run_id}/model")
    with browser.new_context(
        base_url=site.url, timezone_id="Asia/Tokyo", locale="en-GB"
    ) as context:
        page = context.new_page()
        page.goto("/audit?since=2026-05-03T14:00")
        since = page.get_by_label("Since (Asia/Tokyo)")
        expect(since).to_have_value("2026-05-03T23:00")
        since.fill("2026-05-04T00:30")
        page.get_by_role("button", name="Filter").click()
        expect(page).to_have_url(re.compile("since=2026-05-03T15%3A30"))
        expect(since).to_have_value("2026-05-04T00:30")
        expect(page.get_by_role("alert")).to_be_hidden()

        page.goto("/models/zones/history?stage=Production&at=2026-05-03T14:00:00")
        at = page.get_by_label("at (Asia/Tokyo)")
        expect(at).to_have_value("2026-05-03T23:00")
        site.post("model-versions/transition-stage", name="zones", version="1", stage="Production")
        page.reload()
        page.get_by_role("slider").evaluate(
            """(slider) => {
                slider.value = slider.min; // the first change
                for (const sign of ["input", "change"]) {
                    slider.dispatchEvent(new Event(sign, { bubbles: true }));
                }
            }"""
        )
        expect(page.locator("#held")).to_contain_text("version 1", ignore_case=True)
        when = page.evaluate("new Date().toLocaleString('sv', { timeZone: 'Asia/Tokyo' })")
        expect(at).to_have_value(re.compile(f"^{when[:10]}T"))
        page.reload()
        expect(at).to_have_value(re.compile(f"^{when[:10]}T"))


def test_times_are_of_the_readers_zone(browser: Browser, site: Site) -> None:
    run_id = site.create_run(site.create_experiment("keyboard/zone"), "zone", start=NOON)
    with browser.new_context(
        base_url=site.url, timezone_id="Asia/Tokyo", locale="en-GB"
    ) as context:
        page = context.new_page()
        page.goto(f"/runs/{run_id}")
        when = page.locator("#facts time")
        expect(when).to_have_attribute("title", re.compile(r"GMT\+9|JST"))
        hours = {"2026-09-21 23:13": "Tokyo"}
        written = when.inner_text()
        assert written in hours or written.endswith("ago")
        expect(when).to_have_attribute("datetime", re.compile(r"\+00:00$"))
