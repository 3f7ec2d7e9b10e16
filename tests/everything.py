"""All that the API and the background ask a database: the steps of a day, and every list by every filter and sort."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from reviva import clock
from reviva.api.app import ROUTES
from reviva.api.listing import Listing
from reviva.config import Settings
from reviva.database.connection import end, open_pool
from reviva.database.ddl import backend
from reviva.models.notification import Channel
from reviva.models.user import Role
from reviva.notifications.dispatcher import Dispatcher
from reviva.services import Services
from tests import load
from tests.load import FIRST
from tests.people import COMMAND, services_over
from tests.web import Web

MODEL = "apple-iphone-13"
LOGIN = {"email": "ann@example.com", "password": "tall blue giraffe 7"}
_DAY = FIRST + timedelta(days=20)
_SPAN = {"from": clock.rfc3339(_DAY), "to": clock.rfc3339(_DAY + timedelta(days=1))}
EXAMPLES: dict[str, Any] = {
    "q": "name1", "shop": "main", "assigned_to": 1, "created_from": _SPAN["from"], "created_to": _SPAN["to"],
    "starts_from": _SPAN["from"], "starts_to": _SPAN["to"], **_SPAN, "email": "p1@example.com",
    "phone": "+447000000001", "consent": "true", "channel": "email", "template": "t", "reference": "RV-00000001",
    "customer": 1, "entity": "booking", "entity_id": "RV-00000001", "actor": "1", "actor_kind": "user",
    "action": "session.start", "role": "technician", "active": "true", "user": 1, "live": "true", "open": "true",
    "category": "phone", "brand": "apple", "year": "2021,2022", "year_from": 2021, "year_to": 2022, "kind": "percent",
    "route": "background",
}  # fmt: skip
"""A value for each filter of each list."""
_STATUS = {"/api/bookings": "in_repair,ready", "/api/notifications": "dead"}


OFTEN = 1000
"""So many times what happens in a day is counted, and what happens rarely once: how often is what an index is for."""
LOOKS = 5
"""For each time that something is done, lists are looked at and queues are asked so many times."""


def counted(url: str, days: int = 3) -> None:
    """Fills a seeded database, works in it, and counts the statements as those of the last eight days."""
    # Kept connections, as those of a server: PostgreSQL takes longer for a new one than for most requests.
    database = open_pool(Settings(database_url=url))
    database.connect()
    load.fill(database)
    services = services_over(database, rate_limit="off", retention_months=1200, slow_query_ms=60_000)
    services.webhook_deliveries.fan_out()  # what waited for long is nothing that a day brings
    services.statements.monitor.take()
    load.work(database)
    database.close()
    town = Town(services)
    for n in range(days):
        town.looks(n)
    _count(services, LOOKS)
    for n in range(days):
        town.day(n)
    _count(services, OFTEN)
    list(town.lists())
    town.rarely()
    database.connect()
    services.statements.flush()
    load.analyse(database)
    if backend(database) == "postgresql":
        database.execute_sql("SELECT pg_stat_force_next_flush()").fetchall()
    database.close()
    end(database)


def _count(services: Services, times: int) -> None:
    """Counts what was asked since the last time, eight days ago, and all that is counted so many times."""
    database = services.database
    with database.connection_context(), clock.travel(timedelta(days=-8)):
        services.statements.flush()
        database.execute_sql(
            f"UPDATE statement_count SET calls = calls * {times}, rows = rows * {times}, seconds = seconds * {times}"
        )


class Town:
    """The application over a filled database that is not connected, and somebody who may do everything."""

    def __init__(self, services: Services) -> None:
        self.services, self.web = services, Web(services)
        self.dispatcher = Dispatcher(services, {})
        with services.database.connection_context():
            self.id = services.users.add(COMMAND, LOGIN["email"], Role.ADMIN, "Ann", LOGIN["password"])["id"]
        self.token = str(self.do("POST", "/api/auth/login", LOGIN)["token"])

    def do(
        self, method: str, path: str, body: Any = None, token: str | None = None, headers: Any = None, **query: Any
    ) -> Any:
        """A request that must do well; its JSON."""
        where = f"{path}?{urlencode(query)}" if query else path
        reply = self.web.call(method, where, body, token=token, headers=headers)
        assert reply.status < 300, (method, path, query, reply.body)
        return reply.json if reply.body and "json" in str(reply.header("Content-Type")) else None

    def day(self, n: int) -> None:
        """What happens in a shop every day: customers, staff, and what the server does by itself."""
        wanted = self.customer(n)
        self.staff(wanted, n)
        self.background()
        if n == 0:  # once for many bookings
            with self.services.database.connection_context():
                self.services.housekeeping.forget()

    def customer(self, n: int) -> str:
        """Looks around, books, moves and looks again; another one begins and calls it off. The first's reference."""
        self.do("GET", "/api/catalog/categories")
        self.do("GET", "/api/catalog/brands", category="phone")
        self.do("GET", "/api/catalog/models", category="phone", brand="apple", sort="-year,name", limit=12)
        self.do("GET", "/api/catalog/models", q=f"galaxy s2{n}")
        self.do("GET", f"/api/catalog/models/{MODEL}")
        self.do("POST", "/api/quotes", {"model": MODEL, "repairs": ["screen"]})
        first = {"from": clock.now().date() + timedelta(days=1)}  # later today may be too late to move it again
        slots = self.do("GET", "/api/availability", model=MODEL, repairs="screen", days=14, **first)["slots"]
        order = {
            "model": MODEL, "repairs": ["screen"], "starts_at": slots[4 * n]["starts_at"],
            "customer": {"name": "Ada", "email": f"p{n}@example.com", "phone": f"+4474001234{n:02}"},
        }  # fmt: skip
        made = self.do("POST", "/api/bookings", order, headers={"Idempotency-Key": f"key-{n}"})
        path, token = f"/api/bookings/{made['reference']}", made["token"]
        self.do("GET", path, token=token)
        self.do("POST", f"{path}/reschedule", {"starts_at": slots[4 * n + 40]["starts_at"]}, token)
        self.do("GET", f"{path}/calendar.ics", token=token)
        draft = self.do("POST", "/api/bookings", {"model": MODEL, "draft": True})
        other = f"/api/bookings/{draft['reference']}"
        self.do("PATCH", other, {**order, "starts_at": slots[4 * n + 42]["starts_at"]}, draft["token"])
        self.do("POST", f"{other}/confirm", None, draft["token"])
        self.do("POST", f"{other}/cancel", {"reason": "too late"}, draft["token"])
        self.do("POST", "/api/bookings/find", {"email": f"p{n}@example.com"})
        return str(made["reference"])

    def staff(self, reference: str, n: int) -> None:
        """Does the repair, and what else there is to do."""
        path = f"/api/bookings/{reference}"
        self.do("POST", f"{path}/assign", {"user": self.id}, self.token)
        for status in ("checked_in", "diagnosing", "in_repair", "ready", "completed"):
            self.do("POST", f"{path}/status", {"status": status, "note": "done"}, self.token)
            self.do("GET", path, token=self.token)
        self.do("POST", "/api/auth/login", LOGIN)
        self.do("GET", "/api/database/health", token=self.token)
        self.do("POST", "/api/auth/password-reset", {"email": LOGIN["email"]})
        self.do("POST", "/api/auth/password", {"current": LOGIN["password"], "new": LOGIN["password"]}, self.token)
        if n == 0:  # once in a while there is a newsletter, and somebody wants to know how it goes
            self.do("GET", "/api/customers", token=self.token, consent="true")
            for by in ("shop", "technician"):
                self.do("GET", "/api/reports", token=self.token, by=by)
        person = f"/api/customers/{10 * n + 3}"
        self.do("PATCH", person, {"name": "Another", "phone": f"+4474009999{n:02}"}, self.token)
        self.do("POST", f"{person}/merge", {"other": 10 * n + 4}, self.token)
        self.do("GET", f"{person}/export", token=self.token)

    def looks(self, n: int) -> None:
        """Reads the lists that the shop is run by, and what there is to send."""
        reference = f"RV-{n:08}"
        lists: list[tuple[str, dict[str, Any]]] = [
            ("bookings", {}), ("bookings", {"status": "in_repair"}), ("bookings", {"status": "ready,in_repair"}),
            ("bookings", {"status": "confirmed", "sort": "starts_at"}),
            ("bookings", {"assigned_to": 1}), ("bookings", {"assigned_to": "2,3,none"}),
            ("bookings", {"assigned_to": "none"}), ("bookings", {"assigned_to": "none", "sort": "starts_at"}),
            ("bookings", {"assigned_to": 1, "sort": "starts_at"}),
            ("bookings", {"assigned_to": 1, "status": "in_repair"}), ("notifications", {"template": "rare"}),
            ("notifications", {"channel": "sms"}),
            ("bookings", {"shop": "main", "starts_from": _SPAN["from"], "starts_to": _SPAN["to"], "sort": "starts_at"}),
            ("bookings", {"starts_from": _SPAN["from"], "starts_to": _SPAN["to"], "sort": "starts_at"}),
            ("bookings", {"q": f"name{n}"}), ("customers", {"q": f"name{n}"}), ("customers", {"sort": "name"}),
            ("customers", {"phone": EXAMPLES["phone"]}), ("customers", {"email": EXAMPLES["email"]}),
            ("customers", {"sort": "-created_at"}), ("notifications", {}), ("notifications", {"status": "dead"}),
            ("notifications", {"reference": reference}), ("audit", {"entity": "booking", "entity_id": reference}),
            ("audit", {"actor_kind": "user", "actor": self.id}), ("audit", {"action": "session.start"}),
            ("audit", {}), ("users", {}), ("sessions", {}),
            ("sessions", {"user": self.id}), ("live/sessions", {"user": self.id}),
            ("live/sessions", {"reference": reference}), ("users", {"role": "technician"}),
            ("bookings", {"starts_from": _SPAN["from"], "sort": "starts_at"}), ("dashboard", {}),
            ("bookings", {"shop": "branch-2", "starts_from": _SPAN["from"], "sort": "starts_at"}),
            ("bookings", {"shop": "branch-2"}), ("dashboard", {"shop": "main"}),
            ("catalog/models", {}), ("catalog/models", {"sort": "name"}),
            ("catalog/models", {"brand": "apple", "category": "phone"}), ("catalog/models", {"category": "phone"}),
            ("auth/sessions", {}), ("auth/me", {}), ("shops", {}), ("pricing/rules", {}), ("pricing/factors", {}),
        ]  # fmt: skip
        for name, query in lists:
            self.do("GET", f"/api/{name}", token=self.token, **query)
        for channel in Channel:
            self.dispatcher.step(channel)

    def background(self) -> None:
        """What the dispatcher and the housekeeping do."""
        database, services = self.services.database, self.services
        for channel in Channel:
            self.dispatcher.step(channel)
        work = (
            services.audit_seal.seal, lambda: services.audit_seal.seal(sweep=True), services.drafts.tidy,
            services.privacy.forget_the_silent, services.origins.refresh, services.live.bury,
        )  # fmt: skip
        for each in work:
            with database.connection_context():
                each()  # type: ignore[operator]  # of several kinds
        deliveries = services.webhook_deliveries
        deliveries.fan_out()
        if deliveries.waits() and (row := deliveries.claim()):
            deliveries.sent(row, 200)

    def lists(self) -> Iterator[str]:
        """Reads every list by each filter, by each sort both ways, and its second page; names what was read."""
        for route in ROUTES:
            if route.method != "GET" or route.query is None or not issubclass(route.query, Listing):
                continue
            if "{" in route.template:
                continue  # one webhook's deliveries: a list that is short for anybody
            own = {"limit", "after", "page", "sort"}
            names = [field.alias or name for name, field in route.query.model_fields.items() if name not in own]
            chosen: list[dict[str, Any]] = [{}]
            for name in names:
                chosen.append({name: _STATUS[route.template] if name == "status" else EXAMPLES[name]})
            chosen += [{"sort": f"{way}{name}"} for name in route.query.sortable for way in ("", "-")]
            for query in chosen:
                page = self.do("GET", route.template, token=self.token, **query)
                if page["next"] and "sort" not in query:
                    self.do("GET", route.template, token=self.token, after=page["next"], **query)
                    self.do("GET", route.template, token=self.token, page=2, **query)
                yield f"{route.template} {query}"

    def rarely(self) -> None:
        """What a manager or an administrator does now and then."""
        admin = self.token
        self.do("POST", "/api/customers/3/anonymize", None, admin)
        self.do("GET", "/api/audit/verify", token=admin)
        with self.services.database.connection_context():
            self.services.figures.settle()
        self.do("PATCH", f"/api/catalog/models/{MODEL}", {"name": "iPhone 13"}, admin)
        self.do("GET", f"/api/catalog/models/{MODEL}/prices", token=admin)
        self.do("GET", "/api/catalog/repairs", category="phone")
        self.do("PATCH", "/api/catalog/brands/apple", {"name": "Apple"}, admin)
        raised = {"kind": "percent", "value": 500, "name": "More", "priority": 50}
        for by in ("day", "month", "shop", "model", "technician"):
            self.do("GET", "/api/reports", token=admin, by=by)
        self.do("POST", "/api/pricing/simulate", {"days": 30, "change": raised}, admin)
        rule = self.do("POST", "/api/pricing/rules", raised, admin)["id"]
        self.do("DELETE", f"/api/pricing/rules/{rule}", None, admin)
        self.do("GET", "/api/database/indexes", token=admin)
