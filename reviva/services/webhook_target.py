"""Where webhooks may go: to servers of the public internet, over TLS."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from reviva.errors import Invalid

_NAT64: Final = ip_network("64:ff9b::/96")
"""IPv4 addresses as a network without any shows them (RFC 6052)."""
_UNICAST: Final = ip_network("2000::/3")
"""All of IPv6 that is given to anybody on the internet; the library calls more than that global."""
_6TO4: Final = ip_network("2002::/16")


class Target(NamedTuple):
    """A checked URL in its parts; `path` has the query with it."""

    host: str
    port: int
    path: str


def parse(url: str) -> Target:
    """Raises `Invalid` for what is no URL that a webhook may have."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        raise _refused("is not a URL") from None
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise _refused("must be written in ASCII: international names as xn--…, other characters percent-encoded")
    if parts.scheme != "https" or not host:
        raise _refused("must begin with https:// and name a host")
    if "@" in parts.netloc or "#" in url:
        raise _refused("must hold no user, password or fragment: the signature tells who sends")
    if _literal(host) and not public(host):
        raise _refused("must not name a private or local address")
    return Target(host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def public(address: str) -> bool:
    """Whether an IP address belongs to one machine of the public internet."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            found = found.ipv4_mapped
        elif found in _NAT64:
            found = IPv4Address(int(found) & 0xFFFFFFFF)
        elif found not in _UNICAST or found in _6TO4:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved)


def _literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _refused(message: str) -> Invalid:
    return Invalid.field("url", message, "wrong-url")
