"""Scripts of their own: how they end, what their children do, what importing costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .scripted import ScriptedServer, refuses

ROOT = Path(__file__).parents[2]


def _start(
    script: str, server: ScriptedServer, cwd: Path | None = None, *, timeout: str = "120"
) -> subprocess.Popen[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PODIUM_", "MLFLOW_"))
    }
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={
            **clean,
            "PODIUM_TRACKING_URI": server.url,
            "PODIUM_FINISH_TIMEOUT": timeout,
        },
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(script: str, server: ScriptedServer, *, timeout: str = "120") -> tuple[int, str, str]:
    process = _start(script, server, timeout=timeout)
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors


def _only_run(server: ScriptedServer) -> str:
    [run_id] = server.state.runs
    return run_id


_LOG_AND = """
from podium import client
run = client.start_run()
for step in range(5000):
    client.log_metric("loss", 0.5, step)
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", "FINISHED"),
        ("raise RuntimeError('spoilt')", "FAILED"),
        ("raise KeyboardInterrupt", "KILLED"),
    ],
)
def test_the_end_of_the_script_ends_the_run(
    server: ScriptedServer, ending: str, status: str
) -> None:
    found, _output, errors = _run(_LOG_AND + ending, server)
    assert (found == 0) is (status == "FINISHED"), errors
    run_id = _only_run(server)
    assert server.state.steps(run_id, "loss") == list(range(5000))
    assert server.state.runs[run_id]["status"] == status


def test_the_end_of_the_script_waits_no_longer_than_it_may(server: ScriptedServer) -> None:
    server.script = lambda *_request: refuses(503)
    began = time.monotonic()
    found, _output, errors = _run(_LOG_AND, server, timeout="0.5")
    assert found == 0
    assert time.monotonic() - began < 25, "30 by itself"
    assert "5000 points did not reach" in errors
    assert "podium sync" in errors
    server.script = lambda *_request: None
    found, _output, errors = _run("from podium import client; client.start_run()", server)
    assert (found, errors) == (0, "")
    logged = [server.state.steps(run_id, "loss") for run_id in server.state.runs]
    assert sorted(logged) == [[], list(range(5000))], "the next run sent them"


def _wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


def test_sigterm_ends_the_run_killed(server: ScriptedServer) -> None:
    process = _start(_LOG_AND + "import time; print('on', flush=True); time.sleep(600)", server)
    _wait_for(process, "on")
    process.terminate()
    process.communicate(timeout=200)
    assert process.returncode == -signal.SIGTERM
    run_id = _only_run(server)
    assert server.state.steps(run_id, "loss") == list(range(5000))
    assert server.state.runs[run_id]["status"] == "KILLED"


def test_sigterm_still_reaches_the_handler_that_was_there(server: ScriptedServer) -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('mine', flush=True), sys.exit(7)))\n"
        + _LOG_AND
        + "print('on', flush=True)\ntime.sleep(600)"
    )
    process = _start(script, server)
    _wait_for(process, "on")
    process.terminate()
    output, _errors = process.communicate(timeout=200)
    assert (process.returncode, output) == (7, "mine\n")
    assert server.state.runs[_only_run(server)]["status"] == "KILLED"


_HANDLERS = """
import signal
from podium import client
before = signal.getsignal(signal.SIGTERM)
with client.start_run():
    assert signal.getsignal(signal.SIGTERM) != before
    with client.start_run(nested=True):
        pass
    assert signal.getsignal(signal.SIGTERM) != before
assert signal.getsignal(signal.SIGTERM) == before
"""


def test_sigterm_is_given_back_with_the_last_run(server: ScriptedServer) -> None:
    status, _, errors = _run(_HANDLERS, server)
    assert status == 0, errors


_FORK = """
import multiprocessing, sys
from podium import client

def work(name):
    for step in range(500):
        client.log_metric(name, step, step)
    client.log_text(name, name + ".txt")

run = client.start_run()
for step in range(5000):
    client.log_metric("parent", 0.5, step)
context = multiprocessing.get_context("fork")
workers = [context.Process(target=work, args=(f"w{n}",)) for n in range(3)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join(100)
assert [worker.exitcode for worker in workers] == [0, 0, 0], workers
"""


def test_forked_workers_log_their_own_and_nothing_twice(server: ScriptedServer) -> None:
    found, _output, errors = _run(_FORK, server)
    assert found == 0, errors
    run_id = _only_run(server)
    assert server.state.steps(run_id, "parent") == list(range(5000))
    for n in range(3):
        assert server.state.steps(run_id, f"w{n}") == list(range(500))
        assert server.state.files[f"7/{run_id}/artifacts/w{n}.txt"] == f"w{n}".encode()
    assert server.state.runs[run_id]["status"] == "FINISHED"
    ended = [each for each in server.state.requests if each.endswith("/runs/update")]
    assert len(ended) == 1, "only who began the run ends it"


def test_a_fork_inside_with_does_not_end_the_run(server: ScriptedServer) -> None:
    script = """
import os, sys
from podium import client
with client.start_run():
    client.log_metric("loss", 1.0, 0)
    child = os.fork()
    if child == 0:
        sys.exit(0)  # leaves the with block in the child
    os.waitpid(child, 0)
    print(len(client.active_run().run_id))
    client.flush()
    client.log_metric("loss", 1.0, 1)
"""
    found, output, errors = _run(script, server)
    assert (found, output) == (0, "32\n"), errors
    run_id = _only_run(server)
    assert server.state.steps(run_id, "loss") == [0, 1]
    assert len([each for each in server.state.requests if each.endswith("/runs/update")]) == 1


def test_a_worker_that_logs_nothing_says_nothing_and_ends_at_once(server: ScriptedServer) -> None:
    server.script = lambda *_request: "hang"
    script = """
import multiprocessing, time
from podium import client
client.start_run()
for step in range(100_000):
    client.log_metric("loss", 0.5, step)
worker = multiprocessing.get_context("fork").Process(target=int)
began = time.monotonic()
worker.start()
worker.join()
assert time.monotonic() - began < 20
"""
    found, _output, errors = _run(script, server, timeout="0")
    assert found == 0, errors
    assert errors.count("did not reach") == 1


def test_the_end_of_a_process_without_a_session_begins_none() -> None:
    """Whatever the settings have become by then, there is nothing to end and nothing to say."""
    script = (
        "import os; from podium.client import lifecycle; lifecycle.install();"
        "os.environ['MLFLOW_TRACKING_URI'] = 'sqlite:///mlflow.db'"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_bare_folder_can_be_imported(server: ScriptedServer) -> None:
    script = "import client; print(client.__file__); client.log_metric('loss', 0.5)"
    process = _start(script, server, ROOT)
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert Path(output.strip()) == ROOT / "client" / "__init__.py"
    assert server.state.steps(_only_run(server), "loss") == [0]


def test_the_standard_library_is_all_it_needs() -> None:
    script = (
        "import sys; sys.path.insert(0, '.'); import client, client.uploads, client.transport\n"
        "found = {name.split('.')[0] for name in sys.modules} - {'__main__'}\n"
        "print(sorted(found - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "['client']\n"


def test_what_is_never_asked_is_never_imported() -> None:
    script = (
        "import sys; from podium import client; client.log_metric; "
        "ours = ('stages', 'launching', 'model_files', 'transport'); "
        "theirs = ('ssl', 'http', 'email', 'socket', 'subprocess', 'asyncio', 'urllib3'); "
        "late = {*theirs, *(f'podium.client.{n}' for n in ours)} & set(sys.modules); "
        "assert not late, late; "
        "missing = [n for n in client.__all__ if not hasattr(client, n)]; "
        "assert not missing, missing; "
        "assert client.promote.__module__ == 'podium.client.stages'"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
