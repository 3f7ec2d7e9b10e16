"""Everything that is held about one person, in every table: to hand it out, and to erase it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import Database, Model, fn

from reviva.database.ddl import backend
from reviva.database.statement import Row
from reviva.models.audit import ActorKind, Audit
from reviva.models.booking import OVER, Booking, BookingHistory, BookingItem, IdempotencyKey
from reviva.models.customer import Customer
from reviva.models.event import Event, LiveSession
from reviva.models.notification import Notification, NotificationPreference, NotificationStatus
from reviva.models.user import OneTimeToken, Role, Session, User
from reviva.repositories.audit import UNERASED, AuditRepository, done_by
from reviva.repositories.customer import CustomerRepository

FORMER = "former colleague"
"""What somebody is called who worked here and was erased."""
WAITING = (NotificationStatus.QUEUED, NotificationStatus.SENDING)


@dataclass(frozen=True, slots=True)
class Person:
    """Where somebody's traces are: `ids` of the customer and whoever was merged into them, and what hangs on those."""

    ids: list[int]
    keys: list[str]
    """Their addresses as they are compared."""
    bookings: list[int]
    references: list[str]
    open: list[str]
    """Those that have not ended."""
    users: list[int]
    staff: list[int]
    """Those of the users who work here."""
    in_person: bool
    """Whether all that the person is was asked for, and not only the customer."""

    @property
    def accounts(self) -> list[int]:
        """The users who go with them: somebody who also works here stays where only the customer goes."""
        return self.users if self.in_person else [id for id in self.users if id not in self.staff]

    @property
    def known(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.ids or self.bookings or self.users)


class PersonRepository:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._run = CustomerRepository(database).run

    def trace(self, customer: int | None, key: str | None = None) -> Person:
        """Finds them by customer, by address, or both: a draft knows its customer by address alone.

        An address means the person, also where they work here; without one, the customer is meant.
        """
        same = (Customer.id == customer) | (Customer.merged_into == customer)
        rows = (
            self._run(Customer.select(Customer.id, Customer.email_key, Customer.user).where(same)) if customer else []
        )
        ids = sorted(row["id"] for row in rows)
        keys = sorted({row["email_key"] for row in rows} - {None} | ({key} if key else set()))
        drafts = [
            Booking.customer.is_null() & fn.LOWER(Booking.contact.cast("TEXT")).contains(f'"{known}"') for known in keys
        ]
        mine = reduce(or_, drafts, Booking.customer.in_(ids))
        bookings = self._run(
            Booking.select(Booking.id, Booking.reference, Booking.status).where(mine).order_by(Booking.id)
        )
        linked = [row["user_id"] for row in rows if row["user_id"] is not None]
        users = self._run(User.select(User.id, User.role).where(User.id.in_(linked) | User.email_key.in_(keys)))
        return Person(
            ids, keys, [row["id"] for row in bookings], [row["reference"] for row in bookings],
            [row["reference"] for row in bookings if row["status"] not in OVER],
            [row["id"] for row in users], [row["id"] for row in users if row["role"] != Role.CUSTOMER], key is not None,
        )  # fmt: skip

    def held(self, person: Person) -> dict[str, list[Row]]:
        """Every row of theirs by table, without hashes of tokens and the words for searching."""
        topics = [f"booking:{reference}" for reference in person.references]
        sockets = LiveSession.booking.in_(person.bookings) | LiveSession.user.in_(person.users)
        theirs = {
            "customers": _all(Customer).where(Customer.id.in_(person.ids)),
            "bookings": _all(Booking).where(Booking.id.in_(person.bookings)),
            "items": _all(BookingItem).where(BookingItem.booking.in_(person.bookings)),
            "history": _all(BookingHistory).where(BookingHistory.booking.in_(person.bookings)),
            "notifications": _all(Notification).where(self._messages(person)),
            "preferences": _all(NotificationPreference).where(_choices(person)),
            "events": _all(Event).where(Event.topic.in_(topics)),
            "live_sessions": _all(LiveSession).where(sockets),
            "users": _all(User).where(User.id.in_(person.users)),
            "sessions": _all(Session).where(Session.user.in_(person.users)),
            "audit": Audit.select(Audit.at, Audit.action, Audit.personal).where(self.audited(person), UNERASED),
        }
        return {name: self._run(query) for name, query in theirs.items()}

    def erase(self, person: Person, now: Any) -> None:
        """Overwrites or removes what is personal in each table; figures, prices and times stay."""
        messages = self._messages(person)
        self._erase_bookings(person, now)
        self._set(
            Notification, messages & Notification.status.in_(WAITING),
            status=NotificationStatus.CANCELLED, leased_until=None,
        )  # fmt: skip
        self._set(Notification, messages, recipient="", payload={}, last_error=None)
        self._remove(NotificationPreference, _choices(person))
        self._erase_users(person, now)
        self._set(
            Customer, Customer.id.in_(person.ids), email=None, email_key=None, name="", phone=None, notes="",
            search_text="", marketing_consent=False, consent_at=None, anonymized_at=now, updated_at=now,
            version=Customer.version + 1,
        )  # fmt: skip

    def _erase_bookings(self, person: Person, now: Any) -> None:
        bookings, topics = person.bookings, [f"booking:{reference}" for reference in person.references]
        self._set(
            Booking, Booking.id.in_(bookings), contact={}, notes="", search_text="", updated_at=now,
            token_serial=Booking.token_serial + 1,
        )  # fmt: skip
        self._set(BookingHistory, BookingHistory.booking.in_(bookings), note="")
        self._remove(IdempotencyKey, IdempotencyKey.booking.in_(bookings))
        self._set(Event, Event.topic.in_(topics), data={})
        sockets = LiveSession.booking.in_(bookings) | LiveSession.user.in_(person.accounts)
        self._set(LiveSession, sockets, address="", device="")

    def _erase_users(self, person: Person, now: Any) -> None:
        """Nobody can log in any more; what staff did stays done by somebody without a name."""
        for id in person.accounts:
            gone = f"erased-{id}@invalid"
            self._remove(Session, Session.user == id)
            self._remove(OneTimeToken, OneTimeToken.user == id)
            self._set(
                User, User.id == id, email=gone, email_key=gone, name=FORMER if id in person.staff else "",
                password_hash=None, active=False, last_login_at=None, updated_at=now, version=User.version + 1,
            )  # fmt: skip

    def _messages(self, person: Person) -> Any:
        """Messages to them; those to a colleague are not theirs."""
        return (
            Notification.customer.in_(person.ids)
            | Notification.booking.in_(person.bookings)
            | Notification.user.in_(person.accounts)
        )

    def audited(self, person: Person) -> Any:
        """The condition of audit rows about them or by them; what staff did, but for logging in, is about others."""
        users, staff = [str(id) for id in person.accounts], [str(id) for id in person.accounts if id in person.staff]
        customers = [id for id in users if id not in staff]
        about = AuditRepository(self.database).about
        rows = about("booking", person.references) | about("customer", [str(id) for id in person.ids])
        rows |= about("user", users) | done_by(ActorKind.USER, customers)
        return rows | (done_by(ActorKind.USER, staff) & (Audit.entity == "session"))

    def _set(self, model: type[Model], condition: Any, **values: Any) -> None:
        model.update(values).where(condition).bind(self.database).execute()

    def _remove(self, model: type[Model], condition: Any) -> None:
        model.delete().where(condition).bind(self.database).execute()

    def scrub(self) -> None:
        """On SQLite, lets nothing of what was erased linger in the search index; inside a transaction.

        PostgreSQL's vacuum does the same in its time.
        """
        if backend(self.database) != "sqlite":
            return
        for table in ("customer", "booking"):
            self.database.execute_sql(f"INSERT INTO {table}_words({table}_words) VALUES ('optimize')")

    def empty_log(self) -> None:
        """On SQLite, moves the log of writes into the file and cuts it, outside any transaction."""
        if backend(self.database) == "sqlite":
            self.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


_HIDDEN = frozenset({"search_text", "token_hash", "password_hash", "email_key", "token_serial"})


def _choices(person: Person) -> Any:
    """What they want to hear."""
    return NotificationPreference.customer.in_(person.ids) | NotificationPreference.booking.in_(person.bookings)


def _all(model: type[Model]) -> Any:
    """Every column that tells the person something, of rows in the order in which they were made."""
    shown = model.select(*[field for name, field in model._meta.fields.items() if name not in _HIDDEN])
    return shown.order_by(*model._meta.get_primary_keys())
