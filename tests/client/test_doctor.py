"""podium doctor: each trouble is found, and said with what to do."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from podium.client.doctor import Finding, examine

from . import scripted
from .scripted import ScriptedServer, refuses


def findings(**environ: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(environ)}


@pytest.fixture
def settings(server: ScriptedServer, tmp_path: Path) -> dict[str, str]:
    server.script = lambda _number, _method, path: (
        (200, {"Content-Type": "text/plain"}, b"0.1.0") if path == "/version" else None
    )
    return {"PODIUM_TRACKING_URI": server.url, "PODIUM_SPOOL": str(tmp_path / "spool")}


def test_all_is_well(settings: dict[str, str]) -> None:
    found = findings(**settings)
    assert [finding.text for finding in found.values() if not finding.well] == []
    assert set(found) == {"settings", "spool", "proxy", "server", "clock", "token", "storage"}


def test_a_misspelt_setting_is_all_that_is_said() -> None:
    [finding] = examine({"PODIUM_TRACKING_URL": "http://x"})
    assert not finding.well
    assert "PODIUM_TRACKING_URI" in finding.text


def test_no_server_is_named(tmp_path: Path) -> None:
    found = findings(PODIUM_SPOOL=str(tmp_path / "spool"))
    assert not found["server"].well
    assert "podium up" in found["server"].text


def test_nobody_listens(settings: dict[str, str]) -> None:
    found = findings(**{**settings, "PODIUM_TRACKING_URI": "http://127.0.0.1:9"})
    assert not found["server"].well
    assert "cannot be reached" in found["server"].text
    assert "token" not in found


def test_another_server(server: ScriptedServer, settings: dict[str, str]) -> None:
    server.script = lambda *_request: (200, {}, b"<html>welcome")
    found = findings(**settings)
    assert "no Podium server" in found["server"].text


def test_a_refused_token(server: ScriptedServer, settings: dict[str, str]) -> None:
    version = server.script

    def script(number: int, method: str, path: str) -> object:
        return version(number, method, path) or refuses(401, "Who are you?")

    server.script = script  # type: ignore[assignment]
    found = findings(**settings)
    assert not found["token"].well
    assert "Who are you? Set PODIUM_TRACKING_TOKEN" in found["token"].text


def test_a_clock_that_is_wrong(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    slow = formatdate(time.time() - 600, usegmt=True)
    monkeypatch.setattr(scripted._Handler, "date_time_string", lambda _self: slow)
    found = findings(**settings)
    assert not found["clock"].well
    assert "s ahead of the server" in found["clock"].text


def test_a_server_without_its_storage(server: ScriptedServer, settings: dict[str, str]) -> None:
    version = server.script
    reason = json.dumps({"artifacts": "the bucket is gone"}).encode()

    def script(number: int, method: str, path: str) -> object:
        return (503, {}, reason) if path == "/ready" else version(number, method, path)

    server.script = script  # type: ignore[assignment]
    found = findings(**settings)
    assert not found["storage"].well
    assert "the bucket is gone" in found["storage"].text


def test_a_spool_that_cannot_be_written(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = findings(**{**settings, "PODIUM_SPOOL": str(tmp_path / "file")})
    assert not found["spool"].well
    assert "Set PODIUM_SPOOL" in found["spool"].text


def test_a_proxy_before_this_machine(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    found = findings(**settings)
    assert not found["proxy"].well
    assert "NO_PROXY" in found["proxy"].text
