"""Which addresses may be reached."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium.client.errors import ConfigError
from podium.registry.webhooks.guard import Guard
from podium.tracker.networks import parse_networks

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
OUTSIDE = ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_refused(address: str) -> None:
    assert not Guard().permits(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_public_is_permitted_but_not_listed(address: str) -> None:
    assert Guard().permits(address)
    assert not Guard().lists(address)


@given(st.ip_addresses(v=4))
def test_no_way_of_writing_an_address_changes_the_answer(address: ipaddress.IPv4Address) -> None:
    plain = Guard().permits(str(address))
    for written in (
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        str(ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)),
    ):
        assert Guard().permits(written) == plain, written


@pytest.mark.parametrize(
    ("networks", "address", "permitted"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "64:ff9b::10.1.2.3", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("10.0.0.0/8", "::1", False),
        ("::1/128", "::1", True),
        ("fd00::/8", "fd12::1", True),
        ("64:ff9b::/96", "64:ff9b::169.254.169.254", False),
        ("127.0.0.0/8,::1/128", "127.0.0.1", True),
    ],
)
def test_a_listed_network(networks: str, address: str, permitted: bool) -> None:
    guard = Guard(parse_networks(networks.split(","), "PODIUM_WEBHOOK_ALLOW"))
    assert guard.permits(address) is permitted


@pytest.mark.parametrize("text", ["10.0.0.1/8", "localhost", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"PODIUM_WEBHOOK_ALLOW .*10\.0\.0\.0/8"):
        parse_networks([text], "PODIUM_WEBHOOK_ALLOW")
