"""Who is at the other end: the address behind trusted proxies, and whether a browser's origin may call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

AllowOrigin = Callable[[str], bool]


class Addresses:
    """Finds a client's address. Only what trusted proxies (addresses or networks) wrote into X-Forwarded-For counts."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(ip_network(network, strict=False) for network in trusted)
        self.trusts = lru_cache(4096)(self._lies_in_trusted)
        """Whether an address is a trusted proxy's."""

    def of(self, environ: dict[str, Any]) -> str:
        """Walks from the peer to the left, over each trusted proxy, to the first address that nobody vouches for."""
        address = plain(str(environ.get("REMOTE_ADDR") or "0.0.0.0"))
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        if not forwarded or not self._trusted:
            return address
        for hop in reversed(forwarded.split(",")):
            if not self.trusts(address):
                break
            earlier = _address(hop)
            if earlier is None:
                break
            address = earlier
        return address

    def _lies_in_trusted(self, address: str) -> bool:
        try:
            host = ip_address(address)
        except ValueError:  # a unix socket has no address
            return False
        return any(host in network for network in self._trusted)


def plain(peer: str) -> str:
    """A peer's address: a socket that takes both kinds writes an IPv4 one into an IPv6 one."""
    return peer.removeprefix("::ffff:")


def _address(hop: str) -> str | None:
    """An address in its normal form, without a port; None for anything else ("unknown", garbage)."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        address = ip_address(hop)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


EXPOSED = (
    "ETag, Idempotency-Replayed, Link, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "X-Request-ID"
)
ASKED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"


def cors_headers(origin: str, allow: AllowOrigin) -> dict[str, str]:
    """What an origin on the list is told. No credentials in it: tokens travel in headers, never in cookies."""
    if not allow(origin):
        return {}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}


def preflight_headers(origin: str, allow: AllowOrigin, methods: str) -> dict[str, str]:
    """The answer to a browser that asks before it sends."""
    if not allow(origin):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ASKED,
        "Access-Control-Max-Age": "600",
    }
