"""Networks as settings write them: ``10.0.0.0/8,fd00::/8``."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from podium.client.errors import ConfigError

Network = IPv4Network | IPv6Network


def parse_networks(written: Iterable[str], name: str) -> tuple[Network, ...]:
    """Networks as in ``10.0.0.0/8``; ``name`` is the setting they came from."""
    found = []
    for text in written:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ConfigError(
                f"{name} holds {text!r}, which is no network: {error}. "
                "Write networks as in 10.0.0.0/8,fd00::/8."
            ) from None
    return tuple(found)
