"""An endpoint: what one line of the route table says, and all that dispatch and the OpenAPI document read from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel

from reviva.api.call import Call, Handler
from reviva.api.fields import ID_SCHEMA, REFERENCE_SCHEMA, SLUG_SCHEMA, parse_id, parse_reference
from reviva.api.ratelimit import Rate
from reviva.api.render import to_json
from reviva.errors import Invalid
from reviva.spelling import parse_plain, parse_slug


class Kind(NamedTuple):
    """How a parameter of a path is read, and its JSON schema. A parser's ValueError is a 404."""

    parse: Callable[[str], Any]
    schema: dict[str, Any]


_ID, _SLUG = Kind(parse_id, ID_SCHEMA), Kind(parse_slug, SLUG_SCHEMA)
_KINDS = {
    "id": _ID, "delivery": _ID, "reference": Kind(parse_reference, REFERENCE_SCHEMA), "slug": _SLUG, "category": _SLUG,
    "key": _SLUG,
}  # fmt: skip
_ANY = Kind(parse_plain, {"type": "string", "minLength": 1})

_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


class Audience(Protocol):
    """Who may call an endpoint."""

    @property
    def words(self) -> str:
        """Who they are, as the documentation says it."""

    @property
    def by_link(self) -> bool:
        """Whether a booking's token, which stands in links, is enough."""

    def admits(self, actor: Any) -> bool:
        """Whether `actor` belongs to this audience."""


@dataclass(frozen=True)
class Public:
    """Everybody: nobody is asked who they are."""

    words: str = "everybody"
    by_link: bool = False

    def admits(self, actor: Any) -> bool:
        """Always."""
        return True


PUBLIC = Public()


@dataclass(frozen=True)
class Doubts:
    """What else is wrong with a body or a query where the shape of some fields is: all is told at once.

    `parts` reads the other fields, and has all of them to be left out. `check` looks at these, knowing which are wrong,
    and raises `Invalid`; what it says of others than these does not count, nor a code of `whole`, which hangs on all.
    """

    parts: type[BaseModel]
    check: Callable[[Call, Any, frozenset[str]], None]
    whole: frozenset[str] = frozenset({"quote-mismatch"})

    def with_others(self, call: Call, problem: Invalid, sent: Any) -> Invalid:
        """A problem with what else is wrong."""
        if not isinstance(sent, dict):
            return problem
        wrong = frozenset(fault.field.partition(".")[0] for fault in problem.faults)
        names = {field.alias or name for name, field in self.parts.model_fields.items()} - wrong
        right = {name: value for name, value in sent.items() if name in names}
        try:
            self.check(call, self.parts.model_validate_json(to_json(right)), wrong)
        except Invalid as more:
            found = [each for each in more.faults if each.field.partition(".")[0] in right]
            return Invalid([*problem.faults, *(each for each in found if each.code not in self.whole)])
        return problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path.

    `path` has parameters as `{slug}`, or `{file:path}` for one that may hold slashes. `answer` is the type of the JSON
    of a success, for the documentation. `cache` is a Cache-Control value and turns on ETag and 304. `database=False`
    runs the handler without a connection. `rate` is a limit of this endpoint alone; `counted=False` frees it from the
    ordinary one. `optional_body=True` reads no body as `{}`. `upgrade=True` hands the socket over: the handler talks on
    it until the end, and nothing is answered afterwards. `errors` are statuses, `asks` and `tells` headers of requests
    and answers, that the documentation can't derive.
    """

    method: str
    path: str
    handler: Handler
    allows: Audience
    body: type[BaseModel] | None = None
    doubts: Doubts | None = None
    query: type[BaseModel] | None = None
    answer: Any = None
    status: int = 200
    content_type: str = "application/json"
    cache: str | None = None
    database: bool = True
    rate: Rate | None = None
    counted: bool = True
    optional_body: bool = False
    errors: tuple[int, ...] = ()
    asks: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    upgrade: bool = False
    documented: bool = True

    @property
    def rule(self) -> str:
        """The path as Bottle writes it."""
        return _PARAMETER.sub(r"<\1\2>", self.path)

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def parameters(self) -> dict[str, Kind]:
        """The path's parameters by name, which says of what kind each is."""
        return {match[1]: _KINDS.get(match[1], _ANY) for match in _PARAMETER.finditer(self.path)}

    @property
    def versioned(self) -> bool:
        """Whether a request may say which version of a thing it wants changed: `If-Match` counts."""
        return "If-Match" in self.asks or (self.body is not None and "version" in self.body.model_fields)

    @property
    def public(self) -> bool:
        """Whether nobody is asked who they are."""
        return self.allows is PUBLIC


def get(path: str, handler: Handler, allows: Audience, **more: Any) -> Endpoint:
    """A GET (and HEAD) endpoint. Who may call is always said, so that nothing is public by forgetting."""
    return Endpoint(method="GET", path=path, handler=handler, allows=allows, **more)


def post(path: str, handler: Handler, allows: Audience, **more: Any) -> Endpoint:
    """A POST endpoint."""
    return Endpoint(method="POST", path=path, handler=handler, allows=allows, **more)


def put(path: str, handler: Handler, allows: Audience, **more: Any) -> Endpoint:
    """A PUT endpoint."""
    return Endpoint(method="PUT", path=path, handler=handler, allows=allows, **more)


def patch(path: str, handler: Handler, allows: Audience, **more: Any) -> Endpoint:
    """A PATCH endpoint."""
    return Endpoint(method="PATCH", path=path, handler=handler, allows=allows, **more)


def delete(path: str, handler: Handler, allows: Audience, **more: Any) -> Endpoint:
    """A DELETE endpoint: 204 unless said otherwise."""
    return Endpoint(method="DELETE", path=path, handler=handler, allows=allows, **({"status": 204} | more))
