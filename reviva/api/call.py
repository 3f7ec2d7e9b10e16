"""One request as a handler sees it, and one answer as a handler may give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from reviva.errors import NotAuthenticated

Headers = dict[str, str]
Authenticate = Callable[["Call"], Any]
"""Who is calling: returns an actor, or raises `NotAuthenticated`."""


@dataclass(slots=True)
class Answer:
    """What a handler returns when a plain dict (rendered as JSON) or bytes is not enough.

    `body` is a JSON-able value, or bytes sent as they are under `content_type`. `status` 0 means the endpoint's own.
    """

    body: Any = b""
    status: int = 0
    headers: Headers = field(default_factory=dict)
    content_type: str = "application/json"
    cookies: tuple[str, ...] = ()
    """Values of Set-Cookie headers."""


@dataclass(slots=True)
class Call:
    """One request. `params`, `body` and `query` are validated before a handler sees them.

    `params` holds what the path names; `body` and `query` are instances of the endpoint's models, or None. They never
    change: an empty query is one object for many requests.
    """

    services: Any
    environ: dict[str, Any]
    request_id: str
    address: str
    authenticate: Authenticate
    params: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    query: Any = None
    headers: Headers = field(default_factory=dict)
    """Headers to add to the answer, whatever the handler returns."""
    version: int | None = None
    """The one that `If-Match` wants changed."""
    _actor: Any = None
    _asked: bool = False

    @property
    def method(self) -> str:
        """GET, POST, …"""
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        """The path, decoded, without the query."""
        return str(self.environ["PATH_INFO"])

    def header(self, name: str) -> str | None:
        """A header of the request, by its usual name; None when it was not sent."""
        return self.environ.get("HTTP_" + name.upper().replace("-", "_"))

    def cookie_name(self, name: str) -> str:
        """What a cookie of ours is called: where that can be, so that no other host of the domain can set it."""
        return f"__Host-{name}" if self.services.settings.secure else name

    def cookie(self, name: str) -> str | None:
        """A cookie of ours; None when it was not sent or can't be read."""
        try:
            morsel = SimpleCookie(self.environ.get("HTTP_COOKIE", "")).get(self.cookie_name(name))
        except CookieError:
            return None
        return morsel.value if morsel else None

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer …`, or else of `?token=`; None when there is none."""
        scheme, _, token = self.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip() or None
        query = self.environ.get("QUERY_STRING", "")
        return parse_qs(query).get("token", [None])[0] if "token=" in query else None

    @property
    def actor(self) -> Any:
        """Who is calling, or None: a bad token counts as none, because the endpoint decides what it needs."""
        if not self._asked:
            try:
                self._actor = self.authenticate(self)
            except NotAuthenticated:
                self._actor = None
            self._asked = True  # only now: who could not be looked up because a connection broke is asked again
        return self._actor


Handler = Callable[[Call], "Answer | Mapping[str, Any] | bytes | None"]
