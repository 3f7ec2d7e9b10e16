"""Shops, and when they have a bench free."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import Database

from reviva import clock
from reviva.errors import Invalid, NotFound
from reviva.models import Closure, Hours, Shop
from reviva.models.shop import STEP_MINUTES
from reviva.repositories.shop import BenchRepository, ClosureRepository, HoursRepository, ShopRepository
from reviva.repositories.slot import SlotRepository
from reviva.services.calendar import Calendar
from reviva.services.scope import Scope

FRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OpenShop:
    """A shop with all that a booking must know of it."""

    shop: Shop
    calendar: Calendar
    benches: tuple[int, ...]
    """Ids of the benches in use, ascending."""


class ShopService:
    def __init__(self, database: Database) -> None:
        self.shops = ShopRepository(database)
        self.hours, self.closures = HoursRepository(database), ClosureRepository(database)
        self.benches, self.slots = BenchRepository(database), SlotRepository(database)
        self._kept: dict[int, tuple[float, OpenShop | None]] = {}

    def find(self, slug: str | None, *, closed: bool = False) -> Shop:
        """The shop of this name; without one, the first. One that takes no bookings any more only where `closed` says.

        Raises `Invalid`, or `NotFound` where there is none.
        """
        shop = self.shops.named(slug) or (self.shops.find(Shop.slug == slug) if closed else None)
        if shop is None:
            raise NotFound("No shop is set up.") if slug is None else unknown(slug)
        return shop

    def zone(self, slug: str | None) -> ZoneInfo:
        """That of a shop, whether it takes bookings or not; without a name, of the first. Raises `Invalid`."""
        shops = Scope.of(self.shops.everyone(), slug).shops
        return ZoneInfo(shops[0]["timezone"] if shops else "UTC")

    def ids(self, slugs: Collection[str]) -> list[int]:
        """Those of some shops, open to bookings or not. Raises `Invalid` that names each that is not there."""
        known = self.shops.ids(slugs)
        if absent := set(slugs) - known.keys():
            raise Invalid(fault for slug in sorted(absent) for fault in unknown(slug).faults)
        return list(known.values())

    def open(self, slug: str | None, *, closed: bool = False) -> OpenShop:
        """The shop that `find` finds with its calendar and benches.

        What hangs on a shop is read again when the shop's version has gone up, and every few seconds in any case.
        """
        shop = self.find(slug, closed=closed)
        read_at, kept = self._kept.get(shop.id, (0.0, None))
        if kept is None or kept.shop.version != shop.version or clock.monotonic() - read_at > FRESH_SECONDS:
            calendar = Calendar.of(
                shop, self.hours.some(Hours.shop == shop.id), self.closures.some(Closure.shop == shop.id)
            )
            benches = self.benches.in_use(shop.id)
            kept = OpenShop(shop, calendar, tuple(benches))
            self._kept[shop.id] = clock.monotonic(), kept
        return replace(kept, shop=shop)

    def availability(
        self, place: OpenShop, minutes: int, first: date | None, days: int, *, by_staff: bool = False
    ) -> list[dict[str, Any]]:
        """The starts with a free bench for a job of so many minutes, from a day on: `starts_at, ends_at, free`."""
        calendar, shop = place.calendar, place.shop
        now = clock.now()
        earliest, latest = bookable(shop, now, by_staff=by_staff)
        today, last = (each.astimezone(calendar.zone).date().toordinal() for each in (earliest, latest))
        asked = first.toordinal() if first else now.astimezone(calendar.zone).date().toordinal()
        jobs = []
        for day in range(max(asked, today), min(asked + days - 1, last) + 1):
            for start in calendar.starts(date.fromordinal(day), minutes):
                if earliest <= start <= latest and (steps := calendar.occupied(start, minutes, shop.buffer_minutes)):
                    jobs.append((start, steps))
        if not jobs or not place.benches:
            return []
        busy = self.slots.busy(place.benches, jobs[0][0], max(steps[-1] for _, steps in jobs), now)
        return [
            {"starts_at": start, "ends_at": job_end(steps, minutes), "free": free}
            for start, steps in jobs
            if (free := free_benches(place.benches, busy, steps))
        ]


def job_end(steps: Sequence[datetime], minutes: int) -> datetime:
    """When a job of so many minutes ends that takes (with its buffer) these steps: within its last own one."""
    return steps[-(-minutes // STEP_MINUTES) - 1] + timedelta(minutes=(minutes - 1) % STEP_MINUTES + 1)


def free_benches(benches: Sequence[int], busy: dict[datetime, set[int]], steps: Sequence[datetime]) -> int:
    """How many benches are free in all of some steps."""
    taken: set[int] = set()
    for step in steps:
        if step in busy:
            taken |= busy[step]
            if len(taken) == len(benches):
                return 0
    return len(benches) - len(taken)


def bookable(shop: Shop, now: datetime, *, by_staff: bool = False) -> tuple[datetime, datetime]:
    """From when until when may be booked: after the lead time, which staff need not keep, and before the horizon."""
    lead = timedelta(minutes=0 if by_staff else shop.lead_minutes)
    return now + lead, now + timedelta(days=shop.horizon_days)


def unknown(slug: str) -> Invalid:
    return Invalid.field("shop", f"there is no shop {slug!r}", "unknown-shop")
