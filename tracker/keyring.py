"""Secrets at rest: what the database holds of them is of no use without a key, held elsewhere.

The keys are Fernet's (https://github.com/fernet/spec), 32 random bytes in base64. The newest
comes first: it encrypts, and any of them decrypts. A file of keys is read again when it changes, so
that a key can be added, and the old one taken out after a while, without a restart.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from podium.client.errors import ConfigError, NotSupported, PodiumError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_HOW_TO_MAKE_ONE = "To make a key, type: openssl rand -base64 32"


class Keyring:
    """``keys``, or those of ``file`` when there are none; safe to share between threads."""

    def __init__(self, keys: Sequence[str] = (), file: Path | None = None) -> None:
        self._keys = tuple(keys)
        self._file = file
        self._read: tuple[tuple[int, ...], tuple[str, ...]] | None = None

    def encrypt(self, text: str) -> str:
        """:class:`NotSupported` when this server was given no keys."""
        return self._box().encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        from cryptography.fernet import InvalidToken

        try:
            return self._box().decrypt(token).decode()
        except InvalidToken:
            raise PodiumError(
                "A secret cannot be decrypted: its key is none of PODIUM_SECRET_KEYS. Put the key "
                "back behind the newest, or give the webhook a new secret."
            ) from None

    def renewed(self, token: str) -> str | None:
        """The same secret under the newest key; None when it is under that one already."""
        from cryptography.fernet import Fernet, InvalidToken

        text = self.decrypt(token)
        try:
            Fernet(self.keys()[0]).decrypt(token)
        except InvalidToken:
            return self.encrypt(text)
        return None

    def keys(self) -> tuple[str, ...]:
        """Newest first; :class:`ConfigError` names what is wrong with the file."""
        if self._keys or self._file is None:
            return self._keys
        try:
            found = os.stat(self._file)
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._read is None or self._read[0] != version:
                keys = parse_keys(self._file.read_text().split(), "PODIUM_SECRET_KEYS_FILE")
                self._read = version, keys
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"PODIUM_SECRET_KEYS_FILE={str(self._file)!r} cannot be read: {error}."
            ) from None
        return self._read[1]

    def _box(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        keys = self.keys()
        if not keys:
            raise NotSupported(
                "This server keeps no secrets, since it was given no key to encrypt them with. "
                f"Set PODIUM_SECRET_KEYS. {_HOW_TO_MAKE_ONE}"
            )
        return MultiFernet([Fernet(key) for key in keys])


def parse_keys(written: Sequence[str], name: str) -> tuple[str, ...]:
    """The keys, each checked; ``name`` is the setting they came from."""
    for number, key in enumerate(written, 1):
        try:
            length = len(base64.b64decode(key, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            length = 0
        if length != 32:
            # Never the key itself: this line goes to a log.
            raise ConfigError(
                f"Key {number} of {name} is none: a key is 32 bytes in base64. {_HOW_TO_MAKE_ONE}"
            )
    return tuple(written)


def make_key_file(path: Path) -> None:
    """A file with one new key, for its owner alone; a file that is there stays as it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # whole or not at all, and never over another's
    except FileExistsError:
        pass
    finally:
        draft.unlink()
