"""The benches' time that bookings take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database.ddl import backend
from reviva.database.fields import read_instant
from reviva.database.statement import Among, Param, Statement, locking
from reviva.models import Bench, BookingSlot

S = BookingSlot


class SlotRepository:
    """Occupied time, a row for each bench and step."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def busy(self, benches: Sequence[int], first: datetime, last: datetime, now: datetime) -> dict[datetime, set[int]]:
        """The benches that are taken in each step of a span, both ends included; lapsed holds don't count."""
        taken: dict[datetime, set[int]] = {}
        for row in _BUSY.all(self.database, benches=list(benches), first=first, last=last, now=now):
            taken.setdefault(row["starts_at"], set()).add(row["bench_id"])
        return taken

    def forget(self, before: datetime) -> int:
        """Removes steps that are long past: nobody asks any more whether a bench was free then.

        Bench by bench, as the primary key has them: an index of times would be one more entry for each step taken.
        """
        past = S.bench.in_(Bench.select(Bench.id)) & (S.starts_at < before)
        return int(S.delete().where(past).bind(self.database).execute())

    def take(self, bench: int, steps: Sequence[datetime], booking: int, held_until: datetime | None) -> bool:
        """Takes a bench's steps for a booking: all of them or none. Whether it could.

        The primary key decides, and waits for whoever is taking the same steps at the same moment; the reference to
        the bench waits for whoever is putting it out of use, so only then is asked whether it still is in use. Steps
        are taken in their order, and benches are tried in theirs, so that no two bookings can wait for each other.
        """
        _LAPSED.run(self.database, bench=bench, first=steps[0], last=steps[-1], now=clock.now())
        values: dict[str, Any] = {"bench": bench, "booking": booking, "held": held_until}
        values.update((f"step_{n}", step) for n, step in enumerate(steps))
        taken = taking(len(steps)).raw(self.database, **values)
        could = len(taken) == len(steps) and _IN_USE.first(self.database, bench=bench) is not None
        if not could:
            self.drop(bench, [read_instant(at) for (at,) in taken], booking)
        return could

    def own(self, booking: int) -> list[tuple[int, datetime]]:
        """The (bench, step) pairs of a booking, in order. Nobody takes them before the transaction ends."""
        found = _OWN[backend(self.database)].all(self.database, booking=booking)
        return [(row["bench_id"], row["starts_at"]) for row in found]

    def drop(self, bench: int, steps: Sequence[datetime], booking: int) -> None:
        """Gives back some of a booking's steps."""
        for step in steps:
            _DROP.run(self.database, bench=bench, step=step, booking=booking)

    def release(self, booking: int, since: datetime | None = None) -> None:
        """Gives back all the time of a booking, or its steps from `since` on."""
        _RELEASE.run(self.database, booking=booking, since=since or datetime.min.replace(tzinfo=UTC))

    def hold(self, booking: int, until: datetime | None) -> None:
        """Until when a booking's steps are held; None makes them its own for good."""
        _HOLD.run(self.database, booking=booking, until=until)


def taking(steps: int) -> Statement:
    """INSERT of so many steps, those that are taken left out; returns the ones it took."""
    if steps not in _TAKING:
        rows = [
            {
                S.bench: Param("bench"), S.starts_at: Param(f"step_{n}", S.starts_at), S.booking: Param("booking"),
                S.held_until: Param("held", S.held_until),
            }
            for n in range(steps)
        ]  # fmt: skip
        _TAKING[steps] = Statement(lambda: S.insert_many(rows).on_conflict_ignore().returning(S.starts_at))
    return _TAKING[steps]


_TAKING: dict[int, Statement] = {}
_LIVE = S.held_until.is_null() | (S.held_until > Param("now", S.held_until))
_SPAN = (S.starts_at >= Param("first", S.starts_at)) & (S.starts_at <= Param("last", S.starts_at))
_BUSY = Statement(lambda: S.select(S.starts_at, S.bench).where(Among(S.bench, "benches"), _SPAN, _LIVE))
_LAPSED = Statement(
    lambda: S.delete().where(S.bench == Param("bench"), _SPAN, S.held_until <= Param("now", S.held_until))
)
_IN_USE = Statement(lambda: Bench.select(Bench.id).where(Bench.id == Param("bench"), Bench.active))
_OF_BOOKING = S.booking == Param("booking")
_RELEASE = Statement(lambda: S.delete().where(_OF_BOOKING, S.starts_at >= Param("since", S.starts_at)))
_DROP = Statement(
    lambda: S.delete().where(S.bench == Param("bench"), S.starts_at == Param("step", S.starts_at), _OF_BOOKING)
)
_HOLD = Statement(lambda: S.update({S.held_until: Param("until", S.held_until)}).where(_OF_BOOKING))
_OWN = locking(lambda: S.select(S.bench, S.starts_at).where(_OF_BOOKING).order_by(S.bench, S.starts_at))
