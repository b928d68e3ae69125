"""Settings: every one documented, every mistake named with its fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from podium.client.config import SERVER_SETTINGS
from podium.client.config import SETTINGS as CLIENT_SETTINGS
from podium.client.errors import ConfigError
from podium.tracker.config import SETTINGS, from_environment

from ..keys import new_key

_KEY = new_key()
_SERVER = {"PODIUM_DATABASE_URL": "postgresql://db/podium", "PODIUM_ARTIFACTS": "s3://models"}


def test_it_works() -> None:
    config = from_environment({**_SERVER, "PODIUM_WORKERS": "3", "PODIUM_LOG_LEVEL": "debug"})
    assert config.database_url == "postgresql://db/podium"
    assert config.artifacts == "s3://models"
    assert (config.workers, config.threads, config.log_level) == (3, 8, "DEBUG")


def test_keys_and_networks_are_read_and_keys_not_shown() -> None:
    more = {"PODIUM_SECRET_KEYS": f"{_KEY}, {new_key()}", "PODIUM_WEBHOOK_ALLOW": "10.0.0.0/8, ::1"}
    config = from_environment({**_SERVER, **more})
    assert config.secret_keys[0] == _KEY
    assert [str(network) for network in config.webhook_allow] == ["10.0.0.0/8", "::1/128"]
    assert _KEY not in repr(config)


def test_a_laptop_needs_no_settings(tmp_path: Path) -> None:
    config = from_environment({}, data=tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path}/podium.db"
    assert config.artifacts == str(tmp_path / "artifacts")
    assert config.secret_keys_file == tmp_path / "secret.keys"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"PODIUM_DATABASE_URL": ""}, "PODIUM_DATABASE_URL is not set"),
        ({"PODIUM_ARTIFACTS": ""}, "PODIUM_ARTIFACTS is not set"),
        ({"PODIUM_WORKERS": "many"}, "PODIUM_WORKERS='many' must be a whole number"),
        ({"PODIUM_WORKERS": "0"}, "between 1 and 64"),
        ({"PODIUM_THREADS": "-1"}, "PODIUM_THREADS"),
        ({"PODIUM_LOG_LEVEL": "loud"}, "must be one of DEBUG"),
        ({"PODIUM_DATABSE_URL": "x"}, "Did you mean PODIUM_DATABASE_URL"),
        ({"PODIUM_TRACKNG_URI": "x"}, "Did you mean PODIUM_TRACKING_URI"),
        ({"PODIUM_QZ": "x"}, "docs/configuration.md"),
        ({"PODIUM_SECRET_KEYS": "short"}, "Key 1 of PODIUM_SECRET_KEYS"),
        ({"PODIUM_SECRET_KEYS": _KEY, "PODIUM_SECRET_KEYS_FILE": "/x"}, "both set"),
        ({"PODIUM_WEBHOOK_ALLOW": "10.0.0.1/8"}, "PODIUM_WEBHOOK_ALLOW"),
    ],
)
def test_a_mistake_is_named_with_its_fix(changes: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        from_environment({**_SERVER, **changes})


@pytest.mark.parametrize(
    "name",
    [
        "PODIUM_SERVICE_HOST",
        "PODIUM_SERVICE_PORT",
        "PODIUM_SERVICE_PORT_HTTP",
        "PODIUM_PORT",
        "PODIUM_PORT_5080_TCP",
        "PODIUM_PORT_5080_TCP_PROTO",
        "PODIUM_WEB_SERVICE_HOST",
        "PODIUM_WEB_PORT_80_TCP_ADDR",
    ],
)
def test_what_kubernetes_sets_beside_a_service_is_no_setting(name: str) -> None:
    from_environment({**_SERVER, name: "tcp://10.0.0.1:5080"})


def test_the_client_s_settings_are_no_mistake_on_a_server() -> None:
    from_environment({**_SERVER, **dict.fromkeys(CLIENT_SETTINGS, "x")})


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    for name in (*SETTINGS, *CLIENT_SETTINGS):
        assert f"`{name}`" in text


def test_the_client_knows_every_setting_of_the_server() -> None:
    """What it does not know, both refuse as a slip of the pen."""
    assert set(SERVER_SETTINGS) == set(SETTINGS)
