"""One endpoint at work: from a matched request to an answer, in the order that protects us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel

from reviva.api.body import empty_query, parse_body, parse_query, read_body
from reviva.api.call import Answer, Authenticate, Call
from reviva.api.client import AllowOrigin
from reviva.api.endpoint import Endpoint
from reviva.api.fields import Query
from reviva.api.metrics import RouteMetrics
from reviva.api.ratelimit import Limiter
from reviva.api.render import to_json
from reviva.api.version import answered
from reviva.database.units import retrying
from reviva.errors import Forbidden, Invalid, NotAuthenticated, NotFound
from reviva.identity import household

SESSION_COOKIE = "reviva_session"
MOST_OF_TOKEN = 64
"""Characters of what is shown as a token that are remembered to count by: ours are shorter."""


def nobody(call: Call) -> Any:
    """The authentication of an application that has none: everybody is refused."""
    raise NotAuthenticated


def no_origin(origin: str) -> bool:
    """No origin besides those of the settings."""
    return False


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the HTTP ground asks of the layers above and below it.

    `authenticate` may query the database. `allow_origin` answers from memory: it is asked without a connection, for
    each request from another origin.
    """

    authenticate: Authenticate = nobody
    allow_origin: AllowOrigin = no_origin


class Serving:
    """Runs one endpoint. The body is read whole before a connection is taken, so slow clients never hold one."""

    def __init__(self, endpoint: Endpoint, limiters: tuple[Limiter, ...], body_deadline: float) -> None:
        self.endpoint = endpoint
        self.metrics = RouteMetrics(endpoint.method, endpoint.template)
        self._limiters = limiters
        self._body_deadline = body_deadline
        self._parsers = [(name, kind.parse) for name, kind in endpoint.parameters.items()]
        self._query = endpoint.query or Query
        self._versioned = endpoint.versioned

    def __call__(self, call: Call, params: dict[str, str]) -> Answer:
        """The answer, rendered to bytes. Raises whatever is wrong."""
        endpoint = self.endpoint
        if self._limiters:
            self._limit(call)
        if self._parsers:
            call.params = {name: _read(parse, params[name]) for name, parse in self._parsers}
        if not endpoint.public and call.bearer is None and call.cookie(SESSION_COOKIE) is None:
            raise NotAuthenticated
        raw = read_body(call.environ, self._body_deadline) if endpoint.body else b""
        database = call.services.database if endpoint.database else None
        if database is None:
            return self._finish(call, self._answer(call, raw))
        database.connect()
        try:
            # A request that has sent no COMMIT left no trace, and can begin anew on another connection.
            result = retrying(database, lambda: self._answer(call, raw), attempts=3)
        finally:
            database.close()
        return self._finish(call, result)

    def _answer(self, call: Call, raw: bytes) -> Any:
        endpoint = self.endpoint
        if not endpoint.public:
            if call.actor is None:
                raise NotAuthenticated
            if not endpoint.allows.admits(call.actor):
                raise Forbidden
        call.query = self._read_query(call, call.environ.get("QUERY_STRING"))
        if endpoint.body:
            call.body = self._read_body(call, raw, endpoint.body)
        return answered(call, endpoint.handler) if self._versioned else endpoint.handler(call)

    def _read_query(self, call: Call, query: str | None) -> Any:
        try:
            return parse_query(query, self._query) if query else empty_query(self._query)
        except Invalid as problem:
            if self.endpoint.doubts is None or self.endpoint.body:
                raise
            raise self.endpoint.doubts.with_others(call, problem, dict(parse_qsl(query or ""))) from None

    def _read_body(self, call: Call, raw: bytes, model: type[BaseModel]) -> Any:
        try:
            return parse_body(b"{}" if self.endpoint.optional_body and not raw else raw, model)
        except Invalid as problem:
            if self.endpoint.doubts is None:
                raise
            raise self.endpoint.doubts.with_others(call, problem, orjson.loads(raw)) from None

    def _finish(self, call: Call, result: Any) -> Answer:
        endpoint = self.endpoint
        if isinstance(result, Answer):
            answer = result
        else:
            answer = Answer(b"" if result is None else result, content_type=endpoint.content_type)
        answer.status = answer.status or endpoint.status
        if not isinstance(answer.body, bytes):
            answer.body = to_json(answer.body)
        if endpoint.cache and answer.status == 200:
            _cache(call, answer, endpoint.cache)
        return answer

    def _limit(self, call: Call) -> None:
        keys = [household(call.address)]
        if call.bearer:
            keys.append(f"token {call.bearer[:MOST_OF_TOKEN]}")  # which nobody's address can be
        for limiter in self._limiters:
            call.headers["RateLimit-Limit"] = str(limiter.limit)
            call.headers["RateLimit-Reset"] = str(limiter.turns_in())
            call.headers["RateLimit-Remaining"] = "0"
            call.headers["RateLimit-Remaining"] = str(limiter.hit(*keys))


def _read(parse: Callable[[str], Any], value: str) -> Any:
    try:
        return parse(value)
    except ValueError:
        raise NotFound from None


def _cache(call: Call, answer: Answer, control: str) -> None:
    """Adds ETag and Cache-Control, and empties an answer that the client already has."""
    tag = f'"{blake2b(answer.body, digest_size=16).hexdigest()}"'
    answer.headers = {"Cache-Control": control, "ETag": tag, **answer.headers}
    known = call.environ.get("HTTP_IF_NONE_MATCH")
    if known and (known.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in known.split(",")]):
        answer.status, answer.body = 304, b""
