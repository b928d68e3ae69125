"""The start matrix: where a server binds, whether it asks who people are, and what is amiss."""

from __future__ import annotations

from pathlib import Path

import pytest
from podium.client.errors import ConfigError
from podium.tracker.checks import check_start, read_config
from podium.tracker.schema_history import TRACKER

from ..keys import new_key

HERE = ["127.0.0.1", "127.0.0.2", "::1", "localhost"]
ELSEWHERE = ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "podium.example.org", "127.0.0.1.nip.io"]
ODD = ["", "0", "127.1", "2130706433", "::ffff:0.0.0.0"]  # what a resolver might make of it counts


def start(tmp_path: Path, host: str, **settings: str) -> None:
    config = read_config({"PODIUM_SECRET_KEYS": new_key(), **settings}, data=tmp_path)
    (tmp_path / "artifacts").mkdir(exist_ok=True)
    check_start(config, [TRACKER], host=host, migrate=True)


@pytest.mark.parametrize("host", HERE)
@pytest.mark.parametrize("auth", ["off", "required"])
def test_on_this_machine_it_starts_either_way(tmp_path: Path, host: str, auth: str) -> None:
    start(tmp_path, host, PODIUM_AUTH=auth)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_for_others_it_starts_if_it_asks_who_they_are(tmp_path: Path, host: str) -> None:
    start(tmp_path, host, PODIUM_AUTH="required")


@pytest.mark.parametrize("host", [*ELSEWHERE, *ODD])
def test_for_others_it_does_not_start_unasked(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match=r"^P005: .*PODIUM_AUTH=required"):
        start(tmp_path, host, PODIUM_AUTH="off")
    assert not (tmp_path / "podium.db").exists(), "it was refused before anything was made"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PODIUM_AUHT": "required"}, "P001: .*PODIUM_AUTH"),
        ({"PODIUM_AUTH": "maybe"}, "P001: PODIUM_AUTH"),
        ({"PODIUM_SECRET_KEYS": "hunter2"}, "P001: .*PODIUM_SECRET_KEYS"),
        (
            {
                "PODIUM_OIDC_ISSUER": "http://idp.example.org",
                "PODIUM_OIDC_CLIENT_ID": "podium",
                "PODIUM_OIDC_CLIENT_SECRET": "x",
            },
            "P00[17]: .*https://",
        ),
        ({"PODIUM_DATABASE_URL": "mysql://db/podium"}, "P00[12]: .*postgresql"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_dangerous_setting_stops_it_in_one_line(
    tmp_path: Path, settings: dict[str, str], says: str, host: str
) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        start(tmp_path, host, **{"PODIUM_AUTH": "required", **settings})
    assert "\n" not in refused.value.message
