"""The spool: what was logged outlives its process, and reaches the server once."""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any
from zlib import crc32

import pytest
from podium import client
from podium.client import backlog, leftovers, segments, session
from podium.client.backlog import Backlog
from podium.client.journal import Journal, Root
from podium.client.parcels import Change, Items, Param, Points, Tag
from podium.client.spool import FIRST_SLOTS, Spool
from podium.client.wire import Batch, decode

from .scripted import Fault, ScriptedServer, refuses

RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "spool", 1 << 30)


def log_points(to: Spool, key: str, steps: range) -> None:
    number = to.key(key)
    for step in steps:
        assert to.point(number, step, step + 1000, step / 7)


def batches(of: Backlog) -> Iterator[Batch | Items | Change]:
    """Everything there is, acknowledged as it comes."""
    of.seal()
    while (parcel := of.peek()) is not None:
        yield decode(parcel.body) if isinstance(parcel, Points) else parcel
        of.acknowledge()


def steps(found: list[Batch | Items | Change], key: str = "loss") -> list[int]:
    return [
        step
        for batch in found
        if isinstance(batch, Batch)
        for series in batch.series
        if series.key == key
        for step in struct.unpack(f"<{len(series)}q", series.steps)
    ]


def fill(segment: segments.Segment, index: int, key: int, step: int) -> None:
    body = segments.pack_body(key, step, 1, 0.5)
    segments.store_slot(segment.map, index * segments.SLOT, crc32(body), body)


def dead(root: Root) -> Backlog:
    """What the writer leaves, as another process finds it: its lock has gone with it."""
    Journal.forget_parent()
    [found] = leftovers.take_over(root, None)
    return found


def test_what_is_logged_comes_out_in_its_order(root: Root) -> None:
    made = Spool(RUN, root)
    made.append(Change("create", {"run_id": RUN}))
    log_points(made, "loss", range(3))
    made.append(Param("lr", "0.1"))
    made.append(Tag("t", "a"))
    log_points(made, "acc", range(2))
    log_points(made, "loss", range(3, 5))
    made.append(Tag("t", "b"))
    made.append(Change("update", {"status": "FINISHED"}))
    log_points(made, "loss", range(5, 6))
    create, items, points, update, late = batches(made)
    assert create == Change("create", {"run_id": RUN})
    assert items == Items((Param("lr", "0.1"),), (Tag("t", "b"),))
    assert isinstance(points, Batch)
    assert {series.key: len(series) for series in points.series} == {"loss": 5, "acc": 2}
    assert steps([points]) == list(range(5))
    assert update == Change("update", {"status": "FINISHED"})
    assert steps([late]) == [5]
    assert not made.waiting
    assert made.waiting_points == 0


def test_every_number_comes_back_bit_for_bit(root: Root) -> None:
    made = Spool(RUN, root)
    odd = struct.unpack("<d", struct.pack("<Q", 0x7FF4_0000_0000_0001))[0]  # a signalling NaN
    values = [0.0, -0.0, 5e-324, float("inf"), float("-inf"), float("nan"), odd, 1.7e308]
    extremes = [-(2**63), -1, 0, 2**63 - 1]
    number = made.key("θ/ é")
    for index, value in enumerate(values):
        made.point(number, extremes[index % 4], 2**62, value)
    [batch] = batches(made)
    assert isinstance(batch, Batch)
    [series] = batch.series
    assert series.key == "θ/ é"
    assert series.values == struct.pack("<8d", *values)
    assert series.steps == struct.pack("<8q", *(extremes * 2))


def test_segments_are_removed_as_they_are_sent(root: Root) -> None:
    made = Spool(RUN, root)
    log_points(made, "loss", range(100_000))
    assert made.waiting_points == 100_000
    assert steps(list(batches(made))) == list(range(100_000))
    assert made.path is not None
    assert len(list(made.path.glob("*.seg"))) == 1
    made.remove()
    assert list(root.path.iterdir()) == []
    log_points(made, "loss", range(3))
    assert steps(list(batches(made))) == [0, 1, 2], "what comes late begins anew"


def test_a_dead_writers_points_keep_their_names(root: Root) -> None:
    """What was shown, and perhaps stored, comes again as the same batch; the rest as others."""
    made = Spool(RUN, root)
    made.append(Tag("a", "b"))
    log_points(made, "loss", range(10))
    made.seal()
    assert isinstance(made.peek(), Items)
    made.acknowledge()
    shown = made.peek()
    assert isinstance(shown, Points)
    body = shown.body
    log_points(made, "loss", range(10, 5000))
    again = list(batches(dead(root)))
    named = [each for each in again if isinstance(each, Batch)]
    assert named[0] == decode(body)
    assert steps(again) == list(range(5000))
    assert [each.sequence for each in named] == list(range(1, len(named) + 1))


def test_halves_keep_their_names_too(root: Root) -> None:
    made = Spool(RUN, root)
    log_points(made, "loss", range(10))
    made.seal()
    whole = made.peek()
    assert whole is not None
    made.replace(whole.split())
    first = made.peek()
    assert isinstance(first, Points)
    body = first.body
    again = [each for each in batches(dead(root)) if isinstance(each, Batch)]
    assert again[0] == decode(body)
    assert [each.points for each in again] == [5, 5]
    assert steps([*again]) == list(range(10))


def test_a_torn_record_is_skipped_and_counted(root: Root) -> None:
    made = Spool(RUN, root)
    log_points(made, "loss", range(10))
    assert made.path is not None
    [segment] = made.path.glob("*.seg")
    with segment.open("r+b") as file:
        content = mmap.mmap(file.fileno(), 0)
        content[9 * segments.SLOT + 20] ^= 1
    again = dead(root)
    assert steps(list(batches(again))) == list(range(9))
    assert again.torn == 1


def test_a_torn_journal_is_read_up_to_the_tear(root: Root) -> None:
    made = Spool(RUN, root)
    log_points(made, "loss", range(10))
    made.append(Param("lr", "0.1"))
    assert made.path is not None
    journal = made.path / "journal"
    journal.write_bytes(journal.read_bytes()[:-3])
    again = list(batches(dead(root)))
    assert steps(again) == list(range(10))
    assert not [each for each in again if isinstance(each, Items)]


def test_a_living_writer_is_left_alone(root: Root) -> None:
    script = f"""
import sys; from pathlib import Path
from podium.client.journal import Root; from podium.client.spool import Spool
made = Spool({RUN!r}, Root(Path({str(root.path)!r}), 1 << 30))
made.point(made.key("loss"), 1, 1, 0.5)
print("on", flush=True); sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "on\n"
    assert list(leftovers.take_over(root, None)) == []
    process.kill()
    process.communicate()
    [found] = leftovers.take_over(root, None)
    assert steps(list(batches(found))) == [1]


def test_what_was_logged_for_another_server_is_left_alone(root: Root) -> None:
    made = Spool(RUN, root, server="http://other")
    log_points(made, "loss", range(3))
    Journal.forget_parent()
    assert list(leftovers.take_over(root, "http://this")) == []
    assert [each.server for each in leftovers.take_over(root, "http://other")] == ["http://other"]


def test_a_hole_is_waited_for_then_passed_and_read_when_it_is_filled(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "_HOLE_SECONDS", 0.05)
    made = Spool(RUN, root)
    log_points(made, "loss", range(2))
    current = made._segment
    hole = next(current.free)  # as a thread does that is then put to sleep
    log_points(made, "loss", range(3, 5))
    assert steps(list(batches(made))) == [0, 1]
    time.sleep(0.1)
    assert steps(list(batches(made))) == [3, 4]
    fill(current, hole, made.key("loss"), 2)
    assert steps(list(batches(made))) == [2]
    assert not made.waiting


def test_threads_lose_nothing_and_share_no_slot(root: Root) -> None:
    made = Spool(RUN, root)
    numbers = [made.key(f"k{n}") for n in range(8)]

    def write(number: int) -> None:
        for step in range(20_000):
            made.point(number, step, 1, 0.5)

    threads = [threading.Thread(target=write, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    found = []
    while any(thread.is_alive() for thread in threads):
        found += list(batches(made))
    found += list(batches(made))
    for n in range(8):
        assert steps(found, f"k{n}") == list(range(20_000))


def test_a_signal_handler_may_log_in_the_middle_of_a_call(root: Root) -> None:
    made = Spool(RUN, root)
    main, other = made.key("loss"), made.key("signal")
    number = count()

    def handler(*_: object) -> None:
        # On a busy machine the next signal comes while this one is handled, and logs first.
        made.point(other, next(number), 1, 0.5)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for step in range(200_000):
            made.point(main, step, 1, 0.5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    found = list(batches(made))
    assert steps(found) == list(range(200_000))
    seen = next(number)
    assert sorted(steps(found, "signal")) == list(range(seen))
    assert seen > 10


@pytest.mark.parametrize("logged", [0, FIRST_SLOTS])
def test_a_signal_handler_may_log_at_any_moment_of_a_change_of_segments(
    logged: int, tmp_path: Path
) -> None:
    """At each instruction in turn, until there is none left; at the first segment, and later."""
    at = 0
    while _interrupted(Root(tmp_path / str(at), 1 << 30), logged, at):
        at += 1
    assert at > 100


def _interrupted(root: Root, logged: int, at: int) -> bool:
    """Log while a handler comes in at this instruction; False when there are not so many."""
    made = Spool(RUN, root)
    main, other = made.key("loss"), made.key("signal")
    for step in range(logged):
        made.point(main, step, 1, 0.5)
    passed = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal passed
        if "podium" not in frame.f_globals["__name__"]:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if passed == at:
                made.point(other, 0, 1, 0.5)
            passed += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        made.point(main, logged, 1, 0.5)
    finally:
        sys.settrace(before)
    last = logged + 2 * FIRST_SLOTS
    for step in range(logged + 1, last):
        made.point(main, step, 1, 0.5)
    found = list(batches(made))
    assert steps(found) == list(range(last)), at
    assert steps(found, "signal") == [0] * (passed > at), at
    assert not made.waiting
    made.remove()
    return passed > at


_TRAINING = """
import mmap, os, sys
from podium import client
count = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 40)
run = client.start_run()
count[8:40] = run.run_id.encode()
client.log_param("lr", 0.1)
for step in range(10_000_000):
    run.log_metric("loss", step / 7, step)
    if step % 5 == 0:
        run.log_metric("accuracy", 0.5, step)
    # As a slice: struct.pack_into writes zeros first, and a kill may find them.
    count[:8] = (step + 1).to_bytes(8, "little")
"""


def test_kill_9_loses_no_call_that_returned(server: ScriptedServer, tmp_path: Path) -> None:
    """A hundred times, at any moment; the next process sends what the killed one did not."""
    chance = random.Random(9)
    environ = {**os.environ, "PODIUM_TRACKING_URI": server.url, "PODIUM_HEARTBEAT": "0"}
    counter = tmp_path / "count"
    returned: dict[str, int] = {}
    for _ in range(100):
        counter.write_bytes(bytes(40))
        process = subprocess.Popen(
            [sys.executable, "-c", _TRAINING, str(counter)], env=environ, stderr=subprocess.PIPE
        )
        while counter.read_bytes()[:8] == bytes(8):
            assert process.poll() is None
            time.sleep(0.002)
        time.sleep(chance.random() * 0.06)
        process.kill()
        process.communicate()
        steps_told, run_id = struct.unpack("<q32s", counter.read_bytes())
        returned[run_id.decode()] = steps_told
    done = subprocess.run(
        [sys.executable, "-m", "podium.registry.cli", "sync"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.state.runs.keys() == returned.keys()
    for run_id, told in returned.items():
        found = server.state.steps(run_id, "loss")
        assert found == list(range(len(found)))
        # The call that was going on when the process died may be there or not.
        assert told <= len(found) <= told + 1
    assert [run["params"] for run in server.state.runs.values()] == [{"lr": "0.1"}] * 100


def test_a_thousand_lost_answers_double_nothing(server: ScriptedServer) -> None:
    lost = 0

    def script(number: int, _method: str, path: str) -> Fault | None:
        nonlocal lost
        if path.endswith("/points") and number % 2 and lost < 1000:
            lost += 1
            return "lose the answer"
        return None

    server.script = script
    client.configure(finish_timeout=300)
    step = 0
    with client.start_run() as run:
        while lost < 1000:
            for _ in range(3):
                run.log_metric("loss", 0.5, step)
                step += 1
            run.flush()
    assert server.state.resent >= 1000
    assert server.state.steps(run.run_id, "loss") == list(range(step))


def test_a_full_disk_costs_a_warning_and_no_point_while_the_server_answers(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_posix_allocate", _no_space)
    with client.start_run() as run:
        for step in range(50_000):
            run.log_metric("loss", 0.5, step)
        run.log_param("lr", 0.1)
    assert server.state.steps(run.run_id, "loss") == list(range(50_000))
    assert server.state.runs[run.run_id]["params"] == {"lr": "0.1"}
    assert "podium.dropped" not in server.state.runs[run.run_id]["tags"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "No space left on device" in caplog.text


def test_a_disk_that_fills_up_in_the_middle(
    server: ScriptedServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A real one, of 600 kB: what was mapped before is not touched by it, no signal ends us."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to mount a small tmpfs: run the tests as root (sudo make test)")
    try:
        session.end()
        monkeypatch.setenv("PODIUM_SPOOL", str(disk))
        client.configure(server.url, finish_timeout=60)
        server.script = lambda *_request: refuses(503)
        run = client.start_run()
        for step in range(100_000):
            run.log_metric("loss", 0.5, step)
        run.log_param("lr", 0.1)
        server.script = lambda *_request: None
        run.end()
        session.current().close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert server.state.steps(run.run_id, "loss") == list(range(100_000))
    assert server.state.runs[run.run_id]["params"] == {"lr": "0.1"}
    assert caplog.text.count("No space left on device") == 1


def _no_space(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def test_a_folder_that_cannot_be_written_costs_a_warning(
    server: ScriptedServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("no folder")
    session.end()
    monkeypatch.setenv("PODIUM_SPOOL", str(tmp_path / "file"))
    client.configure(server.url)
    with client.start_run() as run:
        run.log_metric("loss", 0.5)
    assert server.state.steps(run.run_id, "loss") == [0]
    assert str(tmp_path / "file") in caplog.text


def test_a_finished_run_leaves_nothing_behind(server: ScriptedServer, tmp_path: Path) -> None:
    script = "from podium import client\nclient.log_metric('loss', 0.5)"
    environ = {**os.environ, "PODIUM_TRACKING_URI": server.url}
    subprocess.run([sys.executable, "-c", script], env=environ, check=True)
    assert list((tmp_path / "state" / "podium" / "spool").glob("*")) == []


def test_without_a_server_all_is_kept_and_sent_by_sync(
    server: ScriptedServer, tmp_path: Path
) -> None:
    script = "from podium import client\nfor s in range(500): client.log_metric('loss', 0.5, s)"
    environ = {**os.environ, "PODIUM_SPOOL": str(tmp_path / "kept")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert "podium sync" in done.stderr
    sync = [sys.executable, "-m", "podium.registry.cli", "sync"]
    nobody = subprocess.run(sync, env=environ, capture_output=True, text=True, check=False)
    assert nobody.returncode == 1
    assert "500 points of 1 run wait" in nobody.stdout
    assert "PODIUM_TRACKING_URI" in nobody.stdout
    del environ["PODIUM_SPOOL"]
    environ["PODIUM_TRACKING_URI"] = server.url
    sent = subprocess.run(
        [*sync, str(tmp_path / "kept")], env=environ, capture_output=True, text=True, check=False
    )
    assert sent.returncode == 0, sent.stdout
    [run_id] = server.state.runs
    assert server.state.steps(run_id, "loss") == list(range(500))
    assert server.state.runs[run_id]["status"] == "FINISHED"
    again = subprocess.run(
        [*sync, str(tmp_path / "kept")], env=environ, capture_output=True, text=True, check=True
    )
    assert "nothing waits" in again.stdout


def test_sync_says_what_keeps_it(server: ScriptedServer, root: Root) -> None:
    made = Spool(RUN, root, server=server.url)
    made.append(Change("create", {"run_id": RUN, "experiment_id": "0", "tags": []}))
    log_points(made, "loss", range(3))
    Journal.forget_parent()
    server.script = lambda *_request: refuses(401, "Who are you?")
    said: list[str] = []
    from podium.client.config import Config
    from podium.client.sync import sync

    config = Config(spool=str(root.path), finish_timeout=5)
    assert not sync(config, any_server=False, say=said.append)
    assert "Who are you?" in said[-1]
    assert "3 points still wait" in said[-1]
    other = Config(spool=str(root.path), tracking_uri="http://127.0.0.1:9")
    Journal.forget_parent()
    assert not sync(other, any_server=False, say=said.append)
    assert f"logged for {server.url}" in said[-1]
    server.script = lambda *_request: None
    Journal.forget_parent()
    assert sync(config, any_server=False, say=said.append)
    assert server.state.steps(RUN, "loss") == [0, 1, 2]


def test_the_journal_is_json_behind_length_and_checksum(root: Root) -> None:
    made = Spool(RUN, root)
    made.append(Param("lr", "0.1"))
    assert made.path is not None
    raw = (made.path / "journal").read_bytes()
    length, _ = struct.unpack_from("<II", raw)
    assert json.loads(raw[8 : 8 + length])["podium spool"] == 1
