"""A server on loopback is reached by every page a browser shows: only its own may change things."""

from __future__ import annotations

import pytest
from flask import Flask
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database
from werkzeug.test import TestResponse

CREATE = "/api/2.0/mlflow/runs/create"
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture
def app(sqlite_url: str, store: ArtifactStore) -> Flask:
    return make(sqlite_url, store, Config(database_url=sqlite_url, artifacts="unused"))


def make(sqlite_url: str, store: ArtifactStore, config: Config) -> Flask:
    return create_app(config, db=Database(sqlite_url, pool_size=1), store=store)


def create(app: Flask, **headers: str) -> TestResponse:
    """A change that is allowed unless the headers say it is a strange page's."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().post(CREATE, json={"experiment_id": "0"}, headers=named)


class TestHost:
    """DNS rebinding: a page's own name, made to resolve to 127.0.0.1, is the browser's Host."""

    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST:5080", "127.0.0.1", "127.0.0.1:8000", "[::1]:5080", "[::1]"],
    )
    def test_the_names_of_this_machine(self, app: Flask, host: str) -> None:
        assert create(app, Host=host).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "localhost.evil.example:5080",
            "localhost@evil.example",
            "evil.example:5080@localhost",
            "127.0.0.1.nip.io",
            "0.0.0.0:5080",
            "192.168.0.7",
            "localhost:port",
            "[::1",
            "local host",
            "",
        ],
    )
    def test_any_other_name_reads_and_writes_nothing(self, app: Flask, host: str) -> None:
        for answer in (
            create(app, Host=host),
            app.test_client().get(SEARCH, headers={"Host": host}),
        ):
            assert answer.status_code in (400, 403), host
            assert answer.json is not None
            assert set(answer.json) == {"error_code", "message"}

    def test_a_probe_may_come_by_address(self, app: Flask) -> None:
        """Kubernetes asks by the pod's address; what is public has no secret to steal."""
        answer = app.test_client().get("/health", headers={"Host": "10.0.0.7:5080"})
        assert (answer.status_code, answer.text) == (200, "OK")

    def test_the_refusal_says_what_to_do(self, app: Flask) -> None:
        answer = create(app, Host="evil.example")
        assert answer.json == {
            "error_code": "PERMISSION_DENIED",
            "message": "This server does not go by the name 'evil.example'. Use one of localhost, "
            "127.0.0.1, ::1, or add the name to PODIUM_ALLOWED_HOSTS.",
        }

    def test_a_server_may_be_given_names(self, sqlite_url: str, store: ArtifactStore) -> None:
        config = Config("", "", allowed_hosts=("podium.example",))
        app = make(sqlite_url, store, config)
        assert create(app, Host="podium.example:443").status_code == 200
        assert create(app, Host="Podium.Example").status_code == 200
        assert create(app, Host="localhost").status_code == 403


class TestOrigin:
    """CSRF: what a browser says of the page that asks."""

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "http://localhost"},
            {"Origin": "http://localhost", "Sec_Fetch_Site": "same-origin"},
            {"Sec_Fetch_Site": "none"},
            {"Origin": "https://localhost"},  # TLS ends at a proxy
        ],
    )
    def test_our_own_pages_and_programs(self, app: Flask, headers: dict[str, str]) -> None:
        assert create(app, **headers).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": ""},
            {"Origin": "http://localhost:3000"},
            {"Origin": "http://localhost.evil.example"},
            {"Origin": "http://localhost@evil.example"},
            {"Origin": "http://[::1"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Origin": "http://localhost", "Sec_Fetch_Site": "cross-site"},
        ],
    )
    def test_a_page_of_another_site(self, app: Flask, headers: dict[str, str]) -> None:
        answer = create(app, **headers)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error_code"]) == (403, "PERMISSION_DENIED")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_whatever_changes_something_is_guarded(self, app: Flask, method: str) -> None:
        answer = app.test_client().open(
            "/api/2.0/mlflow-artifacts/artifacts/0/a",
            method=method,
            headers={"Origin": "http://evil.example"},
        )
        assert answer.status_code == 403

    def test_reading_is_left_to_the_browsers_own_rule(self, app: Flask) -> None:
        answer = app.test_client().get(SEARCH, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers
