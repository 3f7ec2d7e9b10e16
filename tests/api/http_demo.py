"""A server with a tiny route table that shows what the HTTP ground does to any endpoint."""

from __future__ import annotations

import os
import sqlite3
import sys
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any

import gevent
import peewee
from typing_extensions import TypedDict

from reviva import config, server
from reviva.api import health, listing, metrics, openapi
from reviva.api.call import Answer, Call
from reviva.api.dispatch import Application
from reviva.api.endpoint import PUBLIC, get, patch, post
from reviva.api.fields import (
    Between,
    Body,
    Commas,
    Date,
    Email,
    Id,
    Instant,
    Line,
    Notes,
    Phone,
    Query,
    Reference,
    Slug,
)
from reviva.api.ratelimit import Rate
from reviva.api.render import to_json
from reviva.api.serving import Hooks
from reviva.errors import Invalid, NotAuthenticated, StepForbidden
from reviva.paging import Page


class Customer(Body):
    name: Annotated[str, Line(50)]
    email: Email
    phone: Phone | None = None


class Thing(Body):
    customer: Customer
    starts_at: Instant
    slugs: tuple[Slug, ...] = ()
    owner: Id = 1
    notes: Notes = ""
    reference: Reference | None = None


class Hello(TypedDict):
    hello: str
    at: datetime


class Needy(Query):
    word: str


class Search(Query):
    year: Annotated[int, Between(1990, 2100)] | None = None
    brands: Annotated[tuple[Slug, ...], Commas()] | None = None
    since: Date | None = None


class Numbers(listing.Listing):
    sortable = ("number", "name")
    default_sort = "-number"
    parity: Slug | None = None


@dataclass
class Role:
    words: str
    by_link: bool = False

    def admits(self, actor: Any) -> bool:
        return actor["role"] == self.words


def hello(call: Call) -> dict[str, Any]:
    """Says hello."""
    return {"hello": "world", "at": datetime.fromisoformat("2026-03-01T10:00:00+01:00")}


def echo(call: Call) -> dict[str, Any]:
    """Gives back what was understood."""
    return call.body.model_dump()


def make(call: Call) -> Answer:
    """Gives back what was understood, and says where it would be."""
    return Answer(call.body.model_dump(), headers={"Location": f"/api/things/{call.body.owner}"})


def search(call: Call) -> dict[str, Any]:
    """Gives back the query."""
    return {name: str(value) for name, value in call.query.model_dump().items()}


def numbers(call: Call) -> Answer:
    """A hundred numbers."""
    asked = call.query.list_query()
    try:
        first = (asked.page - 1) * asked.limit if asked.page else int(asked.after or 0)
    except ValueError:
        raise Invalid.field("after", "this is not a cursor of this list", "wrong-cursor") from None
    last = first + asked.limit
    page = Page(
        [{"number": n} for n in range(first, min(last, 100))],
        str(last) if last < 100 else None,
        100 if asked.page else None,
    )
    answer = listing.render_page(call, page, dict)
    answer.body["sort"], answer.body["filters"] = asked.sort, asked.filters
    return answer


def thing(call: Call) -> dict[str, Any]:
    """What the path names."""
    return call.params


def who(call: Call) -> dict[str, Any]:
    """Who calls from where."""
    return {"actor": call.actor, "address": call.address, "bearer": call.bearer}


def step(call: Call) -> None:
    """Always the wrong step."""
    raise StepForbidden("From here it can't go there.", allowed=["ready"])


FAILURES = {
    "bug": lambda: {}["secret-of-the-server"],
    "locked": lambda: _fail("database is locked"),
    "full": lambda: _fail("database or disk is full"),
    "readonly": lambda: _fail("attempt to write a readonly database"),
    "bad-sql": lambda: _fail("no such table: x"),
    "naive": lambda: {"at": datetime(2026, 1, 1)},  # noqa: DTZ001  # which must not be rendered
}


def _fail(words: str) -> None:
    raise peewee.OperationalError(sqlite3.OperationalError(words), words)  # as peewee wraps a driver's error


def describe(call: Call) -> bytes:
    """The document."""
    return to_json(openapi.document(ROUTES))


def fail(call: Call) -> Any:
    """Fails in the way that the path names."""
    return FAILURES[call.params["how"]]()


def slow(call: Call) -> dict[str, Any]:
    """Takes a second."""
    gevent.sleep(1)
    return {"slow": True}


def authenticate(call: Call) -> Any:
    if call.bearer in ("manager", "customer"):
        return {"role": call.bearer}
    raise NotAuthenticated


MANAGER = Role("manager")
ROUTES = (
    get("/api/hello", hello, PUBLIC, cache="public, max-age=60", answer=Hello),
    get("/api/plain", hello, PUBLIC),
    get("/api/who", who, PUBLIC),
    get("/api/manager", who, MANAGER),
    get("/api/search", search, PUBLIC, query=Search),
    get("/api/needy", search, PUBLIC, query=Needy),
    get("/api/numbers", numbers, PUBLIC, query=Numbers),
    get("/api/things/{id}", thing, PUBLIC),
    get("/api/bookings/{reference}", thing, PUBLIC),
    get("/api/words/{word}", thing, PUBLIC),
    post("/api/things", make, PUBLIC, body=Thing, answer=Thing, status=201),
    patch("/api/things/{id}", step, PUBLIC, errors=(409,)),
    post("/api/optional", echo, PUBLIC, body=type("Empty", (Body,), {}), optional_body=True),
    get("/api/fail/{how}", fail, PUBLIC),
    get("/api/slow", slow, PUBLIC),
    get("/api/rare", hello, PUBLIC, rate=Rate(3, 60)),
    get("/api/openapi.json", describe, PUBLIC),
    get("/healthz", health.alive, PUBLIC, counted=False),
    get("/metrics", health.measured, PUBLIC, counted=False, content_type=metrics.CONTENT_TYPE),
)


def bare(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The least that a WSGI function can do, to compare with."""
    body = b'{"hello":"world","at":"2026-03-01T09:00:00Z"}'
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class Demo(Application):
    """Says on standard output which step of its life it reached."""

    def start(self) -> None:
        print("started", flush=True)

    def stop(self) -> None:
        print("stopped", flush=True)


def build(settings: config.Settings) -> Any:
    database = peewee.SqliteDatabase(":memory:", autoconnect=False)
    hooks = Hooks(authenticate, lambda origin: origin == "https://embedding.example")
    demo = Demo(SimpleNamespace(settings=settings, database=database), ROUTES, hooks, body_deadline=0.7)
    demo.bare = bare
    return demo


def main() -> None:
    """Serves until told to stop."""
    sys.exit(server.run(config.load(port=int(os.environ["DEMO_PORT"])), build, lambda port: None))
