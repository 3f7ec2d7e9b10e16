"""The rows of made-up bookings and of all that belongs to them, as lines that COPY takes.

Each chunk of them is made for itself, so that several processes can make them at once: its luck follows from its
number, and so do the ids that its rows may take.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import date
from itertools import islice
from math import ceil
from operator import itemgetter
from random import Random
from typing import Final, NamedTuple

from reviva.database.bulk import NULL, Shape, escape
from reviva.models.booking import OVER
from reviva.services.calendar import DAY
from reviva.services.demo_history import (
    A_DAY,
    AHEAD,
    HOUR,
    MINUTE,
    STEP,
    Appointment,
    Opening,
    Plan,
    Step,
    appointments,
    steps,
    story,
)
from reviva.services.demo_pool import Person, person
from reviva.words import openings

CHUNK: Final = 5_000
"""Bookings that are made at once."""
NEW: Final = 0.45
"""The part of them whose customers were never there before."""
MOST: Final = {"booking": 1, "notification": 8, "event": 8}
"""For each table that counts its rows, how many of a booking there can be."""
TOLD_DAYS: Final = 60
HEARD_DAYS: Final = 7
"""For how long messages, with the benches' time, and events are kept."""
TOLD: Final = {"pending", "confirmed", "awaiting_approval", "awaiting_parts", "ready", "completed", "cancelled"}
"""The statuses of which customers are told."""
EPOCH: Final = date(1970, 1, 1)
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
            ("booking_id", "position", "repair_id", "name", "minutes", "base", "adjustments", "price"),
        ),
        Shape("booking_slot", ("bench_id", "starts_at", "booking_id")),
        Shape("booking_history", ("booking_id", "version", "from_status", "to_status", "at", "note", "user_id")),
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
"""For each table, the first id behind its rows (0 where they have none), and their lines as COPY takes them."""
EARLY: Final = frozenset((None, "pending"))
"""The statuses that nobody who works there has had to do with."""
PAIRS: Final = [one + other for one in ALPHABET for other in ALPHABET]


def reference(id: int) -> str:
    """A booking's reference: each id has another one, and neighbours look nothing alike."""
    mixed = (id * 0x9E3779B97F4A7C15 + 0x5DEECE66D) % 2**40
    return f"RV-{PAIRS[mixed >> 30]}{PAIRS[mixed >> 20 & 1023]}{PAIRS[mixed >> 10 & 1023]}{PAIRS[mixed & 1023]}"


class Spelt(dict[int, str]):
    """Numbers as text, each spelt when it is first asked for."""

    def __init__(self, spell: Callable[[int], str]) -> None:
        super().__init__()
        self.spell = spell

    def __missing__(self, number: int) -> str:
        text = self[number] = self.spell(number)
        return text


class Clockface:
    """Times as text, put together from days and seconds of the day that are spelt once; `end` is how each ends."""

    def __init__(self, end: str) -> None:
        self.days = Spelt(lambda n: f"{EPOCH + n * DAY} ")
        self.seconds = Spelt(lambda s: f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}{end}")
        self._steps: dict[int, list[str]] = {}

    def __call__(self, at: int) -> str:
        return self.days[at // A_DAY] + self.seconds[at % A_DAY]

    def steps(self, start: int, until: int) -> list[str]:
        """The steps of a bench's time from one instant until before another, which is no day later."""
        day, first = start // A_DAY, start % A_DAY // STEP
        if day not in self._steps:
            self._steps[day] = [self(at) for at in range(day * A_DAY, (day + 2) * A_DAY, STEP)]
        return self._steps[day][first : first + -((start - until) // STEP)]


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


def made(plan: Plan) -> Iterator[Lines]:
    """The rows of all tables, some thousand bookings at a time; many of them are made side by side."""
    coming = appointments(plan)
    chunks = enumerate(iter(lambda: list(islice(coming, CHUNK)), []))
    if plan.count < 2 * CHUNK:
        writer = Writer(plan)
        for number, chunk in chunks:
            yield writer.chunk(number, chunk)
        return
    makers = min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(makers, initializer=prepare, initargs=(plan,)) as pool:
        ahead: deque[Future[Lines]] = deque()
        for number, chunk in chunks:
            ahead.append(pool.submit(make, number, chunk))
            if len(ahead) > makers + 1:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


_WRITERS: Final[list[Writer]] = []
"""The one of this process, where it is one of those that make rows."""


def prepare(plan: Plan) -> None:
    """Gets a process ready to `make` chunks of this plan."""
    _WRITERS.append(Writer(plan))


def make(number: int, chunk: Sequence[Appointment]) -> Lines:
    """A chunk's rows, made in a process of its own."""
    return _WRITERS[-1].chunk(number, chunk)


class Writer:
    """Makes lines of appointments: one f-string a row, for making a million bookings is mostly spelling them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rng, self.text = plan, Random(), Clockface(plan.instants_end)
        self.next: dict[str, int] = {}
        self.lines: dict[str, list[str]] = {}
        self.numbered: dict[str, list[tuple[int, str]]] = {}
        """Rows that are numbered in the order of time, whosever booking they are of: when, and what follows the id."""
        known = plan.days + TOLD_DAYS, AHEAD + TOLD_DAYS
        self.opening = Opening(plan.places[0].calendar, plan.today - known[0] * DAY, plan.today + known[1] * DAY)
        self.kept_from = -(-(plan.now - TOLD_DAYS * A_DAY) // STEP) * STEP
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

    def chunk(self, number: int, chunk: Sequence[Appointment]) -> Lines:
        """The rows of the chunk of this number."""
        self.rng = Random(f"{self.plan.seed} {number}")
        self.lines = {table: [] for table in SHAPES}
        self.numbered = {"notification": [], "event": []}
        self.next = {table: self.plan.first[table] + number * CHUNK * most for table, most in MOST.items()}
        self.next["customer"] = self.plan.first["customer"] + number * round(CHUNK * NEW)
        for appointment, new in zip(chunk, self.newcomers(number, len(chunk)), strict=True):
            self.booking(*appointment, new)
        for table, rows in self.numbered.items():
            self.lines[table] = [f"{self.id(table)}{row}" for _, row in sorted(rows, key=itemgetter(0))]
        return {table: (self.next.get(table, 0), "".join(lines).encode()) for table, lines in self.lines.items()}

    def newcomers(self, number: int, count: int) -> list[bool]:
        """Of each of so many bookings, whether its customer is new: the very first one's is."""
        new = ceil(count * NEW)
        chosen = [True] * new + [False] * (count - new)
        self.rng.shuffle(chosen)
        if number == 0:
            first = chosen.index(True)
            chosen[0], chosen[first] = True, chosen[0]
        return chosen

    def id(self, table: str) -> int:
        """The next id of a table."""
        id = self.next[table]
        self.next[table] = id + 1
        return id

    def booking(self, at: int, bench: int, start: int, job: int, new: bool) -> None:
        """One booking with all that belongs to it."""
        now, rng, text, lines, ware = self.plan.now, self.rng, self.text, self.lines, self.wares[job]
        place, id, end = self.plan.places[at], self.id("booking"), start + ware.length
        created = min(start - int(2 * HOUR + rng.expovariate(1 / (2.5 * A_DAY))), now - int(rng.random() * 3 * A_DAY))
        told = story(rng, self.opening, created, start, end, now)
        customer, who = self.customer(created) if new else self.known()
        named, (before, status, changed) = reference(id), told[-1]
        works = before not in EARLY and status not in ("cancelled", "no_show")
        technician = place.technicians[bench % len(place.technicians)] if works else NULL
        last, short = text(changed), named[3:].lower()
        found_by = " ".join([short, who.found_by, ware.words, *openings(short)])
        lines["booking"].append(
            f"{id}\t{named}\t{place.id}\t{customer}{ware.model}{bench}\t{technician}\t{status}{ware.urgency}"
            f"{text(start)}\t{text(end)}\t{ware.price}\t{found_by}"
            f"\t{text(created)}\t{last}\t{last if status == 'completed' else NULL}\t{len(told)}{END['booking']}"
        )
        lines["booking_item"] += [f"{id}\t{item}" for item in ware.items]
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
        days, seconds = self.text.days, self.text.seconds
        self.lines["booking_history"] += [
            f"{booking}\t{version}\t{before or NULL}\t{after}\t{days[at // A_DAY]}{seconds[at % A_DAY]}\t"
            f"\t{NULL if before in EARLY else technician}\n"
            for version, (before, after, at) in enumerate(told, 1)
        ]

    def bench_time(self, booking: int, bench: int, start: int, until: int) -> None:
        """The steps of a bench's time that a booking takes."""
        times = self.text.steps(start, until)
        between = f"\t{booking}\n{bench}\t"
        self.lines["booking_slot"].append(f"{bench}\t{between.join(times)}\t{booking}\n")

    def events(self, named: str, told: list[Step]) -> None:
        """The steps of a booking as they were heard live."""
        for before, after, at in told:
            was = f'"{before}"' if before else "null"
            row = f'\tbooking:{named}\t{self.text(at)}\t{{"from":{was},"to":"{after}"}}{END["event"]}'
            self.numbered["event"].append((at, row))

    def known(self) -> tuple[int, Person]:
        """Somebody who was here before: a few of them often."""
        first = self.plan.first["customer"]
        id = first + int((self.next["customer"] - first) * self.rng.random() ** 1.2)
        return id, person(id)

    def customer(self, created: int) -> tuple[int, Person]:
        """Somebody new."""
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
            row = (
                f"\t{template}:{channel}:{named}:{version}"
                # A demo writes to nobody: what is yet to be sent goes to the log.
                f'\t{channel if sent else "log"}\t{template}\t{recipient}\t{{"reference":"{named}"}}\t{id}'
                f"\t{customer}\t{outcome}\t{self.text(when)}\t{error}\t{self.text(at)}"
                f"\t{went}{END['notification']}"
            )
            self.numbered["notification"].append((at, row))
