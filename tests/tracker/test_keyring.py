"""Secrets at rest: encrypted with the newest key, read with any, renewed without a restart."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from podium.client.errors import ConfigError, NotSupported, PodiumError
from podium.tracker.keyring import Keyring, make_key_file, parse_keys

from ..keys import new_key


def test_what_is_encrypted_is_read_and_shows_nothing() -> None:
    keyring = Keyring([new_key()])
    token = keyring.encrypt("whsec_x")
    assert "whsec" not in token
    assert keyring.decrypt(token) == "whsec_x"
    assert keyring.encrypt("whsec_x") != token


def test_the_newest_key_encrypts_and_every_key_reads() -> None:
    old, new = new_key(), new_key()
    token = Keyring([old]).encrypt("secret")
    both = Keyring([new, old])
    assert both.decrypt(token) == "secret"
    renewed = both.renewed(token)
    assert renewed
    assert Keyring([new]).decrypt(renewed) == "secret"
    assert both.renewed(renewed) is None


def test_a_secret_whose_key_is_gone_says_so_without_showing_it() -> None:
    token = Keyring([new_key()]).encrypt("secret")
    with pytest.raises(PodiumError, match="PODIUM_SECRET_KEYS") as caught:
        Keyring([new_key()]).decrypt(token)
    assert token not in caught.value.message


def test_without_a_key_no_secret_is_kept() -> None:
    with pytest.raises(NotSupported, match="openssl rand"):
        Keyring().encrypt("secret")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    make_key_file(file)
    keyring = Keyring(file=file)
    token = keyring.encrypt("secret")
    newest = new_key()
    file.write_text(f"{newest}\n{file.read_text()}")
    assert keyring.keys()[0] == newest
    assert keyring.renewed(token)
    file.write_text("nonsense")
    with pytest.raises(ConfigError, match="Key 1 of PODIUM_SECRET_KEYS_FILE"):
        keyring.keys()
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        keyring.keys()


def test_a_key_file_is_for_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    threads = [threading.Thread(target=make_key_file, args=(file,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [key] = Keyring(file=file).keys()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    make_key_file(file)
    assert Keyring(file=file).keys() == (key,)
    assert os.listdir(tmp_path) == ["secret.keys"]


@pytest.mark.parametrize("key", ["", "short", "x" * 44, "é" * 44])
def test_what_is_no_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="Key 2 of PODIUM_SECRET_KEYS ") as caught:
        parse_keys([new_key(), key], "PODIUM_SECRET_KEYS")
    assert not key or key not in caught.value.message
