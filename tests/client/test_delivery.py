"""What is logged arrives, once and in order, whatever the network does; training feels nothing."""

from __future__ import annotations

import random
import time

import pytest
from podium import client

from .scripted import Fault, ScriptedServer, refuses

_FAULTS: dict[str, Fault] = {
    "the answer is lost": "lose the answer",
    "reset in the body": "reset in body",
    "garbage": "garbage",
    "half an answer": "half an answer",
    "503": refuses(503),
    "429": refuses(429, Retry_After="0"),
    "500": refuses(500),
    "502 of a proxy": (502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"),
}


def test_it_works(server: ScriptedServer) -> None:
    with client.start_run("first", experiment="digits", tags={"team": "vision"}) as run:
        client.log_params({"lr": 0.1, "layers": [64, 32]})
        for step in range(1000):
            client.log_metric("loss", 1 / (step + 1), step)
        client.log_metrics({"loss": 0.5, "accuracy": 0.9}, 1000)
        client.set_tags({"stage": "done"})
        client.log_text("all well", "notes/end.txt")
    kept = server.state.runs[run.run_id]
    assert kept["experiment_name"] == "digits"
    assert kept["run_name"] == "first"
    assert kept["status"] == "FINISHED"
    assert kept["end_time"] >= kept["start_time"]
    assert kept["params"] == {"lr": "0.1", "layers": "[64, 32]"}
    assert kept["tags"].items() >= {"team": "vision", "stage": "done"}.items()
    assert server.state.steps(run.run_id, "loss") == list(range(1001))
    assert server.state.values(run.run_id, "accuracy") == [0.9]
    assert server.state.files == {f"7/{run.run_id}/artifacts/notes/end.txt": b"all well"}


@pytest.mark.parametrize("fault", _FAULTS.values(), ids=_FAULTS)
def test_a_fault_costs_nothing(server: ScriptedServer, fault: Fault) -> None:
    server.fail_first(4, fault)
    with client.start_run() as run:
        for step in range(100):
            run.log_metric("loss", 0.5, step)
    assert server.state.steps(run.run_id, "loss") == list(range(100))
    assert server.state.runs[run.run_id]["status"] == "FINISHED"


def test_every_batch_is_stored_once_when_half_of_all_requests_fail(server: ScriptedServer) -> None:
    chance = random.Random(5)
    faults = list(_FAULTS.values())
    server.script = lambda *_request: chance.choice(faults) if chance.random() < 0.5 else None
    with client.start_run() as run:
        for burst in range(20):
            for step in range(burst * 50, burst * 50 + 50):
                run.log_metric("loss", 0.5, step)
            run.log_param(f"p{burst}", burst)
            run.flush(0.05)
        server.script = lambda *_request: None
    assert server.state.steps(run.run_id, "loss") == list(range(1000))
    assert server.state.resent > 0
    assert len(server.state.runs[run.run_id]["params"]) == 20


def test_a_lost_answer_makes_a_resend_that_is_the_same_batch(server: ScriptedServer) -> None:
    server.fail_first(3, "lose the answer", path="/points")
    with client.start_run() as run:
        run.log_metric("loss", 0.25, 7)
    assert server.state.resent == 3
    assert server.state.steps(run.run_id, "loss") == [7]


def test_a_server_that_hangs_blocks_no_call(server: ScriptedServer) -> None:
    server.script = lambda *_request: "hang"
    began = time.perf_counter()
    run = client.start_run()
    for step in range(20_000):
        run.log_metric("loss", 0.5, step)
    run.log_param("a", 1)
    run.log_text("text", "a.txt")
    assert time.perf_counter() - began < 15, "it hangs for 30 seconds"
    server.script = lambda *_request: None
    server.released.set()
    assert run.flush(60)
    assert server.state.steps(run.run_id, "loss") == list(range(20_000))


def test_retry_after_is_honoured(server: ScriptedServer) -> None:
    server.fail_first(1, refuses(503, Retry_After="1"), path="/points")
    with client.start_run() as run:
        assert run.flush()
        run.log_metric("loss", 0.5)
        began = time.monotonic()
        assert run.flush()
        assert time.monotonic() - began >= 1


def test_an_outage_is_told_once_and_so_is_its_end(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail_first(6, refuses(503, "restarting"))
    with client.start_run() as run:
        run.log_metric("loss", 0.5)
    texts = [record.getMessage() for record in caplog.records]
    assert len([text for text in texts if "restarting" in text]) == 1
    assert len([text for text in texts if "answers again" in text]) == 1
    assert len(texts) == 2


def test_end_run_has_a_limit_and_says_what_waits(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = lambda *_request: refuses(503)
    client.configure(finish_timeout=0.3)
    began = time.monotonic()
    with client.start_run() as run:
        run.log_metrics({"loss": 0.5, "accuracy": 1}, 3)
        run.log_text("x", "x.txt")
    assert time.monotonic() - began < 15, "60 by itself"
    said = capsys.readouterr().err
    assert f"2 points, 1 file did not reach {server.url}" in said
    server.script = lambda *_request: None
    assert client.flush(60)
    assert server.state.runs[run.run_id]["status"] == "FINISHED"
    assert len(server.state.files) == 1


def test_one_param_the_server_refuses_takes_no_other_with_it(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with client.start_run() as run:
        run.flush()
        # Bodies are not seen by a script, so the first three log-batch requests stand for the one
        # with the bad param: all four, then two of them, then one alone.
        server.fail_first(3, refuses(400, "already logged"), path="log-batch")
        run.log_params({"a": 1, "b": 2, "c": 3, "d": 4})
    assert set(server.state.runs[run.run_id]["params"]) == {"b", "c", "d"}
    assert "'a' of run" in caplog.text
    assert "already logged" in caplog.text


def test_a_batch_that_is_too_large_is_sent_in_halves(server: ScriptedServer) -> None:
    with client.start_run() as run:
        run.flush()
        server.fail_first(2, refuses(413), path="/points")
        for step in range(100):
            run.log_metric("loss", 0.5, step)
            run.log_metric("accuracy", 0.5, step)
    assert server.state.steps(run.run_id, "loss") == list(range(100))
    assert server.state.steps(run.run_id, "accuracy") == list(range(100))


def test_a_refused_token_is_told_and_what_waits_is_kept(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = lambda *_request: refuses(401, "Who are you?")
    client.configure(finish_timeout=60)
    began = time.monotonic()
    with client.start_run() as run:
        run.log_metric("loss", 0.5)
    assert time.monotonic() - began < 30, "waiting cannot help, so it does not wait"
    assert "PODIUM_TRACKING_TOKEN" in caplog.text
    assert run.lane.backlog.waiting_points == 1


def test_an_mlflow_server_is_told_apart(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    other = b'{"run": {"info": {"run_id": "0123456789abcdef0123456789abcdef"}}}'
    server.script = lambda *_request: (200, {"Content-Type": "application/json"}, other)
    with client.start_run() as run:
        run.log_metric("loss", 0.5)
    assert "no Podium server" in caplog.text


def test_the_spool_has_a_limit_and_what_is_dropped_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    from podium.client import session, spool

    session.end()
    monkeypatch.setenv("PODIUM_SPOOL_LIMIT", "100K")
    monkeypatch.setattr(spool, "MEMORY_LIMIT", 300_000)
    client.configure(server.url)
    server.script = lambda *_request: refuses(503)
    run = client.start_run()
    values = random.Random(1)
    for step in range(50_000):
        run.log_metric("loss", values.random(), step)
    deadline = time.monotonic() + 60
    while "are being dropped" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.05)
    server.script = lambda *_request: None
    run.end()
    kept = server.state.steps(run.run_id, "loss")
    # What comes after there is room again is kept as well, so there may be a second stretch.
    assert kept == sorted(set(kept)), "in order, and none twice"
    assert kept[:6000] == list(range(6000)), "the oldest are kept"
    assert caplog.text.count("PODIUM_SPOOL_LIMIT") == 1
    tags = server.state.runs[run.run_id]["tags"]
    assert int(tags["podium.dropped"]) == 50_000 - len(kept) > 0
    assert caplog.text.count("are being dropped") == 1


def test_no_server_is_said_once_and_configuring_one_later_sends_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from .scripted import scripted_server

    run = client.start_run()
    run.log_metric("loss", 0.5, 3)
    assert "PODIUM_TRACKING_URI" in caplog.text
    assert run.flush(0.1) is False
    with scripted_server() as late:
        client.configure(late.url)
        assert run.flush(60)
        assert late.state.steps(run.run_id, "loss") == [3]
        run.end()
