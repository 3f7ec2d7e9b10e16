"""Bookings that might have happened: when people come, and how repairs go. No rows, and no database.

The same plan makes the same history. Times are whole seconds since 1970.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from reviva.models.shop import STEP_MINUTES
from reviva.services.calendar import DAY, Calendar
from reviva.services.demo_pool import Job

AHEAD: Final = 14
"""Days into the future for which there are appointments."""
FULL: Final = 0.62
"""The part of its benches' time that a shop sells on its average day."""

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
A_DAY: Final = 24 * HOUR
STEP: Final = STEP_MINUTES * MINUTE
RHYTHM: Final = (1.25, 1.05, 0.95, 0.95, 1.1, 1.3, 0.8)
"""Monday to Sunday: after the weekend and on Saturdays most people come."""

Appointment = tuple[int, int, int, int]
"""The numbers of a place, a bench, a start and a job."""
Step = tuple[str | None, str, int]
"""From which status to which, when."""


@dataclass(frozen=True)
class Place:
    """A shop with its calendar, its benches and who works there."""

    id: int
    calendar: Calendar
    benches: tuple[int, ...]
    technicians: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """All that the bookings follow from. Picklable, for their rows are made in other processes."""

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
    instants_end: str
    """What follows the whole seconds of an instant in the lines."""

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


def fitting(calendar: Calendar, days: Sequence[date], lengths: Iterable[int]) -> set[int]:
    """Those of some lengths in minutes for which one opening on some of these days is long enough."""
    return {
        minutes for minutes in set(lengths)
        if minutes <= calendar.longest and any(next(calendar.starts(day, minutes), None) for day in days)
    }  # fmt: skip


def benches_needed(plan: Plan) -> int:
    """How many benches the busiest day takes."""
    steps = sum(-(-job.minutes // STEP_MINUTES) + -(-plan.buffer // STEP_MINUTES) for job in plan.jobs) / len(plan.jobs)
    calendar = plan.places[0].calendar
    return max(
        round(quota * steps / (FULL * sum((span.closes - span.opens) / timedelta(seconds=STEP) for span in spans)) + 1)
        for day, quota in quotas(plan) if (spans := list(calendar.spans(day)))
    )  # fmt: skip


def appointments(plan: Plan) -> Iterator[Appointment]:
    """When and where each booking is, day by day; no bench has two at a time.

    What does not fit into a day is left for the next, and what is left at the end goes on for as long as it takes.
    """
    rng, quota, left = Random(plan.seed + 1), dict(quotas(plan)), 0
    day, last = min(quota), max(quota)
    lengths = [(job.minutes * MINUTE, steps(job.minutes + plan.buffer) * STEP) for job in plan.jobs]
    grid = plan.places[0].calendar.grid * MINUTE
    while day <= last or left:
        left += quota.get(day, 0)
        lanes = [
            (number, bench, int(span.opens.timestamp()), int(span.closes.timestamp()))
            for number, place in enumerate(plan.places) for span in place.calendar.spans(day) for bench in place.benches
        ]  # fmt: skip
        rng.shuffle(lanes)
        for n, (place, bench, opens, closes) in enumerate(lanes):
            share = left / (len(lanes) - n)
            for start, job in lane(rng, lengths, grid, opens, closes, int(share + rng.random())):
                left -= 1
                yield place, bench, start, job
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
ARRIVING: Final = 0
LATE: Final = 30 * MINUTE
"""For how long after it closes a shop works on what it has."""


class Opening:
    """When somebody is there to work, looked up quickly."""

    def __init__(self, calendar: Calendar, first: date, last: date) -> None:
        spans = [span for n in range((last - first).days + 1) for span in calendar.spans(first + n * DAY)]
        self.opens = [int(span.opens.timestamp()) for span in spans]
        self.closes = [int(span.closes.timestamp()) for span in spans]

    def since(self, at: int, after: int = 0) -> int:
        """An instant at which the shop is open, or has been closed for no longer than `after`; for any other, one in
        the first hours of its next opening. Beyond the days it knows, as it is."""
        n = bisect(self.closes, at - after)
        if n == len(self.opens) or self.opens[n] <= at:
            return at
        return self.opens[n] + at % min(2 * HOUR, self.closes[n] - self.opens[n])


def story(rng: Random, opening: Opening, created: int, start: int, end: int, now: int) -> list[Step]:
    """What happened to a booking until now. The shop's own steps are made while it is open, or soon after."""
    chance = rng.random
    told: list[Step] = [(None, "confirmed", created)]
    if chance() < 0.2:
        answered = created + int(min(chance() * 6 * HOUR, (start - created) * 0.5))
        if (by_day := opening.since(answered)) < start:
            answered = by_day
        told = [(None, "pending", created), ("pending", "confirmed", answered)]
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
            if wait != ARRIVING:
                at = opening.since(at, LATE)
            told.append((before, status, at))
            before = status
        ready = opening.since(max(at + 10 * MINUTE, end) + int(chance() * 30 * MINUTE), LATE)
        told.append((before, "ready", ready))
        told.append(("ready", "completed", opening.since(ready + int(20 * MINUTE + chance() ** 3 * 3 * A_DAY))))
    while told[-1][2] > now:
        told.pop()
    return told
