"""When a shop is open, as instants. Hours are local wall time, so a day may have 23 or 25 hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reviva.errors import Invalid
from reviva.models.shop import STEP_MINUTES

STEP = timedelta(minutes=STEP_MINUTES)
DAY = timedelta(days=1)
A_DAY = 24 * 60
"""Minutes on the wall."""
NO_OFFSET = timedelta(0)


@dataclass(frozen=True, slots=True)
class Span:
    """Open from one instant until before another."""

    opens: datetime
    closes: datetime


def whole_step(at: datetime) -> datetime:
    """The first step's beginning from an instant on."""
    return at + (datetime.min.replace(tzinfo=UTC) - at) % STEP


def begin(day: date, zone: ZoneInfo, later: timedelta = NO_OFFSET) -> datetime:
    """The instant at which a zone's clock shows midnight, or so much later on the wall. One that it skips counts as the
    instant it jumps from."""
    return (datetime.combine(day, time()) + later).replace(tzinfo=zone).astimezone(UTC)


class Calendar:
    """A shop's opening: weekly spans in its zone, without the days it is closed."""

    def __init__(
        self, timezone: str, hours: Sequence[tuple[int, int, int]], closures: Sequence[tuple[date, date]], grid: int,
        early: Sequence[tuple[date, date, int]] = (),
    ) -> None:  # fmt: skip
        """`hours` are (weekday, opens, closes) in minutes after local midnight; `closures` are (first, last day), and
        `early` the same with when it shuts on them."""
        self.zone = ZoneInfo(timezone)
        self.hours, self.closures, self.grid, self.early = hours, closures, grid, early
        self.longest = max((closes - opens for _, opens, closes in hours), default=0)
        self.nightly = any(closes == A_DAY for _, _, closes in hours)

    @classmethod
    def of(cls, shop: Any, hours: Sequence[Any], closures: Sequence[Any]) -> Calendar:
        """The calendar of a shop from its rows."""
        week = sorted((row.weekday, row.opens, row.closes) for row in hours)
        whole = [(row.starts_on, row.ends_on) for row in closures if not row.shuts_at]
        early = [(row.starts_on, row.ends_on, row.shuts_at) for row in closures if row.shuts_at]
        return cls(shop.timezone, week, whole, shop.grid_minutes, early)

    def spans(self, day: date) -> Iterator[Span]:
        """A day's opening in order."""
        if any(first <= day <= last for first, last in self.closures):
            return
        shuts = min((at for first, last, at in self.early if first <= day <= last), default=A_DAY)
        for weekday, opens, closes in self.hours:
            if weekday == day.weekday() and opens < shuts:
                yield Span(whole_step(self.instant(day, opens)), self.instant(day, min(closes, shuts)))

    def shuts(self, day: date, span: Span) -> datetime:
        """When a day's opening ends for jobs that fit into one: where it goes on at midnight, with the next day's."""
        through = (each.closes for each in self.spans(day + DAY) if each.opens == span.closes)
        return next(through, span.closes) if self.nightly else span.closes

    def instant(self, day: date, minutes: int) -> datetime:
        """The instant of a wall time. One that the clock skips counts as the instant it jumps from."""
        return begin(day, self.zone, timedelta(minutes=minutes))

    def starts(self, day: date, minutes: int) -> Iterator[datetime]:
        """The starts on the grid, on a day, of jobs of so many minutes.

        A job must end before its span does, unless it is longer than any span: then it goes on at the next opening.
        """
        needed = timedelta(minutes=minutes) if minutes <= self.longest else STEP
        for span in self.spans(day):
            at, last = span.opens, self.shuts(day, span) - needed
            while at <= last and at < span.closes:
                if self.on_grid(at):
                    yield at
                at += STEP

    def on_grid(self, at: datetime) -> bool:
        """Whether a job may start at this minute of the wall clock."""
        local = at.astimezone(self.zone)
        return (local.hour * 60 + local.minute) % self.grid == 0 and not (local.second or local.microsecond)

    def accepts(self, at: datetime, minutes: int) -> bool:
        """Whether a job of so many minutes can start then, as far as opening goes."""
        needed = timedelta(minutes=minutes) if minutes <= self.longest else STEP
        day = at.astimezone(self.zone).date()
        return any(span.opens <= at < span.closes and at + needed <= self.shuts(day, span) for span in self.spans(day))

    def steps(self, starts_at: datetime, minutes: int) -> list[datetime]:
        """The steps that a job takes, from its start on through open time only; [] if it never fits within a year."""
        wanted = -(-minutes // STEP_MINUTES)
        taken: list[datetime] = []
        day = starts_at.astimezone(self.zone).date()
        for ahead in range(366):
            for span in self.spans(day + ahead * DAY):
                at = max(span.opens, starts_at) if not taken else span.opens
                while at < span.closes and len(taken) < wanted:
                    taken.append(at)
                    at += STEP
                if len(taken) == wanted:
                    return taken
        return []

    def occupied(self, starts_at: datetime, minutes: int, buffer: int) -> list[datetime]:
        """The steps that a job keeps its bench for: its own, and those of the buffer after it, open or not."""
        own = self.steps(starts_at, minutes)
        spare = -(-(minutes + buffer) // STEP_MINUTES) - len(own)
        return own + [own[-1] + STEP * n for n in range(1, spare + 1)] if own else []


def check_exists(at: datetime, timezone: str) -> None:
    """Raises `Invalid` for an instant written as a wall time that the shop's clock jumps over.

    Only an instant written with an offset that the shop's clock has just before or after the jump means its wall time;
    any other names an instant and nothing else, as UTC always does. A time that the clock shows twice is told apart by
    its offset.
    """
    if not at.utcoffset():
        return
    wall = at.replace(tzinfo=ZoneInfo(timezone))
    before, after = wall.utcoffset() or NO_OFFSET, wall.replace(fold=1).utcoffset() or NO_OFFSET
    if before < after and at.utcoffset() in (before, after):  # twice is the other way round, and else they are equal
        raise Invalid.field("starts_at", "the shop's clock jumps over this time", "skipped-hour")
