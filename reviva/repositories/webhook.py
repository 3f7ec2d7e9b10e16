"""Other servers that are told what happens, and each try to tell them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from peewee import SQL, Query, fn

from reviva.database.ddl import backend
from reviva.database.statement import Among, Param, Row, Statement, locking
from reviva.models.event import Event
from reviva.models.notification import NotificationStatus
from reviva.models.user import Role, User
from reviva.models.webhook import WebhookDelivery, WebhookEndpoint
from reviva.repositories.base import Repository

E, D, V, U, S = WebhookEndpoint, WebhookDelivery, Event, User, NotificationStatus


def _untold() -> Any:
    """Events after the oldest that some active endpoint waits for; with no active endpoint, none."""
    first = E.select(fn.MIN(E.after_event)).where(E.active)
    return V.select(V.id, V.type).where(V.fanned_out_at.is_null(), V.id > first).order_by(V.id).limit(Param("limit"))


def _untold_on_sqlite() -> Any:
    # SQLite, if its statistics are from before the first webhook, takes the primary key, and reads what was told too.
    return _untold().from_(SQL('"event" AS "t1" INDEXED BY event_untold'))


def _first(status: str, order: Any) -> Any:
    """A column of an endpoint's first delivery in an order; not EXISTS, for which PostgreSQL may read all of them."""
    # The status is written out, so that the planner sees that the partial index fits.
    return D.select(order.node).where(D.endpoint == E.id, D.status == SQL(f"'{status}'")).order_by(order).limit(1)


def _waiting() -> Query:
    """Endpoints with something to be told that nobody is telling anything now."""
    now = Param("now", D.due_at)
    open_now = E.active & (E.paused_until.is_null() | (E.paused_until <= now))
    idle = fn.COALESCE(_first("sending", D.leased_until.desc()) <= now, SQL("TRUE"))
    due = open_now & (_first("queued", D.due_at.asc()) <= now) & idle
    return E.select(E.id).where(due | (_first("sending", D.leased_until.asc()) <= now))


def _claim(lapsed: bool, locks: bool) -> Query:
    since, status = (D.leased_until, "'sending'") if lapsed else (D.due_at, "'queued'")
    mine = (D.endpoint == Param("endpoint"), D.status == SQL(status), since <= Param("now", since))
    chosen = D.select(D.id).where(*mine).order_by(since, D.id).limit(1)
    if locks:
        chosen = chosen.for_update(skip_locked=True)
    change = {D.status: S.SENDING, D.leased_until: Param("until", D.leased_until), D.attempts: D.attempts + 1}
    return D.update(change).where(D.id == chosen).returning(D.id, D.attempts, D.leased_until)


_UNTOLD = {"sqlite": Statement(_untold_on_sqlite), "postgresql": Statement(_untold)}
_MINE = _UNTOLD | {"postgresql": Statement(lambda: _untold().for_update(skip_locked=True))}
_WAITING = Statement(_waiting)
_CLAIMS = {locks: [Statement(partial(_claim, lapsed, locks)) for lapsed in (True, False)] for locks in (True, False)}
_LISTENING = locking(lambda: E.select(E.id, E.events, E.after_event).where(E.active).order_by(E.id))
_LOCKED = locking(lambda: E.select().where(E.id == Param("id")))
_PARCEL = Statement(
    lambda: (
        D.select(
            D.endpoint, D.event, E.url, E.active, E.secret_serial, E.renewed_at, E.created_at, V.type, V.topic, V.at,
            V.data,
        )
        .join(E)
        .switch(D)
        .join(V)
        .where(D.id == Param("id"))
    )
)  # fmt: skip


class EndpointRepository(Repository[WebhookEndpoint]):
    model = WebhookEndpoint
    sorts = {"id": E.id, "url": E.url, "created_at": E.created_at, "updated_at": E.updated_at}
    default_sort = (("id", False),)
    filters = {"active": lambda active: E.active == active}

    def locked(self, id: int) -> Row | None:
        """An endpoint that nobody else changes meanwhile. It is locked before its deliveries are, by everybody."""
        return _LOCKED[backend(self.database)].first(self.database, id=id)

    def listening(self) -> list[Row]:
        """`id, events, after_event` of the active ones, which nobody changes before the transaction ends."""
        return _LISTENING[backend(self.database)].all(self.database)

    def last_event(self) -> int:
        """The newest event's id."""
        return int(self.run(V.select(fn.COALESCE(fn.MAX(V.id), 0).alias("id")))[0]["id"])

    def note(self, id: int, **values: Any) -> None:
        """Changes what only we know of an endpoint: no new version, for nobody's change is in the way of it."""
        self.update_many(E.id == id, **values)

    def recovered(self, id: int) -> None:
        """It took something."""
        self.update_many((E.id == id) & E.failing_since.is_null(False), failing_since=None, paused_until=None)

    def keepers(self, created_by: int | None) -> list[Row]:
        """`id, email` of who made it, where they may still change it; else of the admins."""
        people = U.select(U.id, U.email).where(U.active).order_by(U.id)
        maker = self.run(people.where(U.id == created_by, U.role.in_([Role.MANAGER, Role.ADMIN])))
        return maker or self.run(people.where(U.role == Role.ADMIN))


class DeliveryRepository(Repository[WebhookDelivery]):
    """Lists show deliveries, each with its event's type."""

    model = WebhookDelivery
    shows = Statement(lambda: D.select(D, V.type, V.at).join(V).where(Among(D.id, "ids")))
    sorts = {"id": D.id, "event": D.event, "created_at": D.created_at, "due_at": D.due_at, "sent_at": D.sent_at}
    default_sort = (("event", True),)
    filters = {
        "endpoint": lambda id: D.endpoint == id,
        "status": lambda statuses: D.status.in_(statuses),
        "type": lambda types: D.event.in_(V.select(V.id).where(V.type.in_(types))),
    }

    def untold(self, limit: int, locks: bool = False) -> list[Row]:
        """`id, type` of the oldest events of which no deliveries were made; locked, those that nobody else has."""
        return (_MINE if locks else _UNTOLD)[backend(self.database)].all(self.database, limit=limit)

    def fan_out(self, events: Sequence[int], deliveries: Iterable[Row], now: datetime) -> None:
        """Makes the deliveries of some events, once."""
        self.create_many(deliveries)
        V.update(fanned_out_at=now).where(V.id.in_(list(events))).bind(self.database).execute()

    def waiting(self, now: datetime) -> list[int]:
        """The endpoints of which `claim` would find something; takes no lock."""
        return [row["id"] for row in _WAITING.all(self.database, now=now)]

    def claim(self, endpoint: int, now: datetime, until: datetime) -> Row | None:
        """Takes what waits for longest, leased `until` then, and counts the attempt; None when nothing is due.

        `id, attempts, leased_until`, and what is to be told of the event. Lapsed leases come first.
        """
        for each in _CLAIMS[backend(self.database) != "sqlite"]:
            row = each.first(self.database, endpoint=endpoint, now=now, until=until)
            if row is not None:
                return row | (_PARCEL.first(self.database, id=row["id"]) or {})
        return None

    def settle(self, id: int, lease: datetime, **values: Any) -> bool:
        """Changes a delivery that is still leased until `lease` and ends the lease; whether it was."""
        mine = (D.id == id) & (D.status == S.SENDING) & (D.leased_until == lease)
        return bool(self.update_many(mine, leased_until=None, **values))

    def sent(self, id: int, status: int, now: datetime) -> None:
        """Notes that it was taken, even if somebody else took it over meanwhile."""
        self.update_many(
            (D.id == id) & D.status.in_([S.SENDING, S.QUEUED]), status=S.SENT, response_status=status, sent_at=now,
            leased_until=None, last_error=None,
        )  # fmt: skip

    def withdraw(self, endpoint: int) -> None:
        """Cancels what an endpoint has not been told yet."""
        self.update_many((D.endpoint == endpoint) & (D.status == SQL("'queued'")), status=S.CANCELLED)

    def hurry(self, endpoint: int, now: datetime) -> None:
        """Lets what an endpoint is to be told later be due."""
        self.update_many((D.endpoint == endpoint) & (D.status == SQL("'queued'")) & (D.due_at > now), due_at=now)

    def again(self, endpoint: int, id: int, now: datetime) -> bool:
        """Queues a delivery that is over, all attempts before it; whether it was over."""
        over = (D.id == id) & (D.endpoint == endpoint) & D.status.in_([S.SENT, S.DEAD, S.CANCELLED])
        return bool(self.update_many(over, status=S.QUEUED, attempts=0, due_at=now, sent_at=None))

    def forget(self, before: datetime) -> None:
        """Removes deliveries that are over and older."""
        over = D.status.not_in([S.QUEUED, S.SENDING]) & (D.created_at < before)
        D.delete().where(over).bind(self.database).execute()
