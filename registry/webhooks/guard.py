"""Which addresses a webhook may reach: public ones, and the networks an operator has listed.

A name says nothing of where it leads a moment later, and a redirect nothing of where it began. So
the decision falls on the address of the connected socket (``sender``), here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from podium.tracker.networks import Network

Address = IPv4Address | IPv6Address

# Addresses that Python calls global, behind which there is an inside all the same: the server that
# Azure shows to its machines, multicast, IPv6's withdrawn site-local addresses, and those that
# stand for an IPv4 address nowhere but on the machine or network that made them up.
_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Guard:
    def __init__(self, listed: Iterable[Network] = ()) -> None:
        """``listed`` are the networks of PODIUM_WEBHOOK_ALLOW."""
        self._listed = tuple(listed)

    def lists(self, address: str) -> bool:
        """Whether the operator has named this address: then plain http will do, too."""
        return any(self._is_listed(each) for each in _meanings(address))

    def permits(self, address: str) -> bool:
        return all(_is_public(each) or self._is_listed(each) for each in _meanings(address))

    @property
    def lists_any(self) -> bool:
        return bool(self._listed)

    def _is_listed(self, address: Address) -> bool:
        return _is_in(address, self._listed)


def _meanings(address: str) -> tuple[Address, ...]:
    """The address, and the IPv4 address it stands for, if it is one of IPv6 that does."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return (found,)
    if found.ipv4_mapped is not None:
        return (found.ipv4_mapped,)  # the kernel connects to that one
    if found.sixtofour is not None:
        return found, found.sixtofour
    if found in _NAT64:
        return found, IPv4Address(int(found) & 0xFFFF_FFFF)
    return (found,)


def _is_public(address: Address) -> bool:
    return address.is_global and not _is_in(address, _INSIDE)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
