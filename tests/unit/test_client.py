"""The address behind proxies."""

from __future__ import annotations

import pytest

from reviva.api.client import Addresses
from reviva.identity import household, is_public


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("8.8.8.8", "1.1.1.1", "8.8.8.8"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, <script>, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1:5000", "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::1]:5000", "2001:db8::1"),
        ("10.0.0.1", "2001:DB8::1", "2001:db8::1"),
        ("10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"),
        ("fd00::1", "1.1.1.1", "1.1.1.1"),
        ("::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("", "1.1.1.1", "0.0.0.0"),
    ],
)
def test_only_what_trusted_proxies_wrote_counts(peer: str, forwarded: str | None, found: str) -> None:
    environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    assert Addresses(["10.0.0.0/8", "fd00::1"]).of(environ) == found
    assert Addresses([]).of(environ) == (peer.removeprefix("::ffff:") or "0.0.0.0")


def test_a_household_is_an_ipv4_address_or_an_ipv6_network() -> None:
    assert household("1.2.3.4") == "1.2.3.4"
    assert household("2001:db8:1:2:3::4") == household("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert household("2001:db8:1:3::") != household("2001:db8:1:2::")
    assert household("::ffff:8.8.8.8") == "8.8.8.8", "as a server on :: hears of IPv4"


def test_who_is_in_the_house_has_no_address_of_the_internet() -> None:
    at_home = ("127.0.0.1", "::1", "10.0.0.9", "192.168.1.2", "fd00::1", "fe80::/64", "100.64.0.1", "", "unix:")
    assert not any(map(is_public, at_home))
    assert all(map(is_public, ("8.8.8.8", "2606:4700::1", "2606:4700::/64")))
