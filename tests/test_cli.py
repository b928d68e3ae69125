"""The `podium` command, as a process: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .services import free_ports
from .services.podium import PODIUM, environment, podium_up
from .services.postgres import PostgresServer

DEMO = Path(__file__).parents[1] / "examples" / "demo.py"


def podium(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [*PODIUM, *arguments],
        env={**environment(), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refusal(*arguments: str, **environ: str) -> str:
    """The one line a refused command leaves on stderr."""
    done = podium(*arguments, **environ)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stdout == ""
    [line] = done.stderr.strip().splitlines()
    return line


def get(url: str) -> Mapping[str, object]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found


class TestUp:
    def test_it_tells_the_address_and_what_to_type(self, tmp_path: Path) -> None:
        with podium_up(tmp_path / "data") as server:
            ready = get(f"{server.url}/ready")
            shown = server.log.read_text()
            demo = runpy.run_path(str(DEMO))
            assert demo["healthy"](server.url), "`make demo` does not know a server that is ready"
            assert server.stop() == 0
        assert ready == {"database": "ok", "schema": "ok", "artifacts": "ok"}
        snippet = [line.strip() for line in shown.splitlines() if line.startswith("    ")]
        assert snippet == [
            "from podium import client",
            f'client.configure("{server.url}")',
            'client.log_metric("loss", 0.5)',
        ]
        assert "Traceback" not in shown
        assert (tmp_path / "data" / "podium.db").is_file()

    def test_the_snippet_it_prints_works(self, tmp_path: Path) -> None:
        with podium_up(tmp_path / "data") as server:
            lines = server.log.read_text().splitlines()
            snippet = "\n".join(line.strip() for line in lines if line.startswith("    "))
            subprocess.run(
                [sys.executable, "-c", snippet], env=environment(), check=True, timeout=60
            )
            found = urllib.request.Request(
                f"{server.url}/api/2.0/mlflow/runs/search",
                json.dumps({"experiment_ids": ["0"]}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(found, timeout=60) as answer:
                [run] = json.load(answer)["runs"]
        assert [(each["key"], each["value"]) for each in run["data"]["metrics"]] == [("loss", 0.5)]
        assert run["info"]["status"] == "FINISHED"

    def test_everything_is_there_after_a_power_cut(self, tmp_path: Path) -> None:
        with podium_up(tmp_path / "data") as server:
            made = _create_experiment(server.url, "digits")
            server.kill()
        with podium_up(tmp_path / "data") as server:
            found = get(
                f"{server.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=digits"
            )
        assert found["experiment"]["experiment_id"] == made  # type: ignore[index]

    def test_a_taken_port_is_named(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            line = refusal("up", "--port", str(port), "--data", str(tmp_path))
        assert f"127.0.0.1:{port} cannot be listened on" in line
        assert f"--port {port + 1}" in line

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
    def test_it_binds_loopback_only(self, tmp_path: Path, host: str) -> None:
        line = refusal("up", "--host", host, "--data", str(tmp_path))
        assert "P005" in line
        assert f"--host {host}" in line

    @pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8080.0"])
    def test_a_bad_port_is_refused(self, tmp_path: Path, port: str) -> None:
        done = podium("up", f"--port={port}", "--data", str(tmp_path))
        assert done.returncode == 2
        assert f"'{port}' is no port: give a number from 1 to 65535" in done.stderr

    def test_a_data_folder_that_is_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "--data" in refusal("up", "--data", str(tmp_path / "file"))

    def test_a_misspelt_setting_is_refused_with_the_nearest_name(self, tmp_path: Path) -> None:
        line = refusal("up", "--data", str(tmp_path), PODIUM_LOG_LEVL="DEBUG")
        assert "P001" in line
        assert "Did you mean PODIUM_LOG_LEVEL?" in line

    def test_the_links_kubernetes_makes_are_no_settings(self, tmp_path: Path) -> None:
        links = {
            "PODIUM_SERVICE_HOST": "10.0.0.11",
            "PODIUM_SERVICE_PORT": "80",
            "PODIUM_PORT": "tcp://10.0.0.11:80",
            "PODIUM_PORT_80_TCP": "tcp://10.0.0.11:80",
            "PODIUM_PORT_80_TCP_ADDR": "10.0.0.11",
        }
        with podium_up(tmp_path / "data", environ=links) as server:
            assert get(f"{server.url}/ready")["database"] == "ok"

    def test_a_schema_of_a_newer_version_is_left_alone(self, tmp_path: Path) -> None:
        with podium_up(tmp_path) as server:
            server.stop()
        with sqlite3.connect(tmp_path / "podium.db") as database:
            database.execute("UPDATE tracker_version SET version_num = '9999'")
        database.close()
        line = refusal("up", "--data", str(tmp_path))
        assert "P003" in line
        assert "newer" in line

    def test_an_artifact_folder_that_cannot_be_used_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        line = refusal("up", "--data", str(tmp_path), "--artifacts", str(tmp_path / "file"))
        assert "P004" in line

    def test_requests_are_logged_as_json_with_an_id(self, tmp_path: Path) -> None:
        with podium_up(tmp_path / "data") as server:
            request = urllib.request.Request(
                f"{server.url}/version", headers={"X-Request-Id": "the-one-i-sent"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.headers["X-Request-Id"] == "the-one-i-sent"
            server.stop()
            logged = [json.loads(x) for x in server.log.read_text().splitlines() if x[:1] == "{"]
        [line] = [each for each in logged if each.get("path") == "/version"]
        assert line["request_id"] == "the-one-i-sent"
        assert line["status"] == 200


class TestServer:
    def test_it_says_what_is_not_set(self, tmp_path: Path) -> None:
        assert "PODIUM_DATABASE_URL is not set" in refusal("server")
        assert "PODIUM_ARTIFACTS is not set" in refusal(
            "server", PODIUM_DATABASE_URL=f"sqlite:///{tmp_path}/x.db"
        )

    def test_an_empty_database_is_refused_with_what_to_type(
        self, postgres: PostgresServer, tmp_path: Path
    ) -> None:
        line = refusal(
            "server",
            PODIUM_DATABASE_URL=postgres.create_database("cli_empty"),
            PODIUM_ARTIFACTS=str(tmp_path),
        )
        assert "P003" in line
        assert "podium db upgrade" in line

    def test_a_database_that_does_not_answer_is_named_without_its_password(
        self, tmp_path: Path
    ) -> None:
        [port] = free_ports(1)
        line = refusal(
            "server",
            PODIUM_DATABASE_URL=f"postgresql://ada:hunter2@127.0.0.1:{port}/podium",
            PODIUM_ARTIFACTS=str(tmp_path),
        )
        assert "P002" in line
        assert f"127.0.0.1:{port}" in line
        assert "hunter2" not in line

    def test_several_processes_serve_one_postgresql(
        self, postgres: PostgresServer, tmp_path: Path
    ) -> None:
        [port] = free_ports(1)
        settings = {
            "PODIUM_DATABASE_URL": postgres.create_database("cli_server"),
            "PODIUM_ARTIFACTS": str(tmp_path / "artifacts"),
            "PODIUM_WORKERS": "2",
        }
        assert podium("db", "upgrade", **settings).returncode == 0
        log = tmp_path / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*PODIUM, "server", "--port", str(port)],
                env={**environment(), **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            for number in range(8):
                _create_experiment(url, f"experiment-{number}")
            with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
                exposed = answer.read().decode()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        counted = re.findall(
            r"^podium_http_request_seconds_count\{[^}]*experiments/create[^}]*\} (\S+)",
            exposed,
            re.M,
        )
        assert sum(map(float, counted)) == 8
        [waited] = re.findall(r"^podium_http_wait_seconds_count (\S+)", exposed, re.M)
        assert float(waited) >= 8, "each of all processes waited for a thread, be it for no time"


class TestDatabase:
    def test_many_upgrades_at_once_are_one(self, postgres: PostgresServer) -> None:
        url = postgres.create_database("cli_upgrade")
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: podium("db", "upgrade", "--database", url), range(4)))
        assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
        assert sum("is now at" in each.stdout for each in done) == 1
        assert sum("already" in each.stdout for each in done) == 3

    def test_a_url_of_another_kind_is_refused(self) -> None:
        assert "PODIUM_DATABASE_URL" in refusal("db", "upgrade", "--database", "mysql://x/y")


class TestWorker:
    def test_it_does_every_job_once(self, database_url: str, tmp_path: Path) -> None:
        done = podium(
            "worker",
            "--once",
            PODIUM_DATABASE_URL=database_url,
            PODIUM_ARTIFACTS=str(tmp_path / "artifacts"),
        )
        assert done.returncode == 0, done.stderr


def test_help_lists_the_commands() -> None:
    shown = podium("--help").stdout
    for command in ("up", "server", "worker", "db", "storage", "launch"):
        assert re.search(rf"^\s+{command}\s+\w", shown, re.M), command


def test_the_version_is_the_package_s() -> None:
    from podium.client.version import __version__

    assert podium("--version").stdout.strip() == f"podium {__version__}"


def _create_experiment(url: str, name: str) -> str:
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/experiments/create",
        json.dumps({"name": name}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["experiment_id"])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            get(f"{url}/ready")
        except OSError:
            assert process.poll() is None, log.read_text()
            try:
                process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
        return
    raise AssertionError(log.read_text())
