"""Bookings that might have happened: when people come, how repairs go, what they are told. Lines only, no database.

The same plan makes the same rows. Times are whole seconds since 1970 until a line is made of them.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from reviva.database.bulk import NULL, Shape, escape
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
"""For how long messages, with the benches' time, and events are kept."""
FULL: Final = 0.62
"""The part of its benches' time that a shop sells on its average day."""

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
EPOCH: Final = date(1970, 1, 1)
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
END: Final = {table: shape.end for table, shape in SHAPES.items()}

Lines = dict[str, tuple[int, bytes]]
"""For each table, how many rows, and their lines as COPY takes them."""
Step = tuple[str, str, int]
"""From which status, as a line has it, to which, when."""
EARLY: Final = frozenset((NULL, "pending"))
"""The statuses that nobody who works there has had to do with."""


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


def appointments(plan: Plan, rng: Random) -> Iterator[tuple[Place, int, int, int]]:
    """(place, bench, start, number of the job) of each booking, day by day; no bench has two at a time.

    What does not fit into a day is left for the next, and what is left at the end goes on for as long as it takes.
    """
    quota, left = dict(quotas(plan)), 0
    day, last = min(quota), max(quota)
    lengths = [(job.minutes * MINUTE, steps(job.minutes + plan.buffer) * STEP) for job in plan.jobs]
    grid = plan.places[0].calendar.grid * MINUTE
    while day <= last or left:
        left += quota.get(day, 0)
        lanes = [
            (place, bench, int(span.opens.timestamp()), int(span.closes.timestamp()))
            for place in plan.places for span in place.calendar.spans(day) for bench in place.benches
        ]  # fmt: skip
        rng.shuffle(lanes)
        for n, (place, bench, opens, closes) in enumerate(lanes):
            share = left / (len(lanes) - n)
            for start, number in lane(rng, lengths, grid, opens, closes, int(share + rng.random())):
                left -= 1
                yield place, bench, start, number
        day += DAY


def lane(
    rng: Random, lengths: Sequence[tuple[int, int]], grid: int, opens: int, closes: int, count: int
) -> list[tuple[int, int]]:
    """At most so many jobs one after the other on a bench, with gaps between them, on the shop's grid.

    `lengths` has, for each job, its seconds, and those of the bench's time that it takes; `grid` is in seconds too.
    """
    chance, kinds = rng.random, len(lengths)
    chosen = [int(chance() * kinds) for _ in range(count)]
    spare = closes - opens - sum([lengths[number][1] for number in chosen])
    at = opens
    placed: list[tuple[int, int]] = []
    for number in chosen:
        works, takes = lengths[number]
        if spare > 0:
            gap = int(chance() * 2 * spare / (count - len(placed) + 1))
            at, spare = at + gap, spare - gap
        at += -at % grid
        if at + works > closes:
            break
        placed.append((at, number))
        at += takes
    return placed


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
ODDS: Final = (0.72, 0.86, 0.93, 0.98)
WAITS: Final = ((-5 * MINUTE, 10 * MINUTE), (5 * MINUTE, 25 * MINUTE), (HOUR, 20 * HOUR), (A_DAY, 4 * A_DAY))
"""Seconds that pass before a step, by its kind: arriving, next in the workshop, an answer, parts."""


def story(rng: Random, created: int, start: int, end: int, now: int) -> list[Step]:
    """What happened to a booking until now."""
    chance = rng.random
    told: list[Step] = [(NULL, "confirmed", created)]
    if chance() < 0.2:
        answered = created + int(min(chance() * 6 * HOUR, (start - created) * 0.5))
        told = [(NULL, "pending", created), ("pending", "confirmed", answered)]
    fate, confirmed = chance(), told[-1][2]
    if fate < 0.08:
        told.append((told[-1][1], "cancelled", confirmed + int(chance() * (start - confirmed))))
    elif fate < 0.12:
        told.append(("confirmed", "no_show", start + 30 * MINUTE))
    elif start < now:
        at, before, luck = start, "confirmed", chance()
        for status, wait in ROADS[bisect(ODDS, luck)]:
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


PAIRS: Final = [one + other for one in ALPHABET for other in ALPHABET]


def reference(id: int) -> str:
    """A booking's reference: each id has another one, and neighbours look nothing alike."""
    mixed = (id * 0x9E3779B97F4A7C15 + 0x5DEECE66D) % 2**40
    return f"RV-{PAIRS[mixed >> 30]}{PAIRS[mixed >> 20 & 1023]}{PAIRS[mixed >> 10 & 1023]}{PAIRS[mixed & 1023]}"


class Clockface:
    """Times as text, put together from days and seconds of the day that are spelt once."""

    def __init__(self) -> None:
        self.days = [f"{EPOCH + n * DAY} " for n in range(50_000)]
        self.seconds = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.000000+00:00" for s in range(A_DAY)]
        self._steps: dict[int, list[str]] = {}

    def __call__(self, at: int) -> str:
        return self.days[at // A_DAY] + self.seconds[at % A_DAY]

    def steps(self, start: int, until: int) -> list[str]:
        """The steps of a bench's time from one instant until before another, which is no day later."""
        day, first = start // A_DAY, start % A_DAY // STEP
        if day not in self._steps:
            self._steps[day] = [self(at) for at in range(day * A_DAY, (day + 2) * A_DAY, STEP)]
        return self._steps[day][first : first + -((start - until) // STEP)]


def chunks(plan: Plan) -> Iterator[Lines]:
    """The rows of all tables, some thousand bookings at a time."""
    writer = Writer(plan)
    for made, appointment in enumerate(appointments(plan, writer.rng), 1):
        writer.booking(*appointment)
        if made % CHUNK == 0:
            yield writer.take()
    yield writer.take()


class Ware(NamedTuple):
    """What is the same in the lines of every booking of a job, spelt once."""

    length: int
    """Seconds."""
    taken: int
    """Seconds of the bench's time."""
    words: str
    price: str
    model: str
    urgency: str
    items: tuple[str, ...]


class Writer:
    """Makes lines of appointments: one f-string a row, for making a million bookings is mostly spelling them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rng, self.text = plan, Random(plan.seed + 1), Clockface()
        self.next, self.before = dict(plan.first), dict(plan.first)
        self.lines: dict[str, list[str]] = {table: [] for table in SHAPES}
        self.slots, self.kept_from = 0, -(-(plan.now - TOLD_DAYS * A_DAY) // STEP) * STEP
        self.wares = [
            Ware(
                job.minutes * MINUTE, steps(job.minutes + plan.buffer) * STEP, escape(job.words),
                f"{plan.currency}\t{job.total}", f"\t{job.model}\t", f"\t{job.urgency}\t",
                tuple(
                    f"{position}\t{repair}\t{escape(name)}\t{minutes}\t{base}\t{escape(adjustments)}\t{price}\n"
                    for position, (repair, name, minutes, base, adjustments, price) in enumerate(job.items)
                ),
            )
            for job in plan.jobs
        ]  # fmt: skip

    def take(self) -> Lines:
        """The rows since the last time."""
        counts = {table: id - self.before[table] for table, id in self.next.items()} | {"booking_slot": self.slots}
        taken = {table: (counts[table], "".join(lines).encode()) for table, lines in self.lines.items()}
        self.lines, self.before, self.slots = {table: [] for table in SHAPES}, dict(self.next), 0
        return taken

    def id(self, table: str) -> int:
        """The next id of a table."""
        id = self.next[table]
        self.next[table] = id + 1
        return id

    def booking(self, place: Place, bench: int, start: int, job: int) -> None:
        """One booking with all that belongs to it."""
        now, rng, text, lines, ware = self.plan.now, self.rng, self.text, self.lines, self.wares[job]
        id, end = self.id("booking"), start + ware.length
        created = min(start - int(2 * HOUR + rng.expovariate(1 / (2.5 * A_DAY))), now - int(rng.random() * 3 * A_DAY))
        told = story(rng, created, start, end, now)
        customer, who = self.customer(created)
        named, (before, status, changed) = reference(id), told[-1]
        works = before not in EARLY and status not in ("cancelled", "no_show")
        technician = place.technicians[bench % len(place.technicians)] if works else NULL
        last = text(changed)
        lines["booking"].append(
            f"{id}\t{named}\t{place.id}\t{customer}{ware.model}{bench}\t{technician}\t{status}{ware.urgency}"
            f"{text(start)}\t{text(end)}\t{ware.price}\trv {named[3:].lower()} {who.found_by} {ware.words}"
            f"\t{text(created)}\t{last}\t{last if status == 'completed' else NULL}\t{len(told)}{END['booking']}"
        )
        for item in ware.items:
            lines["booking_item"].append(f"{self.id('booking_item')}\t{id}\t{item}")
        self.history(id, told, technician)
        until = start + ware.taken
        if status in OVER and changed < until:
            until = changed  # the rest was given back
        if (kept_from := max(start, self.kept_from)) < until:
            self.bench_time(id, bench, kept_from, until)
        if changed > now - TOLD_DAYS * A_DAY or start > now:
            self.messages(id, named, customer, who, told, start)
            if changed > now - HEARD_DAYS * A_DAY:
                self.events(named, told)

    def history(self, booking: int, told: list[Step], technician: int | str) -> None:
        """The steps of a booking."""
        id, days, seconds = self.next["booking_history"], self.text.days, self.text.seconds
        self.next["booking_history"] = id + len(told)
        self.lines["booking_history"] += [
            f"{n}\t{booking}\t{before}\t{after}\t{days[at // A_DAY]}{seconds[at % A_DAY]}\t"
            f"\t{NULL if before in EARLY else technician}\n"
            for n, (before, after, at) in enumerate(told, id)
        ]

    def bench_time(self, booking: int, bench: int, start: int, until: int) -> None:
        """The steps of a bench's time that a booking takes."""
        times = self.text.steps(start, until)
        self.slots += len(times)
        between = f"\t{booking}\n{bench}\t"
        self.lines["booking_slot"].append(f"{bench}\t{between.join(times)}\t{booking}\n")

    def events(self, named: str, told: list[Step]) -> None:
        """The steps of a booking as they were heard live."""
        for before, after, at in told:
            was = "null" if before == NULL else f'"{before}"'
            self.lines["event"].append(
                f'{self.id("event")}\tbooking:{named}\t{self.text(at)}\t{{"from":{was},"to":"{after}"}}{END["event"]}'
            )

    def customer(self, created: int) -> tuple[int, Person]:
        """Somebody new, or, more and more often, somebody who was here before: a few of them very often."""
        first, known = self.plan.first["customer"], self.next["customer"] - self.plan.first["customer"]
        if known and self.rng.random() < 0.55:
            id = first + int(known * self.rng.random() ** 3)
            return id, person(id)
        id, at = self.id("customer"), self.text(created)
        who = person(id)
        self.lines["customer"].append(
            f"{id}\t{who.email}\t{who.email}\t{who.name}\t{who.phone or NULL}\t{who.found_by}\t{at}\t{at}"
            f"{END['customer']}"
        )
        return id, who

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
            recipient = who.phone if channel == "sms" else who.email
            outcome = "dead\t8" if dead else "sent\t1" if sent else "queued\t0"
            error = "550 mailbox unavailable" if dead else NULL
            went = self.text(when) if sent and not dead else NULL
            self.lines["notification"].append(
                f"{self.id('notification')}\t{template}:{channel}:{named}:{version}"
                # A demo writes to nobody: what is yet to be sent goes to the log.
                f'\t{channel if sent else "log"}\t{template}\t{recipient}\t{{"reference":"{named}"}}\t{id}'
                f"\t{customer}\t{outcome}\t{self.text(when)}\t{error}\t{self.text(at)}"
                f"\t{went}{END['notification']}"
            )


TOLD: Final = {"pending", "confirmed", "awaiting_approval", "awaiting_parts", "ready", "completed", "cancelled"}
