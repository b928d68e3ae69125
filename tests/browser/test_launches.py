"""Launching from a page, by keyboard: tried out, started, stopped, started again."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from ..registry.launch.apiserver import ApiServer
from ..registry.launch.samples import IMAGE
from .site import Site
from .test_every_page import axe, clean
from .test_models import register

assert axe


def registered(site: Site, name: str) -> str:
    register(site, name)
    return f"/launches/new?model={name}&version=1"


def tab_to(page: Page, name: str) -> None:
    """With the keys alone."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")


def jobs_of(name: str, kubernetes: ApiServer) -> list[str]:
    """Those of launches of that name, and not those of other tests."""
    names = [str(job["metadata"]["name"]) for job in kubernetes.all("Job")]
    return [each for each in names if re.fullmatch(rf"{name}-[0-9a-f]{{8}}", each)]


def test_from_a_version_to_its_launch_and_back(
    page: Page, site: Site, kubernetes: ApiServer, axe: str
) -> None:
    registered(site, "launched")
    page.goto("/models/launched/versions/1")
    tab_to(page, "Launch…")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Model", exact=True)).to_have_value("launched")
    page.get_by_label("Image, by its digest").focus()
    page.keyboard.insert_text(IMAGE)
    page.get_by_label("The rest of the spec").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("workers: 2\nenv: {NOTE: '<b>bold</b>'}")
    tab_to(page, "Dry run")
    page.keyboard.press("Enter")
    verdict = page.get_by_role("heading", name="What the cluster says to it")
    expect(verdict).to_be_focused()  # so that it is read out
    told = page.locator(".foreseen")
    expect(told).to_contain_text("accepted by the API server of main")
    page.get_by_text("Manifests").click()
    expect(told.locator("pre")).to_contain_text("<b>bold</b>")
    assert clean(page, axe) == []
    assert not jobs_of("launched", kubernetes)

    tab_to_start = page.get_by_role("button", name="Start")
    tab_to_start.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Train launched, version 1")
    expect(page.locator("#state .status")).to_have_text("pending")
    assert jobs_of("launched", kubernetes)
    page.get_by_text("Stop…").focus()
    page.keyboard.press("Enter")
    tab_to(page, "Stop it")
    page.keyboard.press("Enter")
    expect(page.locator("#state .status")).to_have_text("stopped")

    page.get_by_role("link", name="Launch again…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Image, by its digest")).to_have_value(IMAGE)
    expect(page.get_by_label("The rest of the spec")).to_have_value(re.compile("workers: 2"))


def test_what_is_wrong_stands_beside_its_field(
    page: Page, site: Site, axe: str, complaints: list[str]
) -> None:
    page.goto(registered(site, "launched-wrong"))
    image = page.get_by_label("Image, by its digest")
    image.fill("reg/train:1")
    page.get_by_label("The rest of the spec").fill("workers: 0")
    page.get_by_role("button", name="Dry run").press("Enter")
    expect(image).to_have_accessible_description(re.compile("must be an image by digest"))
    rest = page.get_by_label("The rest of the spec")
    expect(rest).to_have_accessible_description(re.compile("^workers: must be"))
    expect(rest).to_have_value("workers: 0")
    expect(page.get_by_role("button", name="Dry run")).to_be_focused()
    assert clean(page, axe) == []
    complaints.clear()  # the 400


def test_another_target_has_other_fields(page: Page, site: Site) -> None:
    page.goto(registered(site, "launched-target"))
    page.get_by_label("Image, by its digest").fill(IMAGE)
    rest = page.get_by_label("The rest of the spec")
    expect(rest).to_have_value(re.compile("^#workers: 2$", re.MULTILINE))
    target = page.get_by_label("Target")
    target.focus()
    page.keyboard.press("ArrowDown")  # job → deployment
    expect(rest).to_have_value(re.compile("^#scaling:$", re.MULTILINE))
    expect(target).to_be_focused()
    expect(page.get_by_label("To", exact=True)).to_have_value("serve")
    expect(page.get_by_label("Image, by its digest")).to_have_value(IMAGE)


def test_a_request_tells_what_it_launches_when_the_cluster_has_answered(
    page: Page, site: Site, kubernetes: ApiServer, axe: str
) -> None:
    registered(site, "launched-asked")
    spec = {"target": "job", "purpose": "evaluate", "image": IMAGE}
    rule = {"model": "launched-asked", "stage": "Staging", "spec": spec}
    site.native("POST", "launch-rules", rule)
    site.native("PUT", "models/launched-asked/policies/Staging", {"approvals": 1})
    asked = {"version": "1", "stage": "Staging"}
    number = site.native("POST", "models/launched-asked/promotions", asked)["id"]
    kubernetes.fail_tries.append((400, 'strict decoding error: unknown field "spec.foo"'))
    page.goto(f"/models/launched-asked/requests/{number}")
    told = page.locator("#foreseen")
    expect(told).to_contain_text("The API server refused spec.foo of the object.")
    expect(told).to_contain_text("by the rule for launched-asked")
    assert clean(page, axe) == []
    page.get_by_role("link", name="Try it out again").press("Enter")
    expect(told.locator(".status")).to_have_text("accepted")
    kubernetes.down = True
    try:
        page.get_by_role("link", name="Try it out again").press("Enter")
        expect(told).to_contain_text("It could not be tried out now.")
    finally:
        kubernetes.down = False


def test_a_rule_is_tried_set_changed_and_removed(page: Page, site: Site, axe: str) -> None:
    registered(site, "launched-rule")
    page.goto("/launch-rules")
    page.get_by_role("textbox", name="Models").fill("launched-rule")
    page.get_by_label("Come to").fill("Archived")
    spec = page.get_by_label("Spec, as YAML")
    spec.fill(f"target: job\npurpose: evaluate\nimage: {IMAGE}")
    page.get_by_role("button", name="Dry run").press("Enter")
    verdict = page.get_by_role("heading", name="for version 1 of launched-rule")
    expect(verdict).to_be_focused()
    expect(page.locator(".foreseen .status")).to_have_text("accepted")
    assert clean(page, axe) == []
    page.get_by_role("button", name="Set the rule").press("Enter")
    page.get_by_role("link", name="Change the rule to evaluate launched-rule").press("Enter")
    expect(page.get_by_label("Come to")).to_have_value("Archived")
    expect(spec).to_have_value(re.compile("purpose: evaluate"))
    page.get_by_role("button", name="Remove the rule to evaluate launched-rule").press("Enter")
    expect(page.get_by_role("row", name="launched-rule")).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 360])
def test_without_a_script(browser: Browser, site: Site, width: int) -> None:
    address = registered(site, f"launched-plain-{width}")
    with browser.new_context(
        base_url=site.url,
        java_script_enabled=False,
        viewport={"width": width, "height": 740},
    ) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_label("Target").select_option("deployment")
        page.get_by_role("button", name="Take its fields").click()
        page.get_by_label("Image, by its digest").fill(IMAGE)
        page.get_by_label("The rest of the spec").fill("command: [serve]")
        page.get_by_role("button", name="Dry run").click()
        expect(page.locator(".foreseen .status")).to_have_text("accepted")
        boxes = [each.bounding_box() for each in page.locator("main > *, main form > *").all()]
        assert max(box["x"] + box["width"] for box in boxes if box) <= width
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Serve launched-plain")
        deadline = time.monotonic() + 60
        while page.locator("#state .status").inner_text() == "waiting":
            assert time.monotonic() < deadline
            page.reload()
        expect(page.locator("#state .status")).to_have_text("pending")


def test_a_log_comes_as_it_is_written(
    page: Page, site: Site, kubernetes: ApiServer, axe: str
) -> None:
    registered(site, "launched-log")
    source = {"model": "launched-log", "version": 1}
    spec = {"target": "job", "purpose": "train", "image": IMAGE, "source": source}
    launch = site.native("POST", "launches", {"spec": spec})["launch_id"]
    page.goto(f"/launches/{launch}")
    expect(page.locator("#state .status")).to_have_text("pending")
    [job] = [each for each in kubernetes.all("Job") if launch in str(each["metadata"]["labels"])]
    pod, running = "launched-log-0", {"startedAt": "2026-01-15T08:00:00Z"}
    kubernetes.logs[pod] = "".join(f"2026-01-15T08:00:00.{n:03}Z <i>{n}</i>\n" for n in range(100))
    labels = job["spec"]["template"]["metadata"]["labels"]
    meta = {"name": pod, "namespace": "team", "labels": labels}
    status = {"containerStatuses": [{"name": "main", "state": {"running": running}}]}
    kubernetes.put(
        "pods", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}, "status": status}
    )
    kubernetes.say(job, ready=1)
    log = page.get_by_role("region", name="The last lines of its log")
    expect(log).to_contain_text("<i>99</i>")
    assert log.evaluate(_FROM_THE_END) < 2
    kubernetes.logs[pod] += "2026-01-15T08:00:01Z another\n"
    expect(log).to_contain_text("another")
    assert log.evaluate(_FROM_THE_END) < 2
    log.evaluate("log => { log.scrollTop = 0 }")  # whoever reads above is left there
    kubernetes.logs[pod] += "2026-01-15T08:00:02Z the end\n"
    expect(log).to_contain_text("the end")
    assert log.evaluate("log => log.scrollTop") == 0
    kubernetes.say(job, conditions=[{"type": "Complete", "status": "True"}])
    expect(page.locator("#state .status")).to_have_text("succeeded")
    expect(page.get_by_text("Stop…")).to_have_count(0)
    assert log.inner_text().count("another") == 1
    assert clean(page, axe) == []


_FROM_THE_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
