"""Bookings that might have happened: when people come, how repairs go, what they are told. Rows only, no database.

The same plan makes the same rows. Times are whole seconds since 1970 until a row is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Final

from reviva.database.bulk import Shape
from reviva.models.shop import STEP_MINUTES
from reviva.services.booking_status import OVER
from reviva.services.calendar import DAY, Calendar
from reviva.services.demo_pool import Job, Person, person

CHUNK: Final = 5_000
"""Bookings that are in memory at once."""
AHEAD: Final = 14
"""Days into the future for which there are appointments."""
TOLD_DAYS: Final = 60
HEARD_DAYS: Final = 7
"""For how long messages and events are kept."""
FULL: Final = 0.62
"""The part of its benches' time that a shop sells on its average day."""

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
A_DAY: Final = 24 * HOUR
STEP: Final = STEP_MINUTES * MINUTE
RHYTHM: Final = (1.25, 1.05, 0.95, 0.95, 1.1, 1.3, 0.8)
"""Monday to Sunday: after the weekend and on Saturdays most people come."""
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

SHAPES: Final = {
    shape.table: shape
    for shape in (
        Shape(
            "customer",
            ("id", "email", "email_key", "name", "phone", "search_text", "created_at", "updated_at"),
            (("locale", "en"), ("marketing_consent", 0), ("notes", ""), ("version", 1)),
        ),
        Shape(
            "booking",
            (
                "id", "reference", "shop_id", "customer_id", "model_id", "bench_id", "assigned_to_id", "status",
                "urgency", "starts_at", "ends_at", "currency", "total", "search_text", "created_at", "updated_at",
                "completed_at", "version",
            ),
            (("contact", "{}"), ("notes", ""), ("locale", "en"), ("token_serial", 1)),
        ),
        Shape(
            "booking_item",
            ("id", "booking_id", "position", "repair_id", "name", "minutes", "base", "adjustments", "price"),
        ),
        Shape("booking_slot", ("bench_id", "starts_at", "booking_id")),
        Shape("booking_history", ("id", "booking_id", "from_status", "to_status", "at", "note", "user_id")),
        Shape(
            "notification",
            (
                "id", "dedupe_key", "channel", "template", "recipient", "payload", "booking_id", "customer_id",
                "status", "attempts", "due_at", "last_error", "created_at", "sent_at",
            ),
            (("locale", "en"),),
        ),
        Shape("event", ("id", "topic", "at", "data"), (("type", "booking.status"),)),
    )
}  # fmt: skip
"""The tables that are filled, each after those it refers to."""

Rows = dict[str, list[tuple[Any, ...]]]
Step = tuple[str | None, str, int]
"""From which status, to which, when."""


@dataclass(frozen=True)
class Place:
    """A shop with its calendar, its benches and who works there."""

    id: int
    calendar: Calendar
    benches: tuple[int, ...]
    technicians: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """All that the bookings follow from. Picklable, for they are made in another process."""

    seed: int
    count: int
    days: int
    now: int
    currency: str
    buffer: int
    """Minutes between two jobs."""
    places: tuple[Place, ...]
    jobs: tuple[Job, ...]
    first: dict[str, int]
    """The first free id of each table."""
    null: str | None
    escape: Callable[[str], str] = field(default=str)
    """How a text goes into a line."""

    @property
    def today(self) -> date:
        """By the shop's clock."""
        return datetime.fromtimestamp(self.now, self.places[0].calendar.zone).date()


def quotas(plan: Plan) -> Iterator[tuple[date, int]]:
    """How many bookings begin on each day: more from week to week, by the days of the week, few far ahead."""
    rng, calendar = Random(plan.seed), plan.places[0].calendar
    weights: dict[date, float] = {}
    for ahead in range(-plan.days, AHEAD + 1):
        day = plan.today + ahead * DAY
        if any(calendar.spans(day)):
            growth = 0.6 + 0.8 * (ahead + plan.days) / (plan.days + AHEAD)
            known = 1.0 if ahead < 0 else 0.9 * 0.8**ahead
            weights[day] = RHYTHM[day.weekday()] * growth * known * rng.uniform(0.85, 1.15)
    whole, done, owed = sum(weights.values()), 0, 0.0
    for day, weight in weights.items():
        owed += plan.count * weight / whole
        yield day, round(owed) - done
        done = round(owed)


def benches_needed(plan: Plan) -> int:
    """How many benches the busiest day takes."""
    steps = sum(-(-job.minutes // STEP_MINUTES) + -(-plan.buffer // STEP_MINUTES) for job in plan.jobs) / len(plan.jobs)
    calendar = plan.places[0].calendar
    return max(
        round(quota * steps / (FULL * sum((span.closes - span.opens) / timedelta(seconds=STEP) for span in spans)) + 1)
        for day, quota in quotas(plan) if (spans := list(calendar.spans(day)))
    )  # fmt: skip


def appointments(plan: Plan, rng: Random) -> Iterator[tuple[Place, int, int, Job]]:
    """(place, bench, start, job) of each booking, day by day; no bench has two at a time.

    What does not fit into a day is left for the next, and what is left at the end goes on for as long as it takes.
    """
    quota, left = dict(quotas(plan)), 0
    day, last = min(quota), max(quota)
    while day <= last or left:
        left += quota.get(day, 0)
        lanes = [
            (place, bench, int(span.opens.timestamp()), int(span.closes.timestamp()))
            for place in plan.places for span in place.calendar.spans(day) for bench in place.benches
        ]  # fmt: skip
        rng.shuffle(lanes)
        for n, (place, bench, opens, closes) in enumerate(lanes):
            share = left / (len(lanes) - n)
            for start, job in lane(plan, rng, opens, closes, int(share + rng.random())):
                left -= 1
                yield place, bench, start, job
        day += DAY


def lane(plan: Plan, rng: Random, opens: int, closes: int, count: int) -> Iterator[tuple[int, Job]]:
    """At most so many jobs one after the other on a bench, with gaps between them, on the shop's grid."""
    chosen = [plan.jobs[int(rng.random() * len(plan.jobs))] for _ in range(count)]
    spare = closes - opens - sum(steps(job.minutes + plan.buffer) for job in chosen) * STEP
    grid, at = plan.places[0].calendar.grid * MINUTE, opens
    for n, job in enumerate(chosen):
        if spare > 0:
            gap = int(rng.random() * 2 * spare / (count - n + 1))
            at, spare = at + gap, spare - gap
        at += -at % grid
        if at + job.minutes * MINUTE > closes:
            return
        yield at, job
        at += steps(job.minutes + plan.buffer) * STEP


@cache
def steps(minutes: int) -> int:
    """How many steps of a bench's time so many minutes take."""
    return -(-minutes // STEP_MINUTES)


ROADS: Final = (
    (("checked_in", 0), ("in_repair", 1)),
    (("checked_in", 0), ("diagnosing", 1), ("in_repair", 1)),
    (("checked_in", 0), ("diagnosing", 1), ("awaiting_parts", 1), ("in_repair", 3)),
    (("checked_in", 0), ("diagnosing", 1), ("awaiting_approval", 1), ("in_repair", 2)),
    (("checked_in", 0), ("diagnosing", 1)),
)
ODDS: Final = (0.72, 0.86, 0.93, 0.98, 1.0)
WAITS: Final = ((-5 * MINUTE, 10 * MINUTE), (5 * MINUTE, 25 * MINUTE), (HOUR, 20 * HOUR), (A_DAY, 4 * A_DAY))
"""Seconds that pass before a step, by its kind: arriving, next in the workshop, an answer, parts."""


def story(rng: Random, created: int, start: int, end: int, now: int) -> list[Step]:
    """What happened to a booking until now."""
    chance = rng.random
    told: list[Step] = [(None, "confirmed", created)]
    if chance() < 0.2:
        answered = created + int(min(chance() * 6 * HOUR, (start - created) * 0.5))
        told = [(None, "pending", created), ("pending", "confirmed", answered)]
    fate, confirmed = chance(), told[-1][2]
    if fate < 0.08:
        told.append((told[-1][1], "cancelled", confirmed + int(chance() * (start - confirmed))))
    elif fate < 0.12:
        told.append(("confirmed", "no_show", start + 30 * MINUTE))
    elif start < now:
        at, before, luck = start, "confirmed", chance()
        for status, wait in ROADS[next(n for n, odds in enumerate(ODDS) if luck < odds)]:
            least, most = WAITS[wait]
            at += int(least + chance() * (most - least))
            told.append((before, status, at))
            before = status
        ready = max(at + 10 * MINUTE, end) + int(chance() * 30 * MINUTE)
        told.append((before, "ready", ready))
        told.append(("ready", "completed", ready + int(20 * MINUTE + chance() ** 3 * 3 * A_DAY)))
    while told[-1][2] > now:
        told.pop()
    return told


def reference(id: int) -> str:
    """A booking's reference: each id has another one, and neighbours look nothing alike."""
    mixed = (id * 0x9E3779B97F4A7C15 + 0x5DEECE66D) % 2**40
    return "RV-" + "".join([ALPHABET[mixed >> shift & 31] for shift in (35, 30, 25, 20, 15, 10, 5, 0)])


class Clockface:
    """Times as text, put together from days and seconds of the day that are spelt once."""

    def __init__(self) -> None:
        self.seconds = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.000000+00:00" for s in range(A_DAY)]
        self.days: dict[int, str] = {}

    def __call__(self, at: int) -> str:
        day, second = divmod(at, A_DAY)
        if day not in self.days:
            self.days[day] = datetime.fromtimestamp(day * A_DAY, UTC).strftime("%Y-%m-%d ")
        return self.days[day] + self.seconds[second]


def chunks(plan: Plan) -> Iterator[Rows]:
    """The rows of all tables, some thousand bookings at a time."""
    writer = Writer(plan)
    for made, appointment in enumerate(appointments(plan, writer.rng), 1):
        writer.booking(*appointment)
        if made % CHUNK == 0:
            yield writer.take()
    yield writer.take()


class Writer:
    """Makes rows of appointments."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rng, self.text = plan, Random(plan.seed + 1), Clockface()
        self.next = dict(plan.first)
        self.rows: Rows = {table: [] for table in SHAPES}
        self.words = [plan.escape(job.words) for job in plan.jobs]

    def take(self) -> Rows:
        """The rows since the last time."""
        taken, self.rows = self.rows, {table: [] for table in SHAPES}
        return taken

    def id(self, table: str) -> int:
        """The next id of a table."""
        id = self.next[table]
        self.next[table] = id + 1
        return id

    def booking(self, place: Place, bench: int, start: int, job: Job) -> None:
        """One booking with all that belongs to it."""
        plan, rng, text, null = self.plan, self.rng, self.text, self.plan.null
        id, end = self.id("booking"), start + job.minutes * MINUTE
        created = min(
            start - int(2 * HOUR + rng.expovariate(1 / (2.5 * A_DAY))), plan.now - int(rng.random() * 3 * A_DAY)
        )
        told = story(rng, created, start, end, plan.now)
        customer = self.customer(created)
        who = person(customer)
        named, status, changed = reference(id), told[-1][1], told[-1][2]
        works = len(told) > 1 and told[-1][0] not in (None, "pending") and status not in ("cancelled", "no_show")
        technician = place.technicians[bench % len(place.technicians)] if works else null
        self.rows["booking"].append((
            id, named, place.id, customer, job.model, bench, technician, status, job.urgency, text(start), text(end),
            plan.currency, job.total, f"rv {named[3:].lower()} {who.found_by} {job.words}", text(created),
            text(changed), text(changed) if status == "completed" else null, len(told),
        ))  # fmt: skip
        items, history = self.rows["booking_item"], self.rows["booking_history"]
        for position, (repair, name, minutes, base, adjustments, price) in enumerate(job.items):
            items.append((self.id("booking_item"), id, position, repair, name, minutes, base, adjustments, price))
        for before, after, at in told:
            by = technician if before not in (None, "pending") else null
            history.append((self.id("booking_history"), id, before or null, after, text(at), "", by))
        until = start + steps(job.minutes + plan.buffer) * STEP
        if status in OVER:
            until = min(until, changed)  # what was left of its time was given back
        slots = self.rows["booking_slot"]
        for at in range(start, until, STEP):
            slots.append((bench, text(at), id))
        if changed > plan.now - TOLD_DAYS * A_DAY or start > plan.now:
            self.messages(id, named, customer, who, told, start)
        if changed > plan.now - HEARD_DAYS * A_DAY:
            for before, after, at in told:
                was = f'"{before}"' if before else "null"
                data = f'{{"from":{was},"to":"{after}"}}'
                self.rows["event"].append((self.id("event"), f"booking:{named}", text(at), data))

    def customer(self, created: int) -> int:
        """Somebody new, or, more and more often, somebody who was here before: a few of them very often."""
        first, known = self.plan.first["customer"], self.next["customer"] - self.plan.first["customer"]
        if known and self.rng.random() < 0.55:
            return first + int(known * self.rng.random() ** 3)
        id, at = self.id("customer"), self.text(created)
        who = person(id)
        self.rows["customer"].append(
            (id, who.email, who.email, who.name, who.phone or self.plan.null, who.found_by, at, at)
        )
        return id

    def messages(self, id: int, named: str, customer: int, who: Person, told: list[Step], start: int) -> None:
        """What the customer was told, and is yet to be told."""
        now = self.plan.now
        due: list[tuple[str, str, int, int, int]] = []
        for version, (_, status, at) in enumerate(told, 1):
            if status in TOLD:
                due.append(("email", f"booking_{status}", at, at, version))
            if status == "ready" and who.phone:
                due.append(("sms", "booking_ready", at, at, version))
            if status == "confirmed" and start - A_DAY > at and told[-1][1] != "cancelled":
                due.append(("email", "booking_reminder", at, start - A_DAY, version))
        for channel, template, at, when, version in due:
            sent = when <= now
            dead = sent and self.rng.random() < 0.01
            self.rows["notification"].append((
                self.id("notification"), f"{template}:{channel}:{named}:{version}",
                # A demo writes to nobody: what is yet to be sent goes to the log.
                channel if sent else "log", template, who.phone if channel == "sms" else who.email,
                f'{{"reference":"{named}"}}', id, customer, "dead" if dead else "sent" if sent else "queued",
                8 if dead else 1 if sent else 0, self.text(when), "550 mailbox unavailable" if dead else self.plan.null,
                self.text(at), self.text(when) if sent and not dead else self.plan.null,
            ))  # fmt: skip


TOLD: Final = {"pending", "confirmed", "awaiting_approval", "awaiting_parts", "ready", "completed", "cancelled"}
