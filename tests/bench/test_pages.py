"""Pages in a real browser, beside those of MLflow's UI over the same runs.

A page is there when what it is for is seen: the newest run of a table, the first chart. Its bytes,
requests and heap are what the browser says. The data are loaded once and kept under build/.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import mlflow
import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Locator, Page
from playwright.sync_api import TimeoutError as NotThere
from podium.tracker.schema_history import TRACKER

from ..services.mlflow import mlflow_server
from ..services.podium import podium_up
from . import pages_data
from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3000)]

_DATA = Path(__file__).parents[2] / "build" / "bench-pages"
_PATIENCE = 60.0  # seconds
_TIMES, _PEER_TIMES = 20, 5
_LARGEST = max(pages_data.SIZES)
_Go = Callable[[Page], object]


@dataclass(frozen=True, slots=True)
class Ui:
    """Where each thing is, and what is seen when it is there."""

    name: str
    url: str
    data: pages_data.Loaded
    table: str
    wide: str
    overlay: str
    chart: str
    to_charts: _Go
    to_overlay: _Go

    def row(self, size: int) -> str:
        """A JavaScript expression for the newest run of the table."""
        number = sum(each for each in pages_data.SIZES if each <= size)
        path = f"//*[normalize-space(text())='run {number}']"
        return f'document.evaluate("{path}", document, null, 9).singleNodeValue'

    def first_chart(self) -> str:
        return f"document.querySelector({json.dumps(self.chart)})"

    def table_of(self, size: int) -> str:
        return self.url + self.table.format(self.data.experiments[size])


@dataclass(frozen=True, slots=True)
class Visit:
    """What one load took. ``ms`` is how long it was waited for where ``there`` is false."""

    there: bool
    ms: float
    requests: int
    kilobytes: float
    heap_mb: float


class _Watch:
    """Looks for things once a frame from within each page: a driver that asks from outside, as
    Playwright's locators do, asks twice a second only."""

    def __init__(self, context: BrowserContext, wanted: Mapping[str, str]) -> None:
        finders = ", ".join(f"{name}: () => {found}" for name, found in wanted.items())
        context.add_init_script(
            "window.seenAt = {};"
            f"const wanted = {{{finders}}};"
            "const look = () => {"
            "  for (const [name, find] of Object.entries(wanted))"
            "    if (find()?.getClientRects().length) seenAt[name] ??= Date.now();"
            "  requestAnimationFrame(look);"
            "};"
            "requestAnimationFrame(look);"
        )
        self._begun = 0.0

    def begin(self) -> None:
        self._begun = time.time() * 1000

    def until(self, page: Page, name: str) -> tuple[bool, float]:
        """Whether it was seen, and the milliseconds since :meth:`begin`."""
        try:
            found = page.wait_for_function(
                "name => window.seenAt?.[name]", arg=name, timeout=_PATIENCE * 1000
            )
        except NotThere:
            return False, time.time() * 1000 - self._begun
        return True, found.json_value() - self._begun


@pytest.fixture(scope="module")
def uis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, Ui]]:
    """Podium's and MLflow's, over SQLite both."""
    with ExitStack() as stack:
        ours = _loaded(f"podium-{TRACKER.head}", stack, _our_server)
        theirs = _loaded(f"mlflow-{mlflow.__version__}", stack, _their_server)
        yield _podium(*ours), _mlflow(*theirs)


def _loaded(
    name: str, stack: ExitStack, start: Callable[[ExitStack, Path], tuple[str, str, Any]]
) -> tuple[str, pages_data.Loaded]:
    """The URL of a server over the data in a folder of this name, which is filled if it is new."""
    folder = _DATA / name
    told = folder / "loaded.json"
    if not told.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    url, database, fill = start(stack, folder)
    if not told.exists():
        told.write_text(json.dumps(asdict(fill(url, database))))
    found = json.loads(told.read_text())
    found["experiments"] = {int(size): each for size, each in found["experiments"].items()}
    return url, pages_data.Loaded(**found)


def _our_server(stack: ExitStack, folder: Path) -> tuple[str, str, Any]:
    server = stack.enter_context(podium_up(folder))
    return server.url, f"sqlite:///{folder / 'podium.db'}", pages_data.fill_podium


def _their_server(stack: ExitStack, folder: Path) -> tuple[str, str, Any]:
    server = stack.enter_context(mlflow_server(folder))
    return server.url, f"sqlite:///{folder / 'mlflow.db'}", pages_data.fill_mlflow


def _podium(url: str, data: pages_data.Loaded) -> Ui:
    return Ui(
        "podium",
        url,
        data,
        table="/experiments/{}",
        wide=f"/runs/{data.wide_run}",
        overlay="/compare?" + urlencode({"run": data.charted, "metric": "m0"}, doseq=True),
        chart=".uplot canvas",
        to_charts=lambda page: page.get_by_role("link", name="Charts", exact=True).click(),
        # Its charts come after the table of differences, and are drawn when they are scrolled to.
        to_overlay=lambda page: _first_figure(page).scroll_into_view_if_needed(),
    )


def _mlflow(url: str, data: pages_data.Loaded) -> Ui:
    experiment = data.experiments[1000]
    shown = {
        "runs": json.dumps(data.charted),
        "metric": json.dumps("m0"),
        "experiments": json.dumps([experiment]),
        "plot_metric_keys": json.dumps(["m0"]),
    }
    return Ui(
        "mlflow ui",
        url,
        data,
        table="/#/experiments/{}/runs",
        wide=f"/#/experiments/{data.wide}/runs/{data.wide_run}/model-metrics",
        overlay="/#/metric?" + urlencode(shown, quote_via=quote),
        chart=".js-plotly-plot .main-svg",
        # What its button does: another address within the page.
        to_charts=lambda page: page.evaluate(
            "location.hash = location.hash.split('?')[0] + '?compareRunsMode=CHART'"
        ),
        to_overlay=lambda page: None,
    )


@pytest.mark.parametrize("size", pages_data.SIZES)
def test_table(figures: Figures, browser: Browser, uis: tuple[Ui, Ui], size: int) -> None:
    ours, theirs = (_visit(browser, ui.table_of(size), ui.row(size)) for ui in uis)
    _tell(figures, f"table of {size:,} runs, first visit", ours, theirs)
    assert ours.there
    assert ours.heap_mb <= 150
    _is_lighter(ours, theirs)


def test_table_again_and_again(figures: Figures, browser: Browser, uis: tuple[Ui, Ui]) -> None:
    """With what is cached by then."""
    found = []
    for ui, times in zip(uis, (_TIMES, _PEER_TIMES), strict=True):
        with browser.new_context() as context:
            watch = _Watch(context, {"row": ui.row(_LARGEST)})
            page = context.new_page()
            taken = []
            for _ in range(times + 1):
                page.goto("about:blank")
                watch.begin()
                page.goto(ui.table_of(_LARGEST), wait_until="commit", timeout=_PATIENCE * 1000)
                there, ms = watch.until(page, "row")
                taken.append(ms)
                if not there:
                    break
        found.append(taken[1:] or taken)
    what = f"table of {_LARGEST:,} runs, again"
    name = f"mlflow ui, {len(found[1])} times"
    ours, theirs = found
    medians = statistics.median(ours), statistics.median(theirs)
    figures.add(f"{what}: median", *medians, unit="ms", peer_name=name)
    figures.add(f"{what}: p95", _p95(ours), _p95(theirs), "ms", peer_name=name)


def _p95(values: list[float]) -> float:
    """By nearest rank: of few values the greatest."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def test_first_chart(figures: Figures, browser: Browser, uis: tuple[Ui, Ui]) -> None:
    taken = []
    name = "mlflow ui"
    for ui in uis:
        with browser.new_context() as context:
            watch = _Watch(context, {"row": ui.row(_LARGEST), "chart": ui.first_chart()})
            page = context.new_page()
            page.goto(ui.table_of(_LARGEST), wait_until="commit", timeout=_PATIENCE * 1000)
            listed, _ = watch.until(page, "row")
            page.wait_for_timeout(2000)  # whoever clicks has read something
            watch.begin()
            ui.to_charts(page)
            there, ms = watch.until(page, "chart")
            if not (listed and there):
                assert ui is uis[1]
                name += f", not in {_PATIENCE:.0f} s"
            taken.append(ms)
    ours, theirs = taken
    figures.add(f"{_LARGEST:,} runs, click to first chart", ours, theirs, "ms", peer_name=name)


def test_hundred_runs_overlaid(figures: Figures, browser: Browser, uis: tuple[Ui, Ui]) -> None:
    ours, theirs = (
        _visit(browser, ui.url + ui.overlay, ui.first_chart(), ui.to_overlay) for ui in uis
    )
    _tell(figures, "100 runs overlaid", ours, theirs)
    assert ours.there
    _is_lighter(ours, theirs)


def test_ten_thousand_metrics(figures: Figures, browser: Browser, uis: tuple[Ui, Ui]) -> None:
    ours, theirs = (_visit(browser, ui.url + ui.wide, ui.first_chart()) for ui in uis)
    _tell(figures, "run with 10,000 metrics", ours, theirs)
    assert ours.there
    _is_lighter(ours, theirs)


def _first_figure(page: Page) -> Locator:
    return page.locator("[data-charts] figure").first


def _visit(browser: Browser, url: str, wanted: str, then: _Go | None = None) -> Visit:
    """The first visit of a new browser, with nothing in its cache."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        watch = _Watch(context, {"wanted": wanted})
        page = context.new_page()
        client = context.new_cdp_session(page)
        sent: list[str] = []
        received: list[float] = []
        client.on("Network.requestWillBeSent", lambda told: sent.append(told["requestId"]))
        client.on(
            "Network.loadingFinished", lambda told: received.append(told["encodedDataLength"])
        )
        client.send("Network.enable")
        watch.begin()
        page.goto(url, wait_until="commit", timeout=_PATIENCE * 1000)
        if then is not None:
            then(page)
        there, ms = watch.until(page, "wanted")
        return Visit(there, ms, len(sent), sum(received) / 1000, _heap_mb(client))


def _heap_mb(client: CDPSession) -> float:
    client.send("Performance.enable")
    client.send("HeapProfiler.collectGarbage")
    metrics = client.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize") / 1e6)


def _tell(figures: Figures, what: str, ours: Visit, theirs: Visit) -> None:
    name = "mlflow ui" if theirs.there else f"mlflow ui, not in {_PATIENCE:.0f} s"
    for part, unit in (("ms", "ms"), ("requests", ""), ("kilobytes", "kB"), ("heap_mb", "MB")):
        mine, other = getattr(ours, part), getattr(theirs, part)
        label = {"ms": "until seen", "kilobytes": "received", "heap_mb": "heap"}.get(part, part)
        figures.add(f"{what}: {label}", mine, other, unit, peer_name=name)


def _is_lighter(ours: Visit, theirs: Visit) -> None:
    """What does not depend on what else the machine does."""
    if theirs.there:
        assert ours.requests < theirs.requests
        assert 5 * ours.kilobytes < theirs.kilobytes
        assert ours.heap_mb < theirs.heap_mb
