"""A promotion from the button to the rollback, by two people before two browsers."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from .site import NOON, Site
from .team import Team, sign_in, team_on


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with team_on(tmp_path_factory.mktemp("team") / "data") as found:
        _fill(found.site)
        yield found


def _fill(site: Site) -> None:
    """Two versions, the first in Production; the way there takes an approval and a gate."""
    site.post("registered-models/create", name="digits", description="Reads the digits of forms.")
    for number, acc in enumerate((0.962, 0.981), 1):
        run = site.create_run("0", f"mlp-{number}", params={"width": str(64 * number), "seed": "7"})
        site.log(run, [("accuracy", acc, 0, NOON)])
        site.end(run)
        site.put_file(run, "model/MLmodel", b"flavors:\n  sklearn: {}\n")
        site.post("model-versions/create", name="digits", source=f"runs:/{run}/model")
    site.post("model-versions/transition-stage", name="digits", version="1", stage="Production")
    rules = {"approvals": 1, "gates": [{"gate": "metric_vs_holder", "metric": "accuracy"}]}
    site.native("PUT", "models/*/policies/Production", rules)


SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_from_the_button_to_the_rollback(
    browser: Browser, team: Team, complaints: list[str], scheme: Literal["light", "dark"]
) -> None:
    with (
        browser.new_context(base_url=team.url, color_scheme=scheme) as hers,
        browser.new_context(base_url=team.url, color_scheme=scheme) as his,
    ):
        ada, bo = sign_in(hers, complaints, "ada"), sign_in(his, complaints, "bo")
        ada.goto("/models/digits")
        # By keyboard: the control opens, the menu is chosen from, Enter sends it.
        ada.get_by_label("Promote version 2", exact=True).focus()
        ada.keyboard.press("Enter")
        ada.get_by_role("combobox", name="To").select_option("Production")
        ada.get_by_role("textbox", name="Why").fill("2 points better on the night shift")
        ada.get_by_role("button", name="Promote version 2").press("Enter")
        expect(ada.get_by_role("heading", level=1)).to_contain_text("version 2 to Production")
        expect(ada.get_by_role("region", name="It waits for")).to_contain_text("1 approval")
        expect(ada.get_by_role("button", name="Approve")).to_be_disabled()

        bo.goto("/models/digits")
        bo.get_by_role("link", name=re.compile("2 to Production")).click()
        expect(bo.get_by_role("table", name="What each gate has found")).to_contain_text("0.981")
        expect(bo.get_by_role("region", name="Differences")).to_contain_text("width")
        expect(bo.get_by_role("region", name="Differences")).not_to_contain_text("seed")
        bo.get_by_role("link", name="Everything").click()
        expect(bo.get_by_role("region", name="Differences")).to_contain_text("seed")
        bo.get_by_text("Approve…").click()
        bo.get_by_role("button", name="Approve").click()
        expect(bo.locator(".head .status")).to_have_text("done")
        # Hers says so without being asked.
        expect(ada.locator(".head .status")).to_have_text("done")

        bo.goto("/models/digits")
        expect(bo.get_by_role("region", name="Production")).to_contain_text("version 2")
        bo.get_by_role("link", name="History and rollback").click()
        bo.get_by_text("Roll back Production…").click()
        expect(bo.get_by_role("region", name="Production")).to_contain_text("version 1 comes back")
        bo.get_by_role("textbox", name="Why").fill("It was worse by day")
        bo.get_by_role("button", name="Give Production back to version 1").click()
        expect(bo.get_by_role("region", name="Production")).to_contain_text("version 1")
        changes = bo.get_by_role("table", name="Changes of stages, newest first")
        expect(changes.get_by_role("row").nth(1)).to_contain_text("rolled back")
        bo.get_by_role("button", name="Tell").click()
        expect(bo.get_by_role("status")).to_contain_text("Version 1 had been in Production")


def test_it_is_approved_once_its_files_are_read(
    browser: Browser, tmp_path: Path, complaints: list[str]
) -> None:
    with team_on(tmp_path) as team, browser.new_context(base_url=team.url) as context:
        _fill(team.site)
        database = tmp_path / "podium.db"
        _until_read(database)
        # A worker has taken it, and is not done with it.
        _sql(
            database,
            f"UPDATE version_inspections SET status = 'RUNNING', retry = {2**53} WHERE version = 2",
            "UPDATE model_versions SET digest = NULL WHERE id = 2",
        )
        asked = {"version": "2", "stage": "Production"}
        request = team.site.native("POST", "models/digits/promotions", asked)["id"]
        page = sign_in(context, complaints, "bo")
        page.goto(f"/models/digits/requests/{request}")
        expect(page.get_by_role("button", name="Approve")).to_be_disabled()
        expect(page.locator("#asked")).to_contain_text("have not been read yet")
        page.get_by_text("Reject…").click()
        page.get_by_role("textbox", name="Why", exact=True).fill("Typed while it was read")
        page.get_by_role("heading", level=1).click()

        _sql(database, "UPDATE version_inspections SET retry = 0 WHERE version = 2")
        page.get_by_text("Approve…").click()
        typed = page.get_by_role("textbox", name="Why", exact=True)
        expect(typed).to_have_value("Typed while it was read")
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".head .status")).to_have_text("done")


def _until_read(database: Path) -> None:
    deadline = time.monotonic() + 60
    while _sql(database, "SELECT count(*) FROM model_versions WHERE digest IS NULL") != [(0,)]:
        assert time.monotonic() < deadline, "the worker has not read the files"
        time.sleep(0.1)


def _sql(database: Path, *statements: str) -> list[tuple[int]]:
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        return [row for each in statements for row in connection.execute(each).fetchall()]


def test_on_a_phone_and_without_a_script(
    browser: Browser, team: Team, complaints: list[str]
) -> None:
    with browser.new_context(
        base_url=team.url, java_script_enabled=False, viewport={"width": 360, "height": 740}
    ) as context:
        page = sign_in(context, complaints, "root")
        page.goto("/models/digits")
        page.get_by_label("Promote version 2", exact=True).click()
        page.get_by_role("combobox", name="To").select_option("Production")
        page.get_by_role("button", name="Promote version 2").click()
        request = page.url.removeprefix(team.url)
        for path in (
            *("/models/digits", "/models/digits/versions/2", "/models/digits/history"),
            *(request, f"{request}?all=1", "/models/digits/requests", "/policies"),
        ):
            page.goto(path)
            for summary in page.locator("details.act > summary").all():
                summary.click()
            # Without a script nothing can be asked of the page but where its parts are.
            boxes = [each.bounding_box() for each in page.locator("main > *, main form").all()]
            wide = max(box["x"] + box["width"] for box in boxes if box)
            assert wide <= 360, f"{path} is {wide} px wide"
        page.goto(request)
        page.get_by_text("Withdraw…").click()
        page.get_by_role("button", name="Withdraw").click()
        expect(page.locator(".head .status")).to_have_text("withdrawn")
