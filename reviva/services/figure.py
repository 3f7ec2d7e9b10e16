"""What a shop earns and how it works: days that are over are counted once and kept, and so is what is final of a busy
day before its end; the rest is counted when asked.

Figures are counts of steps in the bookings' histories, which are never changed, so a day's figures are final soon after
its midnight; where they are not, because a shop has another zone or a finished job another technician, they are counted
again. Nothing is added to what a booking does, and nobody waits for a hot row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain, groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from peewee import Database

from reviva import clock
from reviva.database.monitor import repeating
from reviva.database.statement import Row
from reviva.models.booking import OVER, Status
from reviva.models.summary import Measure
from reviva.repositories.catalog import DeviceModelRepository
from reviva.repositories.figure import SHOWN, FigureRepository, Kept, summed
from reviva.repositories.figure_count import FigureCounts
from reviva.repositories.shop import ShopRepository
from reviva.services.calendar import DAY, NO_OFFSET, begin
from reviva.services.scope import Scope

SETTLED: Final = timedelta(minutes=15)
"""After midnight: by then whatever began before it is committed."""
TOP: Final = 10
FRESH_SECONDS: Final = 60.0
"""For how long another process may have added to the past without being noticed here."""
MOST_PASTS: Final = 100
BUSY: Final = 200
"""Steps of bookings that are not counted again for each who asks: what is final of a day is kept before its end."""
AT_ONCE: Final = 3
"""Days that one round of the background work counts."""

Totals = dict[tuple[date | None, str, str], tuple[int, int]]
"""(day, measure, key) to (count, amount); models are of no day."""


class FigureService:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.figures, self.counts = FigureRepository(database), FigureCounts(database)
        self.shops, self.models = ShopRepository(database), DeviceModelRepository(database)
        self._past: dict[Any, tuple[float, tuple[Totals, Kept]]] = {}
        self._next: dict[str, date] = {}
        """For each zone, the first day that may not be kept yet."""

    def settle(self, most: int = AT_ONCE) -> int:
        """Counts and keeps days that are over, oldest first, at most so many; returns how many it was."""
        done, scope = 0, self.scope()
        began = min(scope.first_days().values(), default=date.max)
        for zone, shops in scope.zones().items():
            last = (clock.now() - SETTLED).astimezone(ZoneInfo(zone)).date() - DAY
            if self._next.get(zone, date.min) > last:
                continue
            first = max(self._next.get(zone, date.min), began)
            kept = self.figures.kept_days(None, first, last)
            for day in days(first, last):
                if done == most:
                    return done
                done += self.keep(zone, shops, day, kept)
                self._next[zone] = day + DAY
        return done

    def settle_latest(self, span: int, told: Callable[[int], None] = lambda done: None) -> None:
        """Counts and keeps the last so many days that are over, so that a dashboard of them is fast at once."""
        for zone, shops in self.scope().zones().items():
            last = (clock.now() - SETTLED).astimezone(ZoneInfo(zone)).date() - DAY
            first = last - (span - 1) * DAY
            kept = self.figures.kept_days(None, first, last)
            for day in days(first, last):
                self.keep(zone, shops, day, kept)
                told(1)
        self.keep_begun()

    def keep(self, zone: str, shops: Sequence[int], day: date, kept: Kept) -> bool:
        """Counts and keeps a day of those shops that it is not kept of; whether there were any."""
        missing = kept.missing(shops, day)
        if missing:
            with self.database.atomic():
                mark = self.figures.begin(day, missing)
            counted = self.counted(zone, missing, day, day)  # outside the transactions, which must be short
            with self.database.atomic():
                self.figures.keep(day, mark, counted.get(day, ()))
        return bool(missing)

    def keep_begun(self) -> None:
        """Keeps what is final of the days that are not over, where that is much."""
        until = (clock.now() - SETTLED).replace(microsecond=0)
        for zone, shops in self.scope().zones().items():
            day = until.astimezone(ZoneInfo(zone)).date()
            kept = self.figures.kept_days(None, day, day)
            for since, some in kept.since(kept.missing(shops, day), day).items():
                first = since or begin(day, ZoneInfo(zone))
                if not self.counts.busy(first, until, BUSY):
                    continue
                with self.database.atomic():
                    mark = self.figures.begin(day, some)
                if self.figures.kept_days(None, day, day) != kept:
                    break  # somebody else keeps it, or dropped what was kept: the next round looks again
                rows = self.part(some, first, until)
                with self.database.atomic():
                    self.figures.keep_more(day, mark, rows, since, until)
                kept = self.figures.kept_days(None, day, day)

    def check_again(self) -> None:
        """The next `settle` looks at every day: there may be a new shop, or a past that was added."""
        self._next.clear()
        self._past.clear()

    def forget(self, first: date) -> None:
        """Drops what is kept from a day on; the caller has the transaction open."""
        self.figures.forget(first)
        self.check_again()

    def forget_shop(self, shop: int) -> None:
        """Drops what is kept of a shop, whose days begin at other times now; the caller has the transaction open."""
        self.figures.drop_shop(shop)
        self.check_again()

    def forget_day(self, shop: int, zone: str, at: datetime) -> None:
        """Drops what is kept of the shop's day of an instant; the caller has the transaction open."""
        self.figures.drop(at.astimezone(ZoneInfo(zone)).date(), shop)
        self.check_again()

    def dashboard(self, days_back: int, slug: str | None = None) -> dict[str, Any]:
        """The last so many days, today included, of one shop or of all, as the contract has it.

        `counts`: how many bookings stand in each status; those that ended, in these days. Raises `Invalid`.
        """
        scope = self.scope(slug)
        today = scope.today()
        first = today - (days_back - 1) * DAY
        totals = self.totals(scope, first, today)
        status = by_key(totals, "status")
        counts = {str(each): 0 for each in Status} | self.counts.standing(scope.id)
        counts |= {str(end): status[end] for end in Status if end in OVER}
        came, missed = status[Status.CHECKED_IN], status[Status.NO_SHOW]
        ready, seconds = sums(totals, "turnaround")
        waiting = self.counts.waiting()
        return {
            "counts": counts,
            "revenue": list(revenue(totals, first, today, scope.currency)),
            "top_models": self.top(by_key(totals, "model")),
            "turnaround_hours": part(seconds / 3600, ready, 2),
            "no_show_rate": part(missed, missed + came, 4),
            "notifications": {
                "queued": waiting.get("queued", 0), "sending": waiting.get("sending", 0),
                "dead": waiting.get("dead", 0), "sent": sums(totals, "message")[0],
            },
        }  # fmt: skip

    def totals(self, scope: Scope, first: date, last: date) -> Totals:
        """All figures of a span of days, from what is kept and, for the days that are not, counted now."""
        past, kept = self.past(scope, first, last)
        totals = dict(past)
        for day, row in self.unkept(scope, kept, first, last):
            if row["measure"] in SHOWN:
                add(totals, None if row["measure"] == Measure.MODEL else day, row)
        return totals

    def unkept(self, scope: Scope, kept: Kept, first: date, last: date) -> Iterator[tuple[date, Row]]:
        """The figures of the days that are not kept, each only of those shops of which it is not; of days that are kept
        until an instant, those from it on."""
        began = scope.first_days()
        for zone, shops in scope.zones().items():
            whole: dict[date, list[int]] = {}
            for day in days(max(first, min((began[id] for id in shops if id in began), default=date.max)), last):
                missing = [shop for shop in kept.missing(shops, day) if began.get(shop, date.max) <= day]
                for since, some in kept.since(missing, day).items():
                    if since is None:
                        whole[day] = some
                    else:
                        yield from ((day, row) for row in self.part(some, since, begin(day + DAY, ZoneInfo(zone))))
            those = sorted({*chain(*whole.values())})
            for run in runs(whole):
                for day, rows in self.counted(zone, those, *run).items():
                    yield from ((day, row) for row in rows if row["shop_id"] in whole[day])

    def past(self, scope: Scope, first: date, last: date) -> tuple[Totals, Kept]:
        """The kept figures of a span, and which days those are. Days gone by don't change, so they are read once."""
        key = scope.id, len(scope.everyone), first, last
        read_at, found = self._past.get(key, (-FRESH_SECONDS, None))
        if found is None or clock.monotonic() - read_at > FRESH_SECONDS:
            read = partial(self.figures.kept, scope.id, first, last)
            kept, rows = self.figures.with_days(scope.id, first, last, read)
            totals: Totals = {}
            for row in rows:
                add(totals, row.get("day"), row)
            found = totals, kept
            if len(self._past) >= MOST_PASTS:
                self._past.clear()
            self._past[key] = clock.monotonic(), found
        return found

    def counted(self, zone: str, shops: Sequence[int], first: date, last: date) -> dict[date, list[Row]]:
        """The figures of local days, counted from the bookings: of all days at once between two changes of the clock,
        of one on which it changes alone."""
        place, found = ZoneInfo(zone), dict[date, list[Row]]()

        def offsets(day: date) -> list[timedelta]:
            return [begin(each, place).astimezone(place).utcoffset() or NO_OFFSET for each in (day, day + DAY)]

        for (before, after), some in groupby(days(first, last), offsets):
            span = list(some)
            with repeating():
                rows = self.counts.counted(shops, begin(span[0], place), begin(span[-1] + DAY, place), before)
            found |= rows if before == after else {span[0]: summed(chain(*rows.values()))}
        return found

    def part(self, shops: Sequence[int], first: datetime, last: datetime) -> list[Row]:
        """The figures from one instant until before another, of one day."""
        return summed(chain(*self.counts.counted(shops, first, last, NO_OFFSET).values()))

    def top(self, models: Counter[str]) -> list[Row]:
        """The models that most bookings were made for."""
        best = sorted(models.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
        named = self.named([slug for slug, _ in best])
        return [{"model": named[slug], "bookings": count} for slug, count in best if slug in named]

    def named(self, slugs: Sequence[str]) -> dict[str, Row]:
        """`{slug, name, brand}` of each of some models that is there, by its slug."""
        return {
            row["slug"]: {
                "slug": row["slug"], "name": row["name"],
                "brand": {"slug": row["brand_slug"], "name": row["brand_name"]},
            }
            for row in self.models.named(slugs)
        }  # fmt: skip

    def scope(self, slug: str | None = None) -> Scope:
        """One shop, or all. Raises `Invalid`."""
        return Scope.of(self.shops.everyone(), slug)


def revenue(totals: Totals, first: date, last: date, usual: str) -> Iterator[Row]:
    """A row for each day, in the usual currency where it brought nothing; more where it brought other currencies."""
    earned: dict[date | None, dict[str, int]] = {}
    for (day, measure, currency), (_, amount) in totals.items():
        if measure == Measure.REVENUE:
            earned.setdefault(day, {})[currency] = amount
    for day in days(first, last):
        for currency, amount in sorted(earned.get(day, {usual: 0}).items()):
            yield {"date": day.isoformat(), "amount": amount, "currency": currency}


def add(totals: Totals, day: date | None, row: Row) -> None:
    key = (day, row["measure"], row["key"])
    count, amount = totals.get(key, (0, 0))
    totals[key] = count + row["count"], amount + row["amount"]


def by_key(totals: Totals, measure: str) -> Counter[str]:
    """The counts of one measure, all days together."""
    counts: Counter[str] = Counter()
    for (_, each, key), (count, _) in totals.items():
        if each == measure:
            counts[key] += count
    return counts


def runs(some: Iterable[date]) -> Iterator[tuple[date, date]]:
    """The first and last of days that follow each other, of some in their order."""
    for _, run in groupby(enumerate(some), lambda pair: pair[1] - pair[0] * DAY):
        following = [day for _, day in run]
        yield following[0], following[-1]


def sums(totals: Totals, measure: str) -> tuple[int, int]:
    """Count and amount of one measure, all days and keys together."""
    found = [pair for (_, each, _), pair in totals.items() if each == measure]
    return sum(count for count, _ in found), sum(amount for _, amount in found)


def part(some: float, of: int, digits: int) -> float | None:
    """A rate or a mean; None where there is nothing to divide by."""
    return round(some / of, digits) if of else None


def days(first: date, last: date) -> Iterator[date]:
    """Both ends included."""
    while first <= last:
        yield first
        first += DAY
