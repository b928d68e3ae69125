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

# Addresses that some version of Python calls global, behind which there is an inside all the same:
# the server that Azure shows to its machines, multicast, what is reserved, and documentation.
_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)
# All that has been given out of IPv6 for use on the Internet: https://www.iana.org/assignments/
# ipv6-address-space. What lies elsewhere has a meaning on some machine or network only.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
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
    """The address, or what it stands for: some of IPv6 lead to one of IPv4, and that one counts."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return (found,)
    if found.ipv4_mapped is not None:
        return (found.ipv4_mapped,)
    if found in _NAT64:
        return (IPv4Address(int(found) & 0xFFFF_FFFF),)
    if found.sixtofour is not None:
        return found, found.sixtofour
    return (found,)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not _is_in(address, _INSIDE)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
