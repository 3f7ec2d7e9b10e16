"""Everything that is held about one person, in every table: to hand it out, and to erase it."""

from __future__ import annotations

from typing import Any

from peewee import Database, Model

from reviva.database.ddl import backend
from reviva.database.statement import Row
from reviva.models.audit import Audit, AuditPersonal
from reviva.models.booking import Booking, BookingHistory, BookingItem, IdempotencyKey
from reviva.models.customer import Customer
from reviva.models.event import Event, LiveSession
from reviva.models.notification import Notification, NotificationPreference, NotificationStatus
from reviva.models.user import OneTimeToken, Session, User
from reviva.repositories.customer import CustomerRepository

WAITING = (NotificationStatus.QUEUED, NotificationStatus.SENDING)


class PersonRepository:
    """`ids` are a customer and whoever was merged into them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._run = CustomerRepository(database).run

    def ids(self, customer: int) -> list[int]:
        """The customer, and those who were merged into them."""
        same = (Customer.id == customer) | (Customer.merged_into == customer)
        return [row["id"] for row in self._run(Customer.select(Customer.id).where(same).order_by(Customer.id))]

    def bookings(self, ids: list[int]) -> list[Row]:
        """Id and reference of each of their bookings."""
        return self._run(Booking.select(Booking.id, Booking.reference).where(Booking.customer.in_(ids)))

    def held(self, ids: list[int]) -> dict[str, list[Row]]:
        """Every row of theirs by table, without hashes of tokens and the words for searching."""
        bookings = Booking.select(Booking.id).where(Booking.customer.in_(ids))
        topics = [f"booking:{row['reference']}" for row in self.bookings(ids)]
        users = Customer.select(Customer.user).where(Customer.id.in_(ids), Customer.user.is_null(False))
        theirs = {
            "customers": _all(Customer).where(Customer.id.in_(ids)),
            "bookings": _all(Booking).where(Booking.id.in_(bookings)),
            "items": _all(BookingItem).where(BookingItem.booking.in_(bookings)),
            "history": _all(BookingHistory).where(BookingHistory.booking.in_(bookings)),
            "notifications": _all(Notification).where(
                Notification.customer.in_(ids) | Notification.booking.in_(bookings) | Notification.user.in_(users)
            ),
            "preferences": _all(NotificationPreference).where(NotificationPreference.customer.in_(ids)),
            "events": _all(Event).where(Event.topic.in_(topics)),
            "live_sessions": _all(LiveSession).where(LiveSession.booking.in_(bookings) | LiveSession.user.in_(users)),
            "users": _all(User).where(User.id.in_(users)),
            "sessions": _all(Session).where(Session.user.in_(users)),
            "audit": AuditPersonal.select(
                Audit.at, Audit.action, AuditPersonal.before, AuditPersonal.after, AuditPersonal.address
            ).join(Audit).where(AuditPersonal.customer.in_(ids)),
        }  # fmt: skip
        return {name: self._run(query) for name, query in theirs.items()}

    def erase(self, ids: list[int], now: Any) -> None:
        """Overwrites or removes what is personal in each table; figures, prices and times stay."""
        held = self.bookings(ids)
        bookings, references = [row["id"] for row in held], [row["reference"] for row in held]
        topics = [f"booking:{reference}" for reference in references]
        users = [row["user_id"] for row in self._run(Customer.select(Customer.user).where(Customer.id.in_(ids)))]
        users = [user for user in users if user is not None]
        messages = Notification.customer.in_(ids) | Notification.booking.in_(bookings) | Notification.user.in_(users)
        sockets = LiveSession.booking.in_(bookings) | LiveSession.user.in_(users)
        self._set(Booking, Booking.id.in_(bookings), contact={}, notes="", search_text="", updated_at=now)
        self._set(Booking, Booking.id.in_(bookings), token_serial=Booking.token_serial + 1)
        self._set(BookingHistory, BookingHistory.booking.in_(bookings), note="")
        self._remove(IdempotencyKey, IdempotencyKey.booking.in_(bookings))
        self._set(
            Notification, messages & Notification.status.in_(WAITING),
            status=NotificationStatus.CANCELLED, leased_until=None,
        )  # fmt: skip
        self._set(Notification, messages, recipient="", payload={}, last_error=None)
        self._remove(NotificationPreference, NotificationPreference.customer.in_(ids))
        self._set(Event, Event.topic.in_(topics), data={})
        self._set(LiveSession, sockets, address="", device="")
        self._erase_audit(ids, references)
        self._erase_users(users, now)
        self._set(
            Customer, Customer.id.in_(ids), email=None, email_key=None, name="", phone=None, notes="", search_text="",
            marketing_consent=False, consent_at=None, anonymized_at=now, updated_at=now, version=Customer.version + 1,
        )  # fmt: skip

    def _erase_audit(self, ids: list[int], references: list[str]) -> None:
        about = Audit.select(Audit.id).where(
            ((Audit.entity == "booking") & Audit.entity_id.in_(references))
            | ((Audit.entity == "customer") & Audit.entity_id.in_([str(id) for id in ids]))
        )
        self._remove(AuditPersonal, AuditPersonal.customer.in_(ids) | AuditPersonal.audit.in_(about))

    def _erase_users(self, users: list[int], now: Any) -> None:
        """A customer's own login goes; somebody who also works here keeps theirs."""
        mine = User.select(User.id).where(User.id.in_(users), User.role == "customer")
        for row in self._run(mine):
            id, gone = row["id"], f"erased-{row['id']}@invalid"
            about = Audit.select(Audit.id).where(Audit.entity == "user", Audit.entity_id == str(id))
            self._remove(AuditPersonal, AuditPersonal.audit.in_(about))
            self._remove(Session, Session.user == id)
            self._remove(OneTimeToken, OneTimeToken.user == id)
            self._set(
                User, User.id == id, email=gone, email_key=gone, name="", password_hash=None, active=False,
                updated_at=now, version=User.version + 1,
            )  # fmt: skip

    def _set(self, model: type[Model], condition: Any, **values: Any) -> None:
        model.update(values).where(condition).bind(self.database).execute()

    def _remove(self, model: type[Model], condition: Any) -> None:
        model.delete().where(condition).bind(self.database).execute()

    def scrub(self) -> None:
        """On SQLite, lets nothing of what was erased linger: not in free pages, not in the search index, not in the
        log of writes. PostgreSQL's vacuum does the same in its time."""
        if backend(self.database) != "sqlite":
            return
        with self.database.atomic():
            for table in ("customer", "booking"):
                self.database.execute_sql(f"INSERT INTO {table}_words({table}_words) VALUES ('optimize')")
        self.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def overwrite_what_is_freed(self) -> None:
        """From now on this SQLite connection writes zeros over what it frees."""
        if backend(self.database) == "sqlite":
            self.database.execute_sql("PRAGMA secure_delete = ON")


_HIDDEN = frozenset({"search_text", "token_hash", "password_hash", "email_key", "token_serial"})


def _all(model: type[Model]) -> Any:
    """Every column that tells the person something."""
    return model.select(*[field for name, field in model._meta.fields.items() if name not in _HIDDEN])
