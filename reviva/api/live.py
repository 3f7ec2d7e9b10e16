"""Live events over a websocket, and who listens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import BIGGEST_ID, Between, Commas, Line, Query, QueryId, Reference
from reviva.api.listing import Listing, render_page
from reviva.api.serving import SESSION_COOKIE
from reviva.database.borrow import borrowed
from reviva.errors import Forbidden, NotAuthenticated, Unavailable, UpgradeRequired
from reviva.identity import household
from reviva.realtime.hub import Listener
from reviva.services.actor import Actor
from reviva.services.live import Admission
from reviva.signing import digest

VERSION: Final = "13"


class LiveQuery(Query):
    since: Annotated[int, Between(0, BIGGEST_ID)] | None = Field(
        None, description="The `id` of the last message that was received: what followed it is told first."
    )
    topics: Annotated[tuple[Annotated[str, Line(100)], ...], Commas()] | None = Field(
        None,
        description="Only these topics: whole ones (`booking:RV-…`), or kinds (`booking`, `notification`, `user`).",
    )


class LiveSessionItem(TypedDict):
    id: int
    user_id: int | None
    email: str | None
    reference: str | None
    address: str
    device: str
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None
    close_code: int | None
    close_reason: str | None


class LiveSessions(Listing):
    sortable = ("id", "opened_at", "seen_at")

    open: bool | None = None
    user: QueryId | None = None
    reference: Reference | None = None


def connect(call: Call) -> Answer:
    """What happens, as it happens: a websocket.

    A booking's token hears of its booking, a customer of their bookings, staff of everything. Messages are
    `{"id", "type", "topic", "at", "data"}`. A token that is missing or wrong closes with 4401.
    """
    token, origin = call.bearer or call.cookie(SESSION_COOKIE), call.header("Origin")
    if not is_handshake(call):
        if who(call) is None:
            raise NotAuthenticated
        call.headers |= {"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION}
        raise UpgradeRequired
    own = origin is not None and is_own(call, origin)
    if origin is not None and not own and not is_allowed(call, origin):
        raise Forbidden("Pages of this origin may not listen.")
    if call.bearer is None and token is not None and not own:
        raise Forbidden("A cookie is taken from our own pages only: others could send it without knowing it.")
    sockets = call.services.sockets
    if sockets is None:
        raise Unavailable
    actor = who(call)
    if actor is None or token is None:
        sockets.refuse(call.environ)
        return Answer()
    listener = Listener(Admission(actor, digest(token)), household(call.address), call.query.topics, call.query.since)
    sockets.serve(call.environ, listener, call.header("User-Agent") or "")
    return Answer()


def who(call: Call) -> Actor | None:
    """Who is calling; the connection to find out is given back at once."""
    with borrowed(call.services.database):
        actor: Actor | None = call.actor
    return actor


def is_handshake(call: Call) -> bool:
    """Whether a websocket is asked for, in the one version that there is."""
    upgrade, connection = (call.header(name) or "" for name in ("Upgrade", "Connection"))
    asked = "upgrade" in [word.strip() for word in connection.lower().split(",")]
    version = call.header("Sec-WebSocket-Version")
    return call.method == "GET" and asked and upgrade.lower() == "websocket" and version == VERSION


def is_own(call: Call, origin: str) -> bool:
    """Whether a page of ours calls: from the host that it asked, or from the public URL.

    The scheme is not compared with the request's, which a proxy that ends TLS does not tell.
    """
    public = urlsplit(call.services.settings.public_url or "")
    place = urlsplit(origin).netloc.lower()
    return bool(place) and place in ((call.header("Host") or "").lower(), public.netloc.lower())


def is_allowed(call: Call, origin: str) -> bool:
    """Whether the settings or a shop list this origin."""
    return origin in call.services.settings.allowed_origins or bool(call.services.origins.allows(origin))


def sessions(call: Call) -> Answer:
    """Everybody's websockets, the newest first: who listens, since when, and why it ended."""
    return render_page(call, call.services.live.list(call.query.list_query()), lambda row: row)
