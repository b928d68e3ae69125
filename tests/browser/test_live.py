"""Pages of what goes on: they are kept fresh until it ends, and then they ask no more."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, Request, expect

from .site import MINUTE, NOON, Site


def test_pages_ask_no_more_when_their_runs_have_ended(
    page: Page, context: BrowserContext, site: Site
) -> None:
    """Nothing that these show changes with the end: neither the series nor the log."""
    experiment = site.create_experiment("live")
    run, other = (site.create_run(experiment, name) for name in ("a", "b"))
    for each in (run, other):
        site.log(each, [("loss", 1.0, 0, NOON), ("system/cpu", 0.5, 0, NOON)])
    site.put_file(run, "logs/train.log", b"epoch 1\n")
    site.end(other)
    addresses = (
        f"/experiments/{experiment}?tab=charts",
        f"/compare?run={run}&run={other}",
        f"/runs/{run}/system",
        f"/runs/{run}/logs",
    )
    tabs = [context.new_page() for _ in addresses]
    for tab, address in zip(tabs, addresses, strict=True):
        tab.goto(address)
        expect(tab.locator("[data-running]")).to_have_count(1)
    site.end(run)
    for tab in tabs:
        expect(tab.locator("[data-running]")).to_have_count(0)
    page.wait_for_timeout(5000)  # what was due at the end
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    context.on("request", note)
    page.wait_for_timeout(7000)  # two turns
    assert asked == []


def test_a_part_that_the_reader_was_in_as_it_ended_is_made_fresh_when_he_leaves(
    page: Page, site: Site
) -> None:
    experiment = site.create_experiment("live, read")
    run = site.create_run(experiment, "a", tags={"mlflow.note.content": "not yet"})
    page.goto(f"/runs/{run}")
    note = page.get_by_role("region", name="Note")
    note.focus()
    site.post("runs/set-tag", run_id=run, key="mlflow.note.content", value="it is done")
    site.end(run, end=NOON + MINUTE)
    expect(page.locator("#facts")).to_contain_text("finished")
    expect(page.locator("[data-running]")).to_have_count(0)
    expect(note).to_have_text("not yet")
    page.wait_for_timeout(4000)  # a turn more, at which nothing runs
    page.get_by_role("button", name="Short cuts").focus()
    expect(note).to_have_text("it is done")
