"""/api/v1: points in the binary format, and charts."""

from __future__ import annotations

import math
import struct
import zlib
from array import array

import pytest
from podium.client import wire
from podium.tracker import rest
from werkzeug.test import TestResponse

from ..api import Api, Json

WRITER = b"the writer's id."


def batch(values: list[float], *, sequence: int = 0, key: str = "loss", first: int = 0) -> bytes:
    steps = array("q", range(first, first + len(values)))
    series = wire.Series(key, steps.tobytes(), steps.tobytes(), array("d", values).tobytes())
    return wire.encode(wire.Batch(WRITER, sequence, (series,)))


def send(api: Api, run_id: str, data: bytes, content_type: str = wire.CONTENT_TYPE) -> TestResponse:
    return api.http.post(f"/api/v1/runs/{run_id}/points", data=data, content_type=content_type)


def chart(api: Api, *series: tuple[str, str], **options: object) -> list[Json]:
    wanted = [{"run_id": run_id, "key": key} for run_id, key in series]
    found = api.post("/api/v1/charts", series=wanted, **options)["series"]
    assert isinstance(found, list)
    return found


class TestPoints:
    def test_it_works(self, api: Api) -> None:
        run_id = api.create_run()
        answer = send(api, run_id, batch([0.5, math.nan, -math.inf, 0.25]))
        assert (answer.status_code, answer.json) == (200, {"stored": 4, "duplicate": False})
        [latest] = api.get("/runs/get", run_id=run_id)["run"]["data"]["metrics"]
        assert latest == {"key": "loss", "value": 0.25, "timestamp": 3, "step": 3}
        history = api.get("/metrics/get-history", run_id=run_id, metric_key="loss")["metrics"]
        assert [point["value"] for point in history] == [0.5, "NaN", "-Infinity", 0.25]

    def test_a_batch_that_is_sent_again_changes_nothing(self, api: Api) -> None:
        run_id = api.create_run()
        send(api, run_id, batch([1, 2]))
        answer = send(api, run_id, batch([1, 2]))
        assert answer.json == {"stored": 0, "duplicate": True}
        answer = send(api, run_id, batch([3], sequence=1, first=2))
        assert answer.json == {"stored": 1, "duplicate": False}
        [series] = chart(api, (run_id, "loss"))
        assert (series["value"], series["points"]) == ([1.0, 2.0, 3.0], 3)

    def test_an_empty_batch_is_no_duplicate(self, api: Api) -> None:
        empty = wire.encode(wire.Batch(WRITER, 0, ()))
        assert send(api, api.create_run(), empty).json == {"stored": 0, "duplicate": False}

    def test_it_refuses_a_deleted_and_an_unknown_run(self, api: Api) -> None:
        run_id = api.create_run()
        api.post("/runs/delete", run_id=run_id)
        assert send(api, run_id, batch([1])).status_code == 400
        for unknown in ("0" * 32, "no-id", "a%00b"):
            assert send(api, unknown, batch([1])).status_code in (400, 404)

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
    def test_a_page_elsewhere_cannot_send_it(self, api: Api, content_type: str) -> None:
        """A type a browser asks about first (CORS), however the body came to be."""
        answer = send(api, api.create_run(), batch([1]), content_type)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert "Content-Type must be application/vnd.podium.points" in answer.json["message"]

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "0 bytes are fewer than the 40 of the header"),
            (b"{}", "fewer than the 40 of the header"),
            (b"x" * 50, "byte 0 must start with"),
            (batch([1])[:-1], "cut short"),
            (batch([1], key="a\nb"), "key"),
            (batch([1], key="../up"), "key"),
            (batch([]), "series 'loss' has no points"),
            (batch([1], first=-1), "timestamp before 1970"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, data: bytes, message: str) -> None:
        run_id = api.create_run()
        answer = send(api, run_id, data)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in answer.json["message"]
        assert "metrics" not in api.get("/runs/get", run_id=run_id)["run"]["data"]

    def test_a_bomb_is_not_unpacked(self, api: Api) -> None:
        """A small body that says it has 16 bytes, and would have a thousand million."""
        packed = zlib.compress(bytes(2**30 >> 4), 9)
        header = struct.pack("<4sBBH16sQII", wire.MAGIC, 1, wire.ZLIB, 0, WRITER, 0, 16, 0)
        assert send(api, api.create_run(), header + packed).status_code == 400
        header = struct.pack("<4sBBH16sQII", wire.MAGIC, 1, wire.ZLIB, 0, WRITER, 0, 2**31, 0)
        answer = send(api, api.create_run(), header + packed)
        assert answer.json is not None
        assert "over the limit" in answer.json["message"]

    def test_a_larger_body_is_not_read(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wire, "MAX_BODY", 1000)
        answer = send(api, api.create_run(), bytes(2000))
        assert answer.json is not None
        assert (answer.status_code, answer.json["error_code"]) == (413, "BAD_REQUEST")


class TestCharts:
    def test_it_works(self, api: Api) -> None:
        first, second = api.create_run(), api.create_run()
        send(api, first, batch([0.5, math.nan, math.inf]))
        send(api, second, batch([1], key="acc", first=5))
        assert chart(api, (second, "acc"), (first, "loss"), (first, "none"), ("none", "a")) == [
            {
                "run_id": second,
                "key": "acc",
                "received": 1,
                "points": 1,
                "step": [5],
                "timestamp": [5],
                "value": [1.0],
            },
            {
                "run_id": first,
                "key": "loss",
                "received": 3,
                "points": 3,
                "step": [0, 1, 2],
                "timestamp": [0, 1, 2],
                "value": [0.5, "NaN", "Infinity"],
            },
            *(
                {
                    "run_id": run,
                    "key": key,
                    "received": 0,
                    "points": 0,
                    "step": [],
                    "timestamp": [],
                    "value": [],
                }
                for run, key in ((first, "none"), ("none", "a"))
            ),
        ]

    def test_who_has_the_columns_is_told_only_what_is_new(self, api: Api) -> None:
        run_id = api.create_run()
        send(api, run_id, batch([1, 2]))
        send(api, run_id, batch([3], key="acc", sequence=1))

        def again(**received: int) -> list[Json]:
            asked = [
                {"run_id": run_id, "key": key, "received": count} for key, count in received.items()
            ]
            found: list[Json] = api.post("/api/v1/charts", series=asked)["series"]
            return found

        known = {"run_id": run_id, "key": "loss", "received": 2}
        assert again(loss=2) == [known]
        assert again(none=0) == [{"run_id": run_id, "key": "none", "received": 0}]
        assert again(loss=1)[0]["value"] == [1.0, 2.0]
        send(api, run_id, batch([4], first=2, sequence=2))
        loss, acc = again(loss=2, acc=1)
        assert (loss["received"], loss["step"]) == (3, [0, 1, 2])
        assert "step" not in acc

    def test_a_long_series_is_thinned_and_keeps_its_spike(self, api: Api) -> None:
        values = [math.sin(step / 100) for step in range(20_000)]
        values[12_345] = 99.0
        run_id = api.create_run()
        send(api, run_id, batch(values))
        [series] = chart(api, (run_id, "loss"), width=100)
        assert series["points"] == 20_000
        assert len(series["step"]) <= 302
        assert (series["step"][0], series["step"][-1]) == (0, 19_999)
        assert series["value"][series["step"].index(12_345)] == 99.0

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "parameter 'series'"),
            ({"series": []}, "parameter 'series'"),
            ({"series": {}}, "parameter 'series' supplied: it must be an array"),
            ({"series": [{"key": "a"}]}, "required parameter 'series[0].run_id'"),
            ({"series": [{"run_id": "a", "key": 1}]}, "parameter 'series[0].key'"),
            ({"series": [{"run_id": "a", "key": "b"}] * 1001}, "parameter 'series'"),
            ({"series": [{"run_id": "a", "key": "b"}], "width": 0}, "parameter 'width'"),
            ({"series": [{"run_id": "a", "key": "b"}], "width": 10**6}, "parameter 'width'"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, body: Json, message: str) -> None:
        status, refusal = api.refused("POST", "/api/v1/charts", **body)
        assert (status, refusal["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in refusal["message"]


def test_json_has_a_limit_of_its_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MAX_JSON", 1000)
    status, body = api.refused("POST", "/api/v1/charts", series=["x" * 1000])
    assert (status, body["error_code"]) == (413, "BAD_REQUEST")


class TestSummaries:
    def test_each_metric_once(self, api: Api) -> None:
        run_id = api.create_run()
        send(api, run_id, batch([0.5, math.nan, -math.inf, 0.25]))
        send(api, run_id, batch([math.nan], sequence=1, key="a"))
        found = api.http.get(f"/api/v1/runs/{run_id}/metrics").json
        assert found == {
            "metrics": [
                {"key": "a", "last": "NaN", "last_step": 0, "min": None, "max": None, "points": 1},
                {
                    "key": "loss",
                    "last": 0.25,
                    "last_step": 3,
                    "min": "-Infinity",
                    "max": 0.5,
                    "points": 4,
                },
            ]
        }

    def test_a_band(self, api: Api) -> None:
        run_id = api.create_run()
        send(api, run_id, batch([0.0, 1.0] * 50))
        [thinned] = chart(api, (run_id, "loss"), width=10, band=True)
        assert (len(thinned["step"]), thinned["points"], thinned["last"]) == (10, 100, 1)
        assert (min(thinned["low"]), max(thinned["high"])) == (0, 1)
        assert all(0.3 <= each <= 0.7 for each in thinned["value"])
        [whole] = chart(api, (run_id, "loss"), width=50, band=True)
        assert "low" not in whole
        assert len(whole["value"]) == 100

    def test_of_no_run(self, api: Api) -> None:
        assert api.http.get(f"/api/v1/runs/{'0' * 32}/metrics").status_code == 404
