"""The pages of sweeps: the list, and one with its trials, its chart and its best."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from podium.client.sweeps import SweepTrial, TrialState
from podium.registry.app import create_app
from podium.registry.sweeps.read import get_sweep
from podium.registry.web.sweep_chart import chart
from podium.tracker.config import Config

from .conftest import Searching, spec


@pytest.fixture
def pages(searching: Searching, sqlite_url: str) -> FlaskClient:
    world = searching.world
    config = Config(database_url=sqlite_url, artifacts=world.artifacts, launch_site=world.path)
    client = create_app(config, db=world.db, store=world.store).test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def test_where_there_are_none_it_says_how_to_begin(pages: FlaskClient) -> None:
    assert "podium sweep start -f sweep.yaml" in pages.get("/sweeps").text
    assert "None of these" in pages.get("/sweeps?active=1").text


def test_a_sweep_from_start_to_end(searching: Searching, pages: FlaskClient) -> None:
    sweep = searching.start(spec(trials=3))
    address = f"/sweeps/{sweep.sweep_id}"
    assert "None has begun yet" in pages.get(address).text
    searching.play(sweep, lambda params: float(params["lr"]), 1)
    page = pages.get(address).text
    assert "data-running" in page
    assert "Stop it" in page
    assert page.count("<circle") == 2
    done = searching.play(sweep, lambda params: float(params["lr"]), 3)
    assert done.best is not None
    page = pages.get(f"{address}?order=best").text
    numbers = [int(each) for each in re.findall(r'<th scope="row"><a href="/runs/\w+">(\d)', page)]
    values = {each.number: each.value or 0 for each in searching.trials(sweep)}
    assert numbers == sorted(values, key=lambda number: values[number])
    assert numbers[0] == done.best.number
    for trial in searching.trials(sweep):
        assert f"/launches/{trial.launch_id}" in page
    assert "/compare?run=" in page
    assert "Stop it" not in page
    assert sweep.sweep_id in pages.get("/sweeps?name=churn").text
    assert sweep.sweep_id not in pages.get("/sweeps?active=1").text
    assert f'href="{address}"' in pages.get(f"/runs/{done.run_id}").text
    assert "Trial 0 of a sweep" in pages.get(f"/runs/{searching.trials(sweep)[0].run_id}").text


def test_stopping(searching: Searching, pages: FlaskClient) -> None:
    sweep = searching.start(spec())
    address = f"/sweeps/{sweep.sweep_id}"
    headers = {"Origin": "http://localhost"}
    assert pages.post(f"{address}/stop", headers=headers).status_code == 303
    assert "is to stop" in pages.get(address).text
    searching.work()
    again = pages.post(f"{address}/stop", headers=headers)
    assert again.status_code == 409
    assert "has ended: it is STOPPED" in again.text
    assert pages.get(f"/sweeps/{'0' * 32}").status_code == 404


def test_a_hundred_trials_a_page(searching: Searching, pages: FlaskClient) -> None:
    parameters = [{"name": "lr", "type": "int", "min": 0, "max": 200}]
    data = {**spec(algorithm="grid", trials=120, parallel=120, parameters=parameters)}
    sweep = searching.start({**data, "args": ["${sweep.lr}"], "env": {}})
    searching.sweeper.turn()
    address = f"/sweeps/{sweep.sweep_id}"
    assert pages.get(address).text.count('<th scope="row">') == 100
    assert pages.get(f"{address}?page=2").text.count('<th scope="row">') == 20
    for nonsense in ("0", "-1", "x", "9" * 40, "99999"):
        assert pages.get(f"{address}?page={nonsense}").status_code == 200


def test_the_chart_goes_by_logarithms_where_values_lie_far_apart(
    searching: Searching, pages: FlaskClient
) -> None:
    sweep = get_sweep(searching.world.db, searching.start(spec()).sweep_id)

    def trials(*values: float) -> list[SweepTrial]:
        return [
            SweepTrial(n, TrialState.COMPLETE, {}, "0" * 32, "1" * 32, 0, value=each)
            for n, each in enumerate(values)
        ]

    with pages.application.test_request_context():
        assert chart(sweep, ()) is None
        near, far = chart(sweep, trials(3, 1, 2)), chart(sweep, trials(1000, 0.1, 10))
        alone = chart(sweep, trials(5))
    assert near is not None
    assert far is not None
    assert alone is not None
    assert (near.logarithmic, far.logarithmic) == (False, True)
    high, low, middle = (each.y for each in far.points)
    assert middle == pytest.approx((high + low) / 2, abs=1)
    assert near.best.count("V") == 2  # from the first to the second, and on at its height
