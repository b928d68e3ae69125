"""Many processes log to one run: forked, spawned, killed, in threads. None hangs, none loses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .scripted import ScriptedServer

ROUNDS, WORKERS, STEPS = 25, 8, 20

_RANKS = f"""
import multiprocessing, os, sys, threading
from podium import client

ROUNDS, WORKERS, STEPS = {ROUNDS}, {WORKERS}, {STEPS}

def work(number):
    for step in range(STEPS):
        client.log_metric(f"w{{number}}", step, step)
    client.log_param(f"p{{number}}", number)

def in_threads(first):
    threads = [threading.Thread(target=work, args=(first + k,)) for k in range(WORKERS)]
    for thread in threads:
        thread.start()
    return threads

if __name__ == "__main__":
    run = client.start_run()
    os.environ["PODIUM_RUN_ID"] = run.run_id
    stop, parent = threading.Event(), [0]

    def go_on():
        while not stop.is_set():
            run.log_metric("parent", parent[0], parent[0])
            parent[0] += 1
            stop.wait(0.0005)

    beside = threading.Thread(target=go_on)
    beside.start()
    for number in range(ROUNDS):
        if sys.argv[1] == "threads":
            workers = in_threads(number * WORKERS)
        else:
            context = multiprocessing.get_context(sys.argv[1])
            context.set_forkserver_preload(["podium.client"])
            workers = [
                context.Process(target=work, args=(number * WORKERS + k,)) for k in range(WORKERS)
            ]
            for worker in workers:
                worker.start()
        for worker in workers:
            worker.join(60)
            assert not worker.is_alive(), "a worker hangs"
            assert getattr(worker, "exitcode", 0) == 0
    stop.set()
    beside.join()
    print(run.run_id, parent[0])
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn", "threads"])
def test_two_hundred_workers_of_one_run(
    server: ScriptedServer, tmp_path: Path, method: str
) -> None:
    output = _python(_RANKS, server, tmp_path, method)
    run_id, parent = output.split()
    assert list(server.state.runs) == [run_id]
    assert server.state.steps(run_id, "parent") == list(range(int(parent)))
    for number in range(ROUNDS * WORKERS):
        assert server.state.steps(run_id, f"w{number}") == list(range(STEPS)), number
    params = server.state.runs[run_id]["params"]
    assert params == {f"p{number}": str(number) for number in range(ROUNDS * WORKERS)}


_LOADER = """
import ctypes, multiprocessing, os, signal
from podium import client

def load(number, count):
    step = 0
    while True:
        client.log_metric(f"loader {number}", step, step)
        step += 1
        count.value = step

run = client.start_run()
context = multiprocessing.get_context("fork")
told = []
for number in range(200):
    count = context.Value(ctypes.c_int64, 0, lock=False)
    worker = context.Process(target=load, args=(number, count), daemon=True)
    worker.start()
    step = 0
    while count.value < 20:
        run.log_metric("train", step, step)
        step += 1
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)
    assert not worker.is_alive()
    told.append(count.value)
client.end_run()
print(run.run_id, *told)
"""


@pytest.mark.timeout(300)
def test_what_a_killed_data_loader_has_logged_its_parent_sends(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """PyTorch's workers are forked, log beside the training, and are killed when it is done."""
    run_id, *told = _python(_LOADER, server, tmp_path).split()
    assert len(told) == 200
    for number, count in enumerate(told):
        steps = server.state.steps(run_id, f"loader {number}")
        assert steps == list(range(len(steps)))
        assert int(count) <= len(steps) <= int(count) + 1
    assert list((tmp_path / "state" / "podium" / "spool").glob("*")) == []


def _python(script: str, server: ScriptedServer, folder: Path, *arguments: str) -> str:
    path = folder / "script.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        env={**os.environ, "PODIUM_TRACKING_URI": server.url, "PODIUM_FINISH_TIMEOUT": "120"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
