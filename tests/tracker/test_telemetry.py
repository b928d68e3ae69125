"""What is counted and logged of requests, and that no caller can make the numbers many."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import structlog
from podium.client.errors import Unavailable
from podium.client.wire import CONTENT_TYPE, Batch, Series, encode
from podium.tracker.auth.caller import ANONYMOUS, Visit, begin, end
from podium.tracker.db import Database
from podium.tracker.instruments import CONNECTIONS, IN_PROGRESS, POOL_TIMEOUTS
from podium.tracker.metrics.tables import MetricBatch
from podium.tracker.state import State, read
from podium.tracker.telemetry import prometheus_text
from prometheus_client import Counter, Gauge
from sqlalchemy import update

from ..api import Api

SAMPLE = re.compile(r"^(podium_\w+?)(?:_(?:total|count|sum|bucket|created))?(?:\{.*\})? ", re.M)


def samples(text: str, name: str) -> dict[str, float]:
    """Of one metric, by its labels."""
    return {
        labels: float(value)
        for labels, value in re.findall(rf"^{name}(\{{[^}}]*\}}|) (\S+)$", text, re.M)
    }


def value_of(metric: Counter | Gauge) -> float:
    [family] = metric.collect()
    return family.samples[0].value


def exposed(api: Api) -> str:
    return api.http.get("/metrics").get_data(as_text=True)


class TestCardinality:
    def test_what_callers_write_is_in_no_label(self, api: Api) -> None:
        before = len(exposed(api).splitlines())
        for number in range(30):
            run = api.create_run(run_name=f"sesame-{number}")
            api.post("/runs/log-metric", run_id=run, key=f"sesame/{number}", value=1, timestamp=1)
            api.http.get(f"/nothing/sesame/{number}")
            api.http.open(f"/api/v1/runs/{run}/points", method=f"SESAME{number}")
            api.http.get("/api/2.0/mlflow/runs/get", query_string={"run_id": f"sesame{number}"})
        text = exposed(api)
        assert "sesame" not in text.lower()
        # A handful of routes and statuses, of 17 lines each; not 30 of anything.
        assert len(text.splitlines()) - before < 8 * 17 + 30

    def test_there_are_few_metrics(self, api: Api) -> None:
        names = set(SAMPLE.findall(exposed(api)))
        assert {"podium_http_request_seconds", "podium_database_up"} <= names
        assert len(names) < 40


class TestRequests:
    def test_points_and_bytes_are_counted_by_the_way_they_came(self, api: Api) -> None:
        before = exposed(api)
        run = api.create_run()
        column = bytes(2 * 8)
        body = encode(Batch(b"w" * 16, 1, (Series("loss", column, column, column),)))
        for _ in range(2):  # the second is a resend
            api.http.post(f"/api/v1/runs/{run}/points", data=body, content_type=CONTENT_TYPE)
        api.post("/runs/log-metric", run_id=run, key="k", value=1, timestamp=1)
        after = exposed(api)
        for name, via, more in (
            ("podium_ingest_points_total", "batch", 2),
            ("podium_ingest_bytes_total", "batch", len(body)),
            ("podium_ingest_points_total", "mlflow", 1),
        ):
            label = f'{{via="{via}"}}'
            counted = samples(after, name)[label] - samples(before, name).get(label, 0)
            assert counted == more, (name, via)

    def test_what_is_in_progress_is_counted_down_again(self, api: Api) -> None:
        before = value_of(IN_PROGRESS)
        api.http.get("/api/2.0/mlflow/runs/get")
        api.http.get("/nothing")
        assert value_of(IN_PROGRESS) == before

    def test_probes_leave_no_line(self, api: Api) -> None:
        with structlog.testing.capture_logs() as logged:
            for path in ("/health", "/ready", "/metrics"):
                api.http.get(path)
        assert logged == []

    def test_the_log_line_names_the_run(self, api: Api) -> None:
        run = api.create_run()
        with structlog.testing.capture_logs() as logged:
            api.post("/runs/log-metric", run_id=run, key="k", value=1, timestamp=1)
            api.http.post(f"/api/v1/runs/{run}/heartbeat", json={"interval": 5})
            api.http.get("/api/2.0/mlflow/runs/get", query_string={"run_id": "x" * 9999})
        lines = [line for line in logged if line["event"] == "request"]
        assert [line["run_id"] for line in lines] == [run, run, "x" * 256]


class TestDatabase:
    def test_connections_in_use_are_counted(self, sqlite_url: str) -> None:
        def used() -> float:
            return value_of(CONNECTIONS)

        db = Database(sqlite_url, pool_size=2)
        before = used()
        with db.reading() as first:
            first.connection()
            assert used() == before + 1
        assert used() == before
        db.close()

    def test_a_pool_that_is_empty_is_counted(self, postgres_db: Database) -> None:
        def given_up() -> float:
            return value_of(POOL_TIMEOUTS)

        before = given_up()
        with postgres_db.reading() as first:
            first.connection()
            with pytest.raises(Unavailable, match="busy"), postgres_db.reading() as second:
                second.connection()
        assert given_up() == before + 1


@pytest.fixture
def postgres_db(new_database: Callable[[str], str]) -> Iterator[Database]:
    db = Database(new_database("postgresql"), pool_size=1)
    db.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    yield db
    db.close()


class TestState:
    def test_old_points_lag(self, api: Api, db: Database) -> None:
        run = api.create_run()
        api.post("/runs/log-metric", run_id=run, key="k", value=1, timestamp=1)
        with db.writing() as session:
            session.execute(update(MetricBatch).values(received=MetricBatch.received - 3_600_000))
        begin(Visit(ANONYMOUS))  # who may see no run is told the age all the same
        try:
            gauges = State(db, (read,)).gauges()
        finally:
            end()
        [lag] = [gauge.value for gauge in gauges if gauge.name == "podium_compaction_lag_seconds"]
        assert 3600 <= lag < 3660

    def test_it_is_asked_once_in_a_while(self, db: Database) -> None:
        asked: list[int] = []

        def reader(_session: object, now: int) -> tuple[()]:
            asked.append(now)
            return ()

        state = State(db, (reader,))
        for _ in range(5):
            state.gauges()
        assert len(asked) == 1

    def test_a_database_that_is_away_is_told(self, sqlite_url: str) -> None:
        db = Database("postgresql://nobody@127.0.0.1:1/none")
        [gauge] = State(db, (read,)).gauges()
        assert (gauge.name, gauge.value) == ("podium_database_up", 0.0)
        text = prometheus_text([gauge], multiprocess_dir=None).decode()
        assert samples(text, "podium_database_up") == {"": 0.0}
