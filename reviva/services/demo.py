"""A shop's past made up: bookings with all that belongs to them, for trying Reviva out and for measuring it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Final

from peewee import Database

from reviva import clock
from reviva.database import bulk
from reviva.database.ddl import backend
from reviva.database.statistics import analyze
from reviva.errors import Conflict
from reviva.models.booking import Booking
from reviva.models.shop import Closure
from reviva.models.user import Role
from reviva.repositories.booking import BookingRepository
from reviva.repositories.catalog import DeviceModelRepository
from reviva.repositories.pricing import RuleRepository
from reviva.repositories.shop import BenchRepository, ClosureRepository, HoursRepository, ShopRepository
from reviva.repositories.user import UserRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.calendar import DAY
from reviva.services.demo_history import AHEAD, Place, Plan, benches_needed, fitting
from reviva.services.demo_lines import CHUNK, SHAPES, made
from reviva.services.demo_pool import Job, jobs, popular
from reviva.services.figure import FigureService
from reviva.services.shop import OpenShop, ShopService

BENCHES: Final = 10
"""Of each shop that is made up."""
LOCKED: Final = ("booking_slot", "booking", "customer", "booking_item", "booking_history", "notification", "event")


class DemoService:
    def __init__(self, database: Database, audit: AuditService, figures: FigureService) -> None:
        self.database, self.audit, self.figures = database, audit, figures
        self.shop_finder = ShopService(database)
        self.shops, self.hours, self.benches = (
            ShopRepository(database), HoursRepository(database), BenchRepository(database),
        )  # fmt: skip
        self.closures = ClosureRepository(database)
        self.models, self.rules = DeviceModelRepository(database), RuleRepository(database)
        self.bookings, self.users = BookingRepository(database), UserRepository(database)

    def make(
        self, actor: Actor, count: int, days: int, seed: int, told: Callable[[int], None] = lambda done: None
    ) -> int:
        """Adds so many bookings of the last days (and some ahead), all or none; returns how many shops they are in.

        `told` hears how many more are there. The same number in `seed`, on the same database at the same time, makes
        the same bookings. Nobody else can write meanwhile. Raises `Conflict` where there is no shop or no price
        list, and where it is never open for long enough.
        """
        with self.database.atomic():
            bulk.lock(self.database, LOCKED)
            plan = self.plan(count, days, seed)
            whole = count * 4 >= self.bookings.count() and count >= 2 * CHUNK
            with bulk.rebuilding(self.database, LOCKED) if whole else nullcontext():
                self.load(plan, told)
            self.figures.forget(plan.today - (days + 60) * DAY)
            self.audit.record(
                actor, "demo.make", "demo", seed, after={"bookings": count, "days": days, "shops": len(plan.places)}
            )
        with self.database.atomic():
            analyze(self.database, *LOCKED, "shop", "bench", "user_account")
        return len(plan.places)

    def plan(self, count: int, days: int, seed: int) -> Plan:
        """What is to be made, with shops enough for it; makes those that are missing."""
        rng, now, base = Random(seed), clock.now(), self.shop_finder.open(None)
        plan = Plan(
            seed, count, days, int(now.timestamp()), base.shop.currency, base.shop.buffer_minutes,
            (Place(base.shop.id, base.calendar, base.benches, ()),),
            tuple(self.jobs(rng, base, days, now, count)),
            {table: bulk.first_free(self.database, table) for table, shape in SHAPES.items() if "id" in shape.columns},
            # SQLite keeps the text as it is, always of one form; PostgreSQL reads a short one faster.
            ".000000+00:00" if backend(self.database) == "sqlite" else "Z",
        )  # fmt: skip
        return replace(plan, places=tuple(self.places(base, benches_needed(plan))))

    def jobs(self, rng: Random, base: OpenShop, days: int, now: datetime, count: int) -> list[Job]:
        """What to draw bookings from: what the shop offers, as far as it fits into one of its openings."""
        models = self.models.in_stock(base.shop.currency)
        offers = [self.models.detail(model["slug"], base.shop.currency) for model in popular(rng, models, now.year)]
        if not offers:
            raise Conflict("There is no price list: run `reviva seed` first.")
        today, calendar = now.astimezone(base.calendar.zone).date(), base.calendar
        opened = [day for n in range(-days, AHEAD + 1) if any(calendar.spans(day := today + n * DAY))]
        drawn = jobs(rng, offers, base.shop, self.rules.in_force(), now, count)
        fits = fitting(calendar, opened, (job.minutes for job in drawn))
        if not fits:
            raise Conflict("No repair fits into an opening of the shop on these days: give it (longer) hours first.")
        return [job for job in drawn if job.minutes in fits]

    def places(self, base: OpenShop, benches: int) -> Iterator[Place]:
        """Shops with so many benches that nobody ever had: the first one, where they are, and new ones like it."""
        if base.benches and not self.bookings.exists(Booking.bench.in_(base.benches)):
            benches -= len(base.benches)
            yield Place(base.shop.id, base.calendar, base.benches, self.staff(base.shop.slug, len(base.benches)))
        while benches > 0:
            yield self.new_shop(base, min(benches, BENCHES))
            benches -= BENCHES

    def new_shop(self, base: OpenShop, benches: int) -> Place:
        """A shop like the first one."""
        number, now = self.shops.count() + 1, clock.now()
        kept = ("timezone", "currency", "country", "grid_minutes", "buffer_minutes", "lead_minutes", "horizon_days")
        shop = self.shops.create(
            slug=f"demo-{number}", name=f"Demo shop {number}", created_at=now, updated_at=now,
            **{name: getattr(base.shop, name) for name in kept},
        )  # fmt: skip
        week = base.calendar.hours
        self.hours.create_many({"shop": shop.id, "weekday": d, "opens": o, "closes": c} for d, o, c in week)
        self.closures.create_many(
            {"shop": shop.id, **{name: getattr(each, name) for name in ("starts_on", "ends_on", "shuts_at", "reason")}}
            for each in self.closures.some(Closure.shop == base.shop.id)
        )
        self.benches.create_many({"shop": shop.id, "name": f"Bench {n + 1}"} for n in range(benches))
        return Place(shop.id, base.calendar, tuple(self.benches.in_use(shop.id)), self.staff(shop.slug, benches))

    def staff(self, shop: str, benches: int) -> tuple[int, ...]:
        """A technician for every two benches; they can't log in."""
        now, first = clock.now(), self.users.count() + 1
        return tuple(
            self.users.create(
                email=f"technician-{n}@example.com", email_key=f"technician-{n}@example.com",
                name=f"Technician {n} ({shop})", role=Role.TECHNICIAN, active=False, created_at=now, updated_at=now,
            ).id
            for n in range(first, first + -(-benches // 2))
        )  # fmt: skip

    def load(self, plan: Plan, told: Callable[[int], None]) -> None:
        """Makes the rows and adds them."""
        free = dict(plan.first)
        for lines in made(plan):
            for table, shape in SHAPES.items():
                bulk.load(self.database, shape, lines[table][1])
            told(lines["booking"][0] - free["booking"])
            free = {table: lines[table][0] for table in free}
        for table, next_id in free.items():
            bulk.give_out_from(self.database, table, next_id)
