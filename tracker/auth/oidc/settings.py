"""What the server was told of its provider, and whether that can be meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from podium.client.errors import BadRequest, ConfigError

from ..roles import Role

SCOPES = "openid profile email"
GROUPS_CLAIM = "groups"
_PREFIX = "PODIUM_OIDC_"
_OURS = "group:"


@dataclass(frozen=True, slots=True)
class Oidc:
    """``roles`` are those on everything that a group of the provider's gives, ``groups`` the ones
    here that its members are in. What neither names is not the provider's to say.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    client_secret_file: Path | None = None
    scopes: str = SCOPES
    groups_claim: str = GROUPS_CLAIM
    roles: tuple[tuple[str, Role], ...] = ()
    groups: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        """What people know it by."""
        return urlsplit(self.issuer).netloc

    def secret(self) -> str:
        """Read anew from its file each time, so that it can be replaced without a restart."""
        if self.client_secret_file is None:
            return self.client_secret
        try:
            return self.client_secret_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"PODIUM_OIDC_CLIENT_SECRET_FILE={str(self.client_secret_file)!r} cannot be read: "
                f"{error}."
            ) from None

    def check(self, *, auth_required: bool) -> None:
        """Raise :class:`ConfigError` for what could not work, or would not be safe."""
        if not is_safe(self.issuer):
            raise ConfigError(
                f"PODIUM_OIDC_ISSUER={self.issuer!r} must be the provider's address as in "
                "https://accounts.example.org, without '?', '#' or a password; only on this "
                "machine may it be http."
            )
        if not self.client_id:
            raise ConfigError(
                "PODIUM_OIDC_CLIENT_ID is not set. The provider gives it to who registers Podium "
                "there, with https://YOUR-HOST/login/oidc/callback to return to."
            )
        if "openid" not in self.scopes.split():
            raise ConfigError(
                f"PODIUM_OIDC_SCOPES={self.scopes!r} lacks openid, without which a provider does "
                "not say who somebody is."
            )
        if not auth_required:
            raise ConfigError(
                "PODIUM_OIDC_ISSUER is set, and this server asks nobody who they are. "
                "Set PODIUM_AUTH=required, too."
            )
        self.secret()


def from_environment(environ: Mapping[str, str]) -> Oidc | None:
    """None when nothing of it is set. :meth:`Oidc.check` judges what is read here."""
    if not any(name.startswith(_PREFIX) and value for name, value in environ.items()):
        return None
    secret, file = (environ.get(_PREFIX + name) for name in ("CLIENT_SECRET", "CLIENT_SECRET_FILE"))
    if secret and file:
        raise ConfigError(
            "PODIUM_OIDC_CLIENT_SECRET and PODIUM_OIDC_CLIENT_SECRET_FILE are both set: keep one."
        )
    roles, groups = _parse(environ.get("PODIUM_OIDC_ROLES", ""))
    return Oidc(
        issuer=environ.get("PODIUM_OIDC_ISSUER", "").strip(),
        client_id=environ.get("PODIUM_OIDC_CLIENT_ID", "").strip(),
        client_secret=secret or "",
        client_secret_file=Path(file) if file else None,
        scopes=environ.get("PODIUM_OIDC_SCOPES") or SCOPES,
        groups_claim=environ.get("PODIUM_OIDC_GROUPS_CLAIM") or GROUPS_CLAIM,
        roles=roles,
        groups=groups,
    )


def is_safe(url: object) -> bool:
    """Whether secrets may travel there: TLS, or not farther than this machine."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse(written: str) -> tuple[tuple[tuple[str, Role], ...], tuple[tuple[str, str], ...]]:
    """``ml=editor,vision=group:vision-team``."""
    roles, groups = [], []
    for part in (each.strip() for each in written.split(",")):
        if not part:
            continue
        theirs, _, ours = (word.strip() for word in part.rpartition("="))
        if theirs and ours.startswith(_OURS) and ours != _OURS:
            groups.append((theirs, ours.removeprefix(_OURS).lower()))
            continue
        try:
            roles.append((theirs, Role.parse(ours)))
        except BadRequest:
            theirs = ""
        if not theirs:
            raise ConfigError(
                f"PODIUM_OIDC_ROLES holds {part!r}, which must be GROUP=ROLE, where a role is "
                f"{', '.join(role.label for role in Role)}, or GROUP=group:NAME for a group here."
            )
    return tuple(roles), tuple(groups)
