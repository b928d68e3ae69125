"""The builder of the cluster's programs, with a ``go`` that only writes down that it was called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import build, processes

# It is at work for as long as there is a file ``hold``.
_GO = """#!/bin/sh
echo "$@" >> {folder}/log
while [ "$1" != -o ]; do shift; done
while [ -e {folder}/hold ]; do sleep 0.02; done
echo built > "$2"
"""
_TREE = Path(__file__).parents[2]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"XDG_CACHE_HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}


def _start(
    tmp_path: Path, environ: dict[str, str], what: str = "kubernetes"
) -> subprocess.Popen[bytes]:
    go = tmp_path / "go"
    if not go.exists():
        go.write_text(_GO.format(folder=tmp_path))
        go.chmod(0o755)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.build", what],
        cwd=_TREE,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_two_at_once_build_once(tmp_path: Path, environ: dict[str, str]) -> None:
    both = [_start(tmp_path, environ) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    assert _start(tmp_path, environ).wait(60) == 0
    programs = sum(len(tool.programs) for tool in build.EVERY)
    assert len((tmp_path / "log").read_text().splitlines()) == programs


def test_operators_are_built_when_they_are_asked_for(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    assert _start(tmp_path, environ, "operators").wait(60) == 0
    built = {line.rpartition(" ")[2] for line in (tmp_path / "log").read_text().splitlines()}
    assert built == {each for tool in build.OPERATORS for each in tool.programs.values()}
    assert not built & {each for tool in build.EVERY for each in tool.programs.values()}


def test_an_interrupted_build_leaves_nothing_half_built(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    process = _start(tmp_path, environ)
    processes.wait_for("the build has begun", (tmp_path / "log").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    cache = tmp_path / "podium" / "cluster"
    assert [path for path in cache.glob("*-*") if path.suffix != ".unfinished"] == []
    hold.unlink()
    assert _start(tmp_path, environ).wait(60) == 0


def test_without_go_it_says_how_to_install_it(tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster.build", "kubernetes"],
        cwd=_TREE,
        env=environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == build.INSTALL


def test_a_process_of_the_tests_dies_with_them(tmp_path: Path) -> None:
    script = (
        "import time; from pathlib import Path; from tests.cluster import processes; "
        f"print(processes.start(['sleep', '60'], Path({str(tmp_path / 'log')!r})).pid, flush=True);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=_TREE, stdout=subprocess.PIPE)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    time.sleep(0.2)  # until it has become sleep
    parent.kill()
    parent.wait()
    parent.stdout.close()
    processes.wait_for("the process is gone", lambda: not _lives(pid), 10)


def _lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
