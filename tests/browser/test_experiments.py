"""The list of experiments, in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from .site import Site


def test_the_way_in(page: Page, site: Site) -> None:
    site.create_experiment("browser/way in")
    page.goto("/")
    expect(page).to_have_url(re.compile("/experiments$"))
    page.get_by_role("link", name="browser/way in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("browser/way in")
    # A fresh experiment says what to type, with this server's address.
    expect(page.get_by_text(f'client.configure("{site.url}")')).to_be_visible()


def test_found_by_name_while_typing(page: Page, site: Site) -> None:
    site.create_experiment("browser/needle 100%")
    site.create_experiment("browser/haystack")
    page.goto("/experiments")
    page.get_by_role("searchbox", name="Find by name").press_sequentially("NEEDLE 100%")
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("browser/needle 100%")
    expect(page).to_have_url(re.compile(r"q=NEEDLE"))
    page.get_by_role("searchbox").fill("no such thing at all")
    expect(page.get_by_text("No experiment has")).to_be_visible()


def test_a_link_of_mlflows_client_arrives(page: Page, site: Site) -> None:
    experiment = site.create_experiment("browser/linked")
    run_id = site.create_run(experiment, "linked run")
    page.goto(f"/#/experiments/{experiment}/runs/{run_id}")
    expect(page).to_have_url(re.compile(f"/runs/{run_id}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("linked run")


def test_a_deleted_one_is_elsewhere(page: Page, site: Site) -> None:
    site.post(
        "experiments/delete", experiment_id=site.create_experiment("browser/deleted experiment")
    )
    page.goto("/experiments?q=browser/deleted")
    expect(page.get_by_text("No experiment has")).to_be_visible()
    page.goto("/experiments")
    page.get_by_role("link", name="Deleted").click()
    expect(page.get_by_role("link", name="browser/deleted experiment")).to_be_visible()
