"""Models, their versions and a version's files, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from podium.client import __version__

from .site import Site


def register(site: Site, name: str, *, versions: int = 1) -> str:
    """A model with files; returns the id of the run it is from."""
    run_id = site.create_run("0", f"run of {name}")
    site.put_file(run_id, "model/MLmodel", b"flavors:\n  sklearn: {}\n")
    site.put_file(run_id, "model/data/example.json", b'{"x": [1, 2]}')
    site.post("registered-models/create", name=name, description=f"What {name} is for.")
    for _ in range(versions):
        site.post("model-versions/create", name=name, source=f"runs:/{run_id}/model")
    return run_id


def test_from_the_list_to_a_file(page: Page, site: Site) -> None:
    register(site, "browser way", versions=3)
    site.post("registered-models/alias", name="browser way", alias="champion", version="2")
    site.post("model-versions/transition-stage", name="browser way", version="2", stage="Staging")
    page.goto("/experiments")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Models").click()
    page.get_by_role("searchbox", name="Find by name").press_sequentially("BROWSER w")
    expect(page).to_have_url(re.compile("q=BROWSER"))
    page.get_by_role("link", name="browser way").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("browser way")
    expect(page.get_by_text("What browser way is for.")).to_be_visible()
    table = page.get_by_role("table", name="Versions of browser way")
    expect(table.get_by_role("row")).to_have_count(4)
    page.get_by_role("navigation", name="Which versions").get_by_role(
        "link", name="Staging"
    ).click()
    expect(table.get_by_role("row")).to_have_count(2)
    table.get_by_role("link", name="Version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("browser way, version 2")
    expect(page.get_by_text("models:/browser way@champion")).to_be_visible()
    page.get_by_role("link", name="data/").click()
    page.get_by_role("link", name="example.json").click()
    expect(page.get_by_role("region", name="example.json").locator("pre")).to_contain_text('"x"')
    page.get_by_role("link", name="run of browser way", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("run of browser way")


def test_a_filter_of_versions(page: Page, site: Site) -> None:
    register(site, "browser filter", versions=4)
    page.goto("/models/browser%20filter")
    box = page.get_by_role("searchbox", name="Filter")
    box.fill("version_number > 2")
    box.press("Enter")
    table = page.get_by_role("table", name="Versions of browser filter")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(page).to_have_url(re.compile("filter=version_number"))


def test_a_filter_that_cannot_be_read_says_why(
    page: Page, site: Site, complaints: list[str]
) -> None:
    register(site, "browser refused")
    page.goto("/models/browser%20refused")
    box = page.get_by_role("searchbox", name="Filter")
    box.fill("version_number >")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(box).to_have_value("version_number >")
    complaints.clear()  # the 400


@pytest.mark.parametrize(
    ("fragment", "page_of"),
    [
        ("/models/browser%20linked", "/models/browser%20linked"),
        ("/models/browser%20linked/versions/1", "/models/browser%20linked/versions/1"),
    ],
)
def test_links_of_mlflows_client_arrive(
    page: Page, site: Site, fragment: str, page_of: str
) -> None:
    name = "browser linked"
    if not site.get("registered-models/search", filter=f"name = '{name}'"):
        register(site, name)
    page.goto(f"/#{fragment}")
    expect(page).to_have_url(re.compile(f"{page_of}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_without_script(browser: Browser, site: Site) -> None:
    register(site, "browser plain", versions=2)
    with browser.new_context(base_url=site.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/models?q=browser+plain")
        page.get_by_role("link", name="browser plain").click()
        page.get_by_role("searchbox", name="Filter").fill("version_number = 1")
        page.get_by_role("button", name="Filter").click()
        page.get_by_role("table").get_by_role("link", name="Version 1").click()
        page.get_by_role("link", name="MLmodel").click()
        expect(page.get_by_role("region", name="MLmodel")).to_contain_text("sklearn")


def test_on_a_narrow_screen_nothing_is_wider_than_it(page: Page, site: Site) -> None:
    name = "browser-" + "long" * 40
    register(site, name)
    page.set_viewport_size({"width": 360, "height": 700})
    for path in ("/models", f"/models/{name}", f"/models/{name}/versions/1"):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
        expect(page.get_by_role("contentinfo")).to_have_text(f"Podium {__version__}")
