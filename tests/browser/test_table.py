"""The runs of an experiment: sorted, filtered, paged, chosen, by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from .site import MINUTE, NOON, Site

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
    box = page.get_by_role("combobox", name="Filter")
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
    box = page.get_by_role("combobox", name="Filter")
    box.fill("metrics.loss << 1")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("<")
    expect(box).to_have_value("metrics.loss << 1")
    expect(box).to_be_focused()
    assert box.evaluate("box => box.selectionStart") == len("metrics.loss ")
    marked = page.locator("pre.caret").inner_text().splitlines()
    assert marked == ["metrics.loss << 1", "             ^"]
    box.fill("metrics.loss < 1")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(rows(page)).to_have_count(10)
    complaints.clear()  # the browser reports the 400


def test_the_filter_is_completed_by_keyboard(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    box = page.get_by_role("combobox", name="Filter")
    with page.expect_response(re.compile(r"/keys$")):
        box.focus()
    page.keyboard.type("metrics.")
    options = page.locator(".suggestions").get_by_role("option")
    expect(options).to_have_text(["metrics.loss"])
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(box).to_have_value("metrics.loss ")
    expect(options.first).to_have_text("<")
    page.keyboard.type("< 1 ")
    expect(options).to_have_text(["AND", "OR"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("mod")
    expect(options).to_have_text(["params.model"])
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("= 'MLP'")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(5)


def test_keys_that_arrive_after_the_typing_are_offered(page: Page, experiment: str) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route(re.compile(r"/keys$"), hold)
    page.goto(f"/experiments/{experiment}")
    page.get_by_role("combobox", name="Filter").focus()
    page.keyboard.type("metrics.")
    options = page.locator(".suggestions").get_by_role("option")
    while not late:
        page.wait_for_timeout(20)
    expect(options).to_have_count(0)
    late[0].continue_()
    expect(options).to_have_text(["metrics.loss"])


def test_what_is_typed_before_the_script_is_there_is_completed(page: Page, experiment: str) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route(re.compile(r"/static/table-"), hold)
    page.goto(f"/experiments/{experiment}", wait_until="domcontentloaded")
    page.locator("input[data-complete]").focus()
    page.keyboard.type("metrics.")
    while not late:
        page.wait_for_timeout(20)
    for route in late:
        route.continue_()
    expect(page.locator(".suggestions").get_by_role("option")).to_have_text(["metrics.loss"])


def test_columns_are_chosen(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    expect(page.get_by_role("columnheader", name="lr")).to_be_visible()
    page.get_by_text("Columns", exact=True).click()
    expect(page.get_by_label("Find a column")).to_be_focused()
    page.get_by_label("All columns").get_by_label("lr").uncheck()
    expect(page.get_by_role("columnheader", name="lr")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="model")).to_be_visible()
    # It stays open, and the table is the one of the address.
    page.get_by_label("Which value of loss").select_option("min")
    expect(page.get_by_role("columnheader", name="min loss")).to_be_visible()
    page.get_by_label("Find a column").fill("data")
    page.get_by_role("checkbox", name="Data set run").click()
    expect(page.get_by_role("columnheader", name="Data set")).to_be_visible()
    page.get_by_label("Move Data set to the left").click()
    expect(page.get_by_role("columnheader").last).to_have_text("model")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Find a column")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("columnheader")).to_have_text(
        ["", "Run", "Status", re.compile("Started"), "Duration", "min loss", "Data set", "model"]
    )


def test_the_chooser_is_left_by_keyboard_while_its_table_is_on_its_way(
    page: Page, experiment: str
) -> None:
    """A slow server, and the moment between a new table in the page and its script."""
    page.goto(f"/experiments/{experiment}?column=params.lr&column=params.model&column=metrics.loss")
    page.get_by_text("Columns", exact=True).click()
    expect(page.get_by_label("Find a column")).to_be_focused()
    slow: list[Route] = []

    def hold(route: Route) -> None:
        slow.append(route)

    page.route("**/experiments/*column=*", hold)
    page.get_by_label("Move model to the left").focus()
    with page.expect_request("**/experiments/*column=*"):
        page.keyboard.press("Enter")
    # It is the first now: what moves it further is shut, what moves it back is beside it.
    expect(page.get_by_label("Move model to the right")).to_be_focused()
    slow.pop().continue_()
    expect(page.get_by_role("columnheader").nth(2)).to_contain_text("model")
    expect(page.get_by_label("Move model to the right")).to_be_focused()
    with page.expect_request("**/experiments/*column=*"):
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Find a column")).to_be_hidden()
    slow.pop().continue_()
    expect(page.get_by_role("columnheader").nth(2)).to_contain_text("lr")
    expect(page.get_by_label("Find a column")).to_be_hidden()
    expect(page.locator("details[data-columns] > summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.evaluate(
        """document.addEventListener("htmx:afterSwap", () => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", {key: "Escape", bubbles: true})), {once: true})"""
    )
    page.get_by_label("Hide loss").click()
    slow.pop().continue_()
    expect(page.get_by_role("columnheader", name="loss")).to_have_count(0)
    expect(page.get_by_label("Find a column")).to_be_hidden()
    expect(page.locator("details[data-columns] > summary")).to_be_focused()


def test_ten_thousand_keys(page: Page, site: Site) -> None:
    experiment = site.create_experiment("browser/wide")
    run_id = site.create_run(experiment, "wide")
    site.log(run_id, [(f"layer/{number:05}/norm", number, 0, NOON) for number in range(10_000)])
    page.goto(f"/experiments/{experiment}")
    page.get_by_text("Columns", exact=True).click()
    search = page.get_by_label("Find a column")
    expect(search).to_have_attribute("placeholder", re.compile("10,0"))
    ticks = page.get_by_label("All columns").get_by_role("checkbox")
    assert 5 < ticks.count() < 40, "only the rows in view are there"
    search.fill("09876")
    expect(ticks).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_role("columnheader", name="layer/09876/norm")).to_be_visible()
    expect(rows(page).first).to_contain_text("9876")


def test_grouped_and_into_a_group(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    page.get_by_label("Group by").select_option("model")
    expect(page).to_have_url(re.compile("group=params.model"))
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("30")
    page.get_by_role("link", name="MLP").click()
    expect(rows(page)).to_have_count(30)
    expect(page.get_by_role("combobox", name="Filter")).to_have_value("params.`model` = 'MLP'")


def test_what_is_ticked_stays_so_until_it_is_done_with(page: Page, site: Site) -> None:
    experiment = site.create_experiment("browser/ticked")
    for number in range(4):
        site.create_run(experiment, f"run-{number}", start=NOON + number, tags={"n": str(number)})
    page.goto(f"/experiments/{experiment}")
    count = page.locator("[data-count]")
    expect(count).to_have_text("0 selected")
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.get_by_label("Select run-0").check()
    page.get_by_label("Select run-2").click(modifiers=["Shift"])
    expect(count).to_have_text("3 selected")
    page.get_by_role("columnheader", name="Run").get_by_role("link").click()
    expect(page).to_have_url(re.compile("order="))
    expect(count).to_have_text("3 selected")
    # Those of another page, or that a filter hides, are changed as well.
    box = page.get_by_role("combobox", name="Filter")
    box.fill("tags.n IN ('0', '3')")
    box.press("Enter")
    expect(rows(page)).to_have_count(2)
    page.get_by_text("Tag", exact=True).click()
    page.get_by_label("key").fill("team")
    page.get_by_label("value").fill("vision")
    page.get_by_role("button", name="Set the tag").click()
    expect(rows(page)).to_have_count(2)
    page.goto(f"/experiments/{experiment}?filter=tags.team='vision'")
    expect(rows(page)).to_have_count(3)
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the selected runs").click()
    expect(page.get_by_text("No run matches")).to_be_visible()
    page.goto(f"/experiments/{experiment}?view=deleted")
    expect(rows(page)).to_have_count(3)
    expect(count).to_have_text("0 selected")
    page.get_by_label("Select every run of this page").check()
    page.get_by_role("button", name="Restore").click()
    page.goto(f"/experiments/{experiment}")
    expect(rows(page)).to_have_count(4)


def test_a_view_is_saved_and_found_again(page: Page, experiment: str) -> None:
    hostile = "<b onclick=alert(1)>best"
    page.goto(f"/experiments/{experiment}?order=metrics.loss+asc&column=metrics.loss")
    page.get_by_text("Views", exact=True).click()
    expect(page.get_by_text("No saved views yet")).to_be_visible()
    page.get_by_label("Name of this view").fill(hostile)
    page.keyboard.press("Enter")
    page.get_by_text("Views", exact=True).click()
    page.get_by_label("Name of this view").fill("for all")
    page.get_by_role("button", name="Save for everybody").click()
    page.goto(f"/experiments/{experiment}")
    page.get_by_text("Views", exact=True).click()
    expect(page.locator(".saved")).to_contain_text([f"{hostile} mine", "for all shared"])
    page.get_by_role("link", name=hostile).click()
    expect(page.get_by_role("columnheader")).to_have_text(["", "Run", re.compile("loss")])
    expect(rows(page).first).to_contain_text("run-00")
    for name in (hostile, "for all"):
        page.get_by_text("Views", exact=True).click()
        page.get_by_label(f"Delete the view {name}").click()
    page.get_by_text("Views", exact=True).click()
    expect(page.get_by_text("No saved views yet")).to_be_visible()


def test_the_view_leaves_as_a_file_or_as_lines(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}?filter=metrics.loss+%3C+1&column=metrics.loss")
    page.locator("#export").get_by_text("Export", exact=True).click()
    expect(page.locator("#export .snippet")).to_contain_text("filter_string='metrics.loss < 1'")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 11
    assert lines[0] == "run_id,run_name,metrics.loss"


def test_rows_of_runs_that_go_on_are_kept_fresh(page: Page, site: Site) -> None:
    experiment = site.create_experiment("browser/going on")
    run_id = site.create_run(experiment, "going")
    site.log(run_id, [("loss", 2.0, 0, NOON)])
    page.goto(f"/experiments/{experiment}")
    expect(rows(page).first).to_contain_text("2")
    page.get_by_label("Select going").check()
    where = rows(page).first.bounding_box()
    site.log(run_id, [("loss", 0.0625, 1, NOON)])
    site.end(run_id)
    expect(rows(page).first).to_contain_text("0.0625")
    expect(rows(page).first).to_contain_text("finished")
    expect(page.get_by_label("Select going")).to_be_checked()
    assert rows(page).first.bounding_box() == where, "nothing has moved"
    expect(page.locator("tr[data-running]")).to_have_count(0)


def test_times_stay_in_the_readers_zone_when_rows_are_fresh(browser: Browser, site: Site) -> None:
    experiment = site.create_experiment("browser/in tokyo")
    run_id = site.create_run(experiment, "going")
    site.log(run_id, [("loss", 2.0, 0, NOON)])
    with browser.new_context(base_url=site.url, timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        page.goto(f"/experiments/{experiment}?column=attributes.start_time&column=metrics.loss")
        when = rows(page).first.locator("time")
        expect(when).to_have_text("2026-09-21 23:13")
        page.evaluate("window.before = document.querySelector('#runs tbody time')")
        site.log(run_id, [("loss", 0.0625, 1, NOON)])
        expect(rows(page).first).to_contain_text("0.0625")
        expect(when).to_have_text("2026-09-21 23:13")
        assert page.evaluate("window.before.isConnected"), "what has not changed stays"


def test_names_are_text_wherever_they_are_shown(page: Page, site: Site) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    experiment = site.create_experiment(f"browser/{hostile}")
    run_id = site.create_run(
        experiment, hostile, params={"p": hostile}, tags={"t": f"{hostile}'\"", "team": hostile}
    )
    site.log(run_id, [("loss", 1.0, 0, NOON)])
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    page.goto(f"/experiments/{experiment}?column=params.p&column=tags.t&column=metrics.loss")
    expect(rows(page).first).to_contain_text(hostile)
    page.get_by_text("Columns", exact=True).click()
    expect(page.get_by_label("Find a column")).to_be_focused()
    page.goto(f"/experiments/{experiment}?group=params.p")
    expect(page.get_by_role("link", name=hostile).last).to_be_visible()
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_head_and_names_stay_in_view(page: Page, experiment: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 600, "height": 500})
    page.goto(f"/experiments/{experiment}")
    region = page.get_by_role("region", name="Runs")
    region.evaluate("box => box.scrollTo(400, 600)")
    box = region.bounding_box()
    head = page.get_by_role("columnheader", name="Run", exact=True).bounding_box()
    assert box
    assert head
    assert abs(head["y"] - box["y"]) < 3
    name = rows(page).nth(30).get_by_role("rowheader")
    place = name.bounding_box()
    assert place
    assert place["x"] - box["x"] < 60
    # What scrolls below them does not shine through.
    colour = name.evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", colour)


def test_by_keyboard_alone(page: Page, experiment: str) -> None:
    page.goto(f"/experiments/{experiment}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    box = page.get_by_role("combobox", name="Filter")
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
