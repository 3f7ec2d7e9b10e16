"""The audit's rows, their personal values and the seals over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from peewee import JOIN, SQL, Database, Expression, NodeList, chunked, fn

from reviva.database import bulk, statement
from reviva.database.ddl import backend
from reviva.database.statement import Among, Param, Row, Statement
from reviva.identity import email_key
from reviva.models.appendonly import ERASED
from reviva.models.audit import ActorKind, Audit, AuditHead, AuditSeal
from reviva.models.user import Role, User
from reviva.paging import ListQuery, Page
from reviva.repositories.base import BATCH, Repository

A, S = Audit, AuditSeal

_PERSONAL = A.personal.cast("TEXT")
UNERASED = A.personal.is_null(False) & ~_PERSONAL.startswith(ERASED)
"""Rows whose personal values are there."""
NOBODY = "0"
"""An id that no user has."""
LOOK_BACK = 1000
"""How far behind the newest sealed row a row is still looked for that was committed out of order."""
_LOCK = 0x5EA1
"""The advisory lock of whoever seals."""

_UNSEALED = Statement(
    lambda: (
        A.select(A.id, A.mac)
        .join(S, JOIN.LEFT_OUTER, on=(S.audit_id == A.id))
        .where(S.audit_id.is_null(), A.id > Param("low"))  # of the join's own column, else it is no anti-join
        .order_by(A.id)
        .limit(Param("limit"))
    )
)
_LENGTH = Statement(lambda: AuditHead.select(AuditHead.length).order_by(AuditHead.id).limit(1))
_NEWEST = Statement(lambda: S.select(fn.COALESCE(fn.MAX(S.audit_id), 0).alias("id")))
_CONTENT = (
    A.id, A.at, A.actor_kind, A.actor, A.action, A.entity, A.entity_id, A.before, A.after, A.personal, A.request_id,
    A.address, A.mac,
)  # fmt: skip


class AuditRepository(Repository[Audit]):
    model = Audit
    shows = Statement(lambda: A.select(*_CONTENT[:-1]).where(Among(A.id, "ids")))
    sorts = {"id": A.id, "at": A.at}
    default_sort = (("at", True),)
    filters = {
        "entity": lambda entity: A.entity == entity,
        "entity_id": lambda entity_id: A.entity_id == entity_id,
        "actor": lambda actor: done_by(kind_of(actor), [actor]),
        "actor_kind": lambda kind: A.actor_kind == kind,
        "action": lambda action: of_kind(action),
        "from_": lambda at: A.at >= at,
        "to": lambda at: A.at < at,
    }

    def conditions(self, filters: Mapping[str, Any]) -> list[Expression]:
        """Those of the filters. Most rows are about bookings, which SQLite does not know: it would collect them all to
        sort them, where a look at the newest rows finds a page of them."""
        if filters.get("entity") != "booking" or filters.get("entity_id") or backend(self.database) != "sqlite":
            return super().conditions(filters)
        others = {name: value for name, value in filters.items() if name != "entity"}
        return [*super().conditions(others), NodeList((SQL("+"), A.entity)) == "booking"]

    def listed(self, wanted: ListQuery) -> Page[Row]:
        """A page of rows; a user's also by their address."""
        actor = wanted.filters.get("actor") or ""
        if "@" in actor:
            known = self.run(User.select(User.id).where(User.email_key == email_key(actor)))
            wanted = replace(wanted, filters={**wanted.filters, "actor": str(known[0]["id"]) if known else NOBODY})
        return super().listed(wanted)

    def add(self, row: Row) -> None:
        """Adds a row by the end of the transaction."""
        statement.insert_late(self.database, Audit, **row)

    def about(self, entity: str, ids: Sequence[str]) -> Any:
        """The condition of rows about some things."""
        return (A.entity == entity) & A.entity_id.in_(ids)

    def with_personal(self, condition: Any) -> list[Row]:
        """Those of some rows whose personal values are not erased yet: `id, mac`, and `personal` as it is stored."""
        return self.run(A.select(A.id, A.mac, _PERSONAL.alias("personal")).where(condition, UNERASED))

    def erase(self, id: int, mark: str, was: str) -> None:
        """Puts a mark, and what they hashed to, in the place of a row's personal values."""
        A.update(personal={"erased": mark, "was": was}).where(A.id == id).bind(self.database).execute()

    def add_many(self, rows: Sequence[Row]) -> None:
        """Adds rows at once. For commands only."""
        bulk.add(self.database, Audit, rows)

    def unsealed(self, low: int, limit: int) -> list[Row]:
        """Rows after id `low` that have no seal yet: `id, mac`."""
        return _UNSEALED.all(self.database, low=low, limit=limit)

    def may_seal(self) -> bool:
        """Whether no other process is sealing; holds until the end of the transaction."""
        if backend(self.database) == "sqlite":
            return True  # every transaction is the only writer
        cursor = self.database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,))
        return bool(cursor.fetchone()[0])

    def length(self) -> int | None:
        """How many links the chain has, as far as it is written down; None where nothing is."""
        row = _LENGTH.first(self.database)
        return None if row is None else int(row["length"])

    def head(self) -> Row | None:
        """How the chain ends: `length, hash, signature, sealed_at` as they are stored."""
        columns = AuditHead.length, AuditHead.hash, AuditHead.signature, _as_stored(self.database, AuditHead.sealed_at)
        rows = self.run(AuditHead.select(*columns).order_by(AuditHead.id).limit(1))
        return rows[0] if rows else None

    def begin(self, head: dict[str, Any]) -> None:
        """Writes down the end of a chain that has no links yet; not where there are rows, or where it is written down.

        Of several who add a first row at once, one writes it and the others wait until it is there.
        """
        if not self.exists():
            AuditHead.insert(id=1, **head).on_conflict_ignore().bind(self.database).execute()

    def seal(self, seals: list[dict[str, Any]], head: dict[str, Any]) -> None:
        """Adds links to the chain and writes down its new end."""
        for some in chunked(seals, BATCH):
            statement.insert(self.database, AuditSeal, list(some))
        AuditHead.update(head).where(AuditHead.id == 1).bind(self.database).execute()

    def sealed_up_to(self) -> int:
        """The id up to which every row has its seal, as far as one can know without looking at them all.

        SQLite has one writer at a time, so ids commit in their order.
        """
        newest = int(_NEWEST.all(self.database)[0]["id"])
        return newest if backend(self.database) == "sqlite" else newest - LOOK_BACK

    def chain(self, batch: int = 1000) -> Iterator[Row]:
        """Every link in order: `position, sealed_id, hash, sealed_at`, and the columns of its row, None where that is
        missing."""
        position = 0
        columns = S.id.alias("position"), S.audit_id.alias("sealed_id"), S.hash, _as_stored(self.database, S.sealed_at)
        while True:
            query = S.select(*columns, *_stored(self.database))
            query = query.join(A, JOIN.LEFT_OUTER, on=(A.id == S.audit_id)).where(S.id > position)
            rows = self.run(query.order_by(S.id).limit(batch))
            yield from rows
            if len(rows) < batch:
                return
            position = rows[-1]["position"]

    def without_seal(self) -> list[Row]:
        """Every row that has no seal, as `chain` gives it."""
        query = A.select(*_stored(self.database)).join(S, JOIN.LEFT_OUTER, on=(S.audit_id == A.id))
        return self.run(query.where(S.id.is_null()).order_by(A.id))

    def doubles(self) -> list[int]:
        """Ids of rows that repeat another's MAC, which is never made twice."""
        first = A.select(A.mac, fn.MIN(A.id).alias("first")).group_by(A.mac).having(fn.COUNT(SQL("*")) > 1)
        query = A.select(A.id).join(first, on=(first.c.mac == A.mac)).where(A.id > first.c.first).order_by(A.id)
        return [row["id"] for row in self.run(query)]

    def unexplained(self) -> bool:
        """Whether there is an administrator and no row about the first of them, whose making must have left one."""
        first = self.run(User.select(User.id).where(User.role == Role.ADMIN).order_by(User.id).limit(1))
        return bool(first) and not self.exists(self.about("user", [str(first[0]["id"])]))


def of_kind(action: str) -> Any:
    """Rows of an action. Of all but bookings' there is an index, which is used where that is said."""
    found = A.action == action
    return found if action.startswith("booking.") else found & (A.entity != SQL("'booking'"))


def kind_of(actor: str) -> ActorKind:
    """Who has such a name: users have numbers, bookings references."""
    if actor.isdecimal():
        return ActorKind.USER
    return ActorKind.BOOKING if actor.startswith("RV-") else ActorKind.COMMAND


def done_by(kind: ActorKind, names: Sequence[str]) -> Any:
    """Rows of what some did who are known by name, in the words of the index."""
    return (A.actor_kind == kind) & (A.actor != SQL("''")) & A.actor.in_(names)


def _stored(database: Database) -> list[Any]:
    """A row's columns as they are stored: a changed document must not be mended by reading it."""
    raw: dict[Any, Any] = {field: field.cast("TEXT") for field in (A.before, A.after, A.personal)}
    raw[A.at] = _as_stored(database, A.at)
    return [raw.get(field, field).alias(f"a_{field.column_name}") for field in _CONTENT]


def _as_stored(database: Database, instant: Any) -> Any:
    """An instant that is not read on SQLite, where it is text and may be any."""
    return instant.cast("TEXT").alias(instant.column_name) if backend(database) == "sqlite" else instant
