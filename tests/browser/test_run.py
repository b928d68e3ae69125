"""One run: its facts, its charts while it runs, and its files."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from .site import NOON, Site, curve


def _png() -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    figure.add_subplot().imshow(np.eye(4))
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


@pytest.fixture(scope="module")
def run_id(site: Site) -> str:
    made = site.create_run(
        site.create_experiment("browser/one run"),
        "the run",
        params={"lr": "0.01", "model": "MLP"},
        tags={"team": "vision", "mlflow.note.content": "A note about it."},
    )
    site.log(made, curve("val/loss", start=2, floor=0.1, speed=0.05, steps=2000))
    site.log(made, curve("acc", start=0.1, floor=0.98, speed=0.05, steps=2000))
    site.end(made)
    site.put_file(made, "notes/readme.txt", b"plain <b>text</b>\n")
    site.put_file(made, "config.json", b'{"layers": [64, 32]}')
    site.put_file(made, "table.csv", b"name,value\nalpha,1\nbeta,2\n")
    site.put_file(made, "confusion.png", _png())
    site.put_file(made, "model.bin", bytes(range(256)))
    site.put_file(made, "evil.html", b"<script>document.title = 'owned'</script>")
    site.put_file(
        made,
        "evil.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>top.document.title="owned"</script></svg>',
    )
    return made


def test_its_facts(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("the run")
    main = page.locator("main")
    for text in ("finished", "lr", "0.01", "vision", "ada", "val/loss"):
        expect(main.get_by_text(text, exact=True).first).to_be_visible()
    expect(main.get_by_text("A note about it.").first).to_be_visible()


def test_charts_are_drawn(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    figures = page.locator("[data-charts] figure")
    expect(figures).to_have_count(2)
    for index in range(2):
        figures.nth(index).scroll_into_view_if_needed()
        expect(figures.nth(index).locator("canvas")).to_be_visible()
        assert _drawn(page, index) > 200, "a line is more than an empty frame"


def test_the_axis_and_the_look_can_be_changed(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    figure = page.locator("[data-charts] figure").first
    expect(figure.locator("canvas")).to_be_visible()
    page.get_by_text("relative", exact=True).click()
    expect(figure.locator(".u-legend")).to_contain_text("minutes")
    page.get_by_label("log y").check()
    page.get_by_label("smoothing").fill("80")
    expect(figure.locator(".u-legend")).to_contain_text("(raw)")
    # It is in the address, so that a link shows the same.
    expect(page).to_have_url(re.compile(r"axis=relative&smooth=80&log=on$"))
    page.reload()
    expect(page.get_by_role("radio", name="relative")).to_be_checked()
    expect(figure.locator(".u-legend")).to_contain_text("(raw)")


def test_a_part_is_fetched_at_full_resolution(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    figure = page.locator('figure[data-key="acc"]')
    over = figure.locator(".u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box
    across = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 40, across)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, across, steps=4)
    with page.expect_response("**/api/v1/charts") as answer:
        page.mouse.up()
    asked = answer.value.request.post_data_json
    assert asked
    assert 0 < asked["first_step"] < asked["last_step"] < 1999
    series = answer.value.json()["series"]
    assert "low" not in series[0], "so few points are told one by one"
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+$"))
    page.get_by_role("button", name="Whole range").click()
    expect(page).to_have_url(re.compile(rf"{run_id}$"))


def test_along_another_metric(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}?axis=metric&along=acc")
    figure = page.locator('figure[data-key="val/loss"]')
    expect(figure.locator(".u-legend")).to_contain_text("acc")
    assert _drawn(page, 1) > 200


def test_found_grouped_and_pinned(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    keys = page.locator("figure[data-key]:visible h3")
    expect(keys).to_have_text(["acc", "val/loss"])
    page.get_by_role("button", name="Pin val/loss").click()
    expect(keys).to_have_text(["val/loss", "acc"])
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
    page.reload()
    expect(keys).to_have_text(["val/loss", "acc"])
    page.get_by_role("searchbox", name="Find metrics").fill("/^a.c$/")
    expect(keys).to_have_text(["acc"])
    expect(page.get_by_text("1 of 2 metrics")).to_be_visible()
    page.get_by_role("searchbox", name="Find metrics").fill("/(/")
    expect(page.get_by_role("alert")).to_contain_text("Write it as")


def test_ten_thousand_metrics(page: Page, site: Site) -> None:
    run_id = site.create_run(site.create_experiment("browser/many"), "many")
    site.log(run_id, [(f"layer{i // 500:02}/norm{i:05}", 1.0, 0, NOON) for i in range(10_000)])
    site.end(run_id)
    page.goto(f"/runs/{run_id}")
    expect(page.locator("figure canvas").first).to_be_visible()
    expect(page.get_by_text("10000 metrics")).to_be_visible()
    for _ in range(12):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    assert page.locator("figure").count() > 100
    # What has left the view is not kept as a drawing.
    assert page.locator("figure canvas").count() < 80
    page.get_by_role("searchbox", name="Find metrics").fill("norm09999")
    expect(page.locator("figure:visible h3")).to_have_text(["layer19/norm09999"])
    expect(page.locator("figure:visible canvas")).to_be_visible()


def test_pictures_of_steps(page: Page, site: Site) -> None:
    run_id = site.create_run(site.create_experiment("browser/steps"), "steps")
    for step in (1, 2, 10):
        site.put_file(run_id, f"samples/epoch_{step}.png", _png())
    page.goto(f"/runs/{run_id}/files?path=samples/epoch_1.png")
    picture = page.locator("#files img")
    expect(page.get_by_text("step 1, 1 of 3")).to_be_visible()
    page.get_by_role("slider", name="step").fill("2")
    expect(page.get_by_text("step 10, 3 of 3")).to_be_visible()
    expect(picture).to_have_attribute("src", re.compile("epoch_10"))
    # All that is said of the picture is said of the one that is seen, and so is the address.
    expect(page.get_by_role("link", name="Step after")).to_have_count(0)
    expect(picture).to_have_attribute("alt", "epoch_10.png")
    expect(page.get_by_role("link", name="Download")).to_have_attribute(
        "href", re.compile("epoch_10")
    )
    expect(page.get_by_role("link", name="epoch_10.png")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("epoch_10"))
    expect(page.get_by_role("slider", name="step")).to_be_focused()
    page.get_by_role("link", name="Step before").click()
    expect(page.get_by_text("step 2, 2 of 3")).to_be_visible()
    expect(page).to_have_url(re.compile("epoch_2"))
    page.reload()
    expect(page.get_by_text("step 2, 2 of 3")).to_be_visible()


def test_it_is_named_noted_tagged_deleted_and_restored(page: Page, site: Site) -> None:
    run_id = site.create_run(site.create_experiment("browser/change"), "before")
    page.goto(f"/runs/{run_id}")
    page.get_by_text("Rename…").click()
    page.get_by_label("Name", exact=True).first.fill("after")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("after")
    page.get_by_text("Write a note…").click()
    page.get_by_label("Note, as Markdown").fill("It works.")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#note")).to_contain_text("It works.")
    page.get_by_text("Set a tag…").click()
    form = page.locator("form[action$='/tags']")
    form.get_by_label("Name").fill("team")
    form.get_by_label("Value").fill("vision")
    form.get_by_role("button", name="Set it").click()
    expect(page.get_by_role("cell", name="vision")).to_be_visible()
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete this run").click()
    expect(page.get_by_text("This run is deleted")).to_be_visible()
    page.get_by_role("button", name="Restore it").click()
    expect(page.get_by_text("This run is deleted")).to_have_count(0)


def test_a_running_run_moves(page: Page, site: Site) -> None:
    experiment = site.create_experiment("browser/live")
    run_id = site.create_run(experiment, "live")
    site.log(run_id, [("loss", 1.0, 0, NOON)])
    page.goto(f"/runs/{run_id}")
    legend = page.locator("[data-charts] figure .u-legend")
    expect(legend).to_be_visible()
    page.evaluate("canvas = document.querySelector('figure canvas')")
    site.log(run_id, [("loss", 0.125, 1, NOON + 1000), ("new", 7.5, 0, NOON)])
    expect(page.locator("main")).to_contain_text("0.125")
    expect(page.locator("[data-charts] figure")).to_have_count(2)
    assert page.evaluate("document.querySelector('figure canvas') === canvas"), "no flicker"
    site.end(run_id)
    expect(page.locator(".status").first).to_have_text("finished")


def test_files(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    page.get_by_role("link", name="Files").click()
    files = page.locator("#files")
    files.get_by_role("link", name="config.json").click()
    expect(files.locator("pre")).to_contain_text('"layers": [')
    files.get_by_role("link", name="table.csv").click()
    expect(files.get_by_role("table").get_by_role("row")).to_have_count(3)
    files.get_by_role("link", name="confusion.png").click()
    image = files.get_by_role("img", name="confusion.png")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("element => element.naturalWidth") > 50
    files.get_by_role("link", name="notes/").click()
    files.get_by_role("link", name="readme.txt").click()
    expect(files.locator("pre")).to_have_text("plain <b>text</b>\n")
    files.get_by_role("link", name="files", exact=True).click()
    files.get_by_role("link", name="model.bin").click()
    expect(files).to_contain_text("no text")
    with page.expect_download() as download:
        files.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "model.bin"
    assert download.value.path().read_bytes() == bytes(range(256))


@pytest.mark.parametrize("name", ["evil.html", "evil.svg"])
def test_a_hostile_file_runs_nothing(
    page: Page, run_id: str, name: str, complaints: list[str]
) -> None:
    page.goto(f"/runs/{run_id}/files?path={name}")
    expect(page.locator("#files")).to_contain_text(name)
    page.wait_for_timeout(200)
    expect(page).not_to_have_title(re.compile("owned"))
    # Its own address is a download, or a picture without a script.
    answer = page.request.get(f"/get-artifact?run_id={run_id}&path={name}")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")
    complaints.clear()


def test_a_run_that_is_not_there(page: Page, site: Site, complaints: list[str]) -> None:
    page.goto(f"/runs/{'0' * 32}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.get_by_role("link", name="All experiments")).to_be_visible()
    complaints.clear()  # the browser reports the 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_somebody_chooses(
    page: Page, run_id: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"/runs/{run_id}")
    assert (_brightness(page) < 0.3) is (scheme == "dark")
    switch = page.get_by_role("button", name="Theme: system")
    switch.click()
    assert _brightness(page) > 0.7
    page.get_by_role("button", name="Theme: light").click()
    assert _brightness(page) < 0.3
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert _brightness(page) < 0.3


def test_on_a_phone_nothing_sticks_out(page: Page, run_id: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/experiments", f"/runs/{run_id}", f"/runs/{run_id}/files?path=table.csv"):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{path} is {wide} px wide"


def _drawn(page: Page, index: int) -> int:
    """How many pixels of a chart's canvas are coloured, grey not counted."""
    script = """index => {
        const canvas = document.querySelectorAll("[data-charts] figure canvas")[index];
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let coloured = 0;
        for (let i = 0; i < data.length; i += 4) {
            const spread = Math.max(data[i], data[i + 1], data[i + 2])
                         - Math.min(data[i], data[i + 1], data[i + 2]);
            if (data[i + 3] > 0 && spread > 60) coloured += 1;
        }
        return coloured;
    }"""
    page.wait_for_timeout(300)
    return int(page.evaluate(script, index))


def _brightness(page: Page) -> float:
    """Of the page's ground: 0 is black, 1 is white."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    parts = [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]
    return sum(parts) / 3 / (255 if colour.startswith("rgb") else 1)
