"""The board of a model: a card is dragged to where it shall go, beside the way by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .site import Site


@pytest.fixture
def model(site: Site) -> str:
    """One version, for which Production takes an approval and Staging is frozen."""
    name = "dragged"
    site.post("registered-models/create", name=name)
    run = site.create_run("0", "dragged")
    site.put_file(run, "model/MLmodel", b"flavors:\n  sklearn: {}\n")
    site.end(run)
    site.post("model-versions/create", name=name, source=f"runs:/{run}/model")
    site.native("PUT", f"models/{name}/policies/Production", {"approvals": 1, "gates": []})
    site.native("POST", f"models/{name}/freezes", {"stage": "Staging", "reason": "audit"})
    return name


def test_a_card_that_is_dragged_opens_its_form_with_the_stage_chosen(
    page: Page, site: Site, model: str
) -> None:
    page.goto(f"/models/{model}")
    card = page.locator(".cards > li")
    expect(card).to_have_attribute("draggable", "true")
    form = card.locator("details.act")
    chosen = form.get_by_role("combobox", name="To")
    # To nowhere: where it is, and where it may not go now.
    for stage in ("None", "Staging"):
        card.drag_to(page.get_by_role("region", name=stage, exact=True))
        expect(form).not_to_have_attribute("open", "")
    card.drag_to(page.get_by_role("region", name="Production", exact=True))
    expect(form).to_have_attribute("open", "")
    expect(chosen).to_have_value("Production")
    expect(form.get_by_role("textbox", name="Why")).to_be_focused()
    # Nothing has been asked for: the form does, and by the rules.
    listed = site.http.request("GET", f"{site.url}/models/{model}/requests").data.decode()
    assert "version 1 to" not in listed
    assert "<tbody>" not in listed
    page.keyboard.type("2 points better")
    form.get_by_role("button", name="Promote version 1").click()
    expect(page).to_have_url(re.compile(f"/models/{model}/requests/"))
    expect(page.get_by_role("region", name="It waits for")).to_contain_text("1 approval")
