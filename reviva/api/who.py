"""Who is calling: a session's or a booking's token in a header, or a session's in a cookie."""

from __future__ import annotations

from typing import Final

from reviva.api.call import Call
from reviva.api.serving import SESSION_COOKIE
from reviva.errors import NotAuthenticated
from reviva.models.audit import ActorKind
from reviva.services.actor import Actor

CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_COOKIE: Final = "reviva_csrf"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def authenticate(call: Call) -> Actor:
    """The actor of a request. Raises `NotAuthenticated`; `Forbidden` for a cookie that changes things without the
    header that only our own pages can send."""
    services, token = call.services, call.bearer
    if token is not None:
        issuer = services.booking_tokens if services.booking_tokens.is_one(token) else services.sessions
        actor: Actor = issuer.resolve(token, call.request_id, call.address)
        return actor
    token = call.cookie(SESSION_COOKIE)
    if token is None:
        raise NotAuthenticated
    actor = services.sessions.resolve(token, call.request_id, call.address)
    if call.method not in _SAFE:
        services.sessions.check_csrf(token, call.header(CSRF_HEADER))
    return actor


def anybody(call: Call) -> Actor:
    """A caller of whom only the address is known; asks nothing of the database."""
    return Actor(ActorKind.PUBLIC, request_id=call.request_id, address=call.address)
