"""Finding a bench for a booking's time, and keeping it: no bench is ever anybody else's at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from peewee import Database

from reviva import clock
from reviva.errors import Invalid, SlotTaken
from reviva.repositories.slot import SlotRepository
from reviva.services.calendar import check_exists
from reviva.services.shop import OpenShop, bookable


class Benches:
    """The unique key of a bench's step decides who has it; to look first only tells which bench is worth a try."""

    def __init__(self, database: Database) -> None:
        self.slots = SlotRepository(database)

    def free(self, place: OpenShop, steps: Sequence[datetime]) -> list[int]:
        """The benches that nobody has in any of some steps. Raises `SlotTaken` where there is none."""
        busy = self.slots.busy(place.benches, steps[0], steps[-1], clock.now())
        taken = set().union(*busy.values()) if busy else set()
        free = [bench for bench in place.benches if bench not in taken]
        if not free:
            raise SlotTaken()
        return free

    def take(self, booking: int, benches: Sequence[int], steps: Sequence[datetime]) -> int:
        """Gives a new booking the first of some benches that is really free, and says which. Raises `SlotTaken`."""
        for bench in benches:
            if self.slots.take(bench, steps, booking, None):
                return bench
        raise SlotTaken()

    def move(
        self, booking: int, benches: Sequence[int], steps: Sequence[datetime], held_until: datetime | None = None
    ) -> int:
        """Gives a booking these steps on one of some benches in place of those it has, and says on which.

        What is its own already stays its own; the rest is given back only once the new is taken. Raises `SlotTaken`;
        then it has what it had.
        """
        own = set(self.slots.own(booking))
        busy = self.slots.busy(benches, steps[0], steps[-1], clock.now())
        for bench in benches:
            missing = [step for step in steps if (bench, step) not in own]
            if any(bench in busy.get(step, ()) for step in missing):
                continue
            if not missing or self.slots.take(bench, missing, booking, held_until):
                for old, step in own - {(bench, step) for step in steps}:
                    self.slots.drop(old, [step], booking)
                self.slots.hold(booking, held_until)
                return bench
        raise SlotTaken()

    def extend(self, booking: int, benches: Sequence[int], steps: Sequence[datetime]) -> bool:
        """Gives a booking those of some steps that it does not have, on the first bench that is free then; whether it
        could. What it has stays."""
        own = {step for _, step in self.slots.own(booking)}
        more = [step for step in steps if step not in own]
        return not more or any(self.slots.take(bench, more, booking, None) for bench in dict.fromkeys(benches))


def job_steps(place: OpenShop, starts_at: datetime, minutes: int, *, by_staff: bool = False) -> list[datetime]:
    """The steps of a job on its bench. Raises `Invalid` where the shop can't take it then.

    Staff need not keep the lead time.
    """
    check_exists(starts_at, place.shop.timezone)
    starts_at = starts_at.astimezone(UTC)
    earliest, latest = bookable(place.shop, clock.now(), by_staff=by_staff)
    if starts_at < earliest:
        raise too_soon()
    if starts_at > latest:
        raise Invalid.field("starts_at", f"bookings open {place.shop.horizon_days} days ahead", "too-far")
    if not place.calendar.accepts(starts_at, minutes):
        raise Invalid.field("starts_at", "the shop is closed then, or closes before it is done", "outside-hours")
    if not place.calendar.on_grid(starts_at):
        raise Invalid.field("starts_at", f"jobs start every {place.shop.grid_minutes} minutes", "off-grid")
    steps = place.calendar.occupied(starts_at, minutes, place.shop.buffer_minutes)
    if not steps:
        raise Invalid.field("starts_at", "the shop is not open for so long within a year", "outside-hours")
    return steps


def check_ahead(starts_at: datetime) -> None:
    """Raises `Invalid` for a time that is past: the one thing that can be told of it while no shop is known."""
    if starts_at < clock.now():
        raise too_soon()


def too_soon() -> Invalid:
    return Invalid.field("starts_at", "this is too soon, or in the past", "too-soon")
