"""Which step of a booking may follow which: one table; and until when a customer may undo it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import StepForbidden, TooLate
from reviva.models.booking import OVER
from reviva.models.booking import Status as S
from reviva.services.actor import Actor

NEXT: Final[dict[S, tuple[S, ...]]] = {
    S.DRAFT: (S.PENDING, S.CONFIRMED, S.CANCELLED),
    S.PENDING: (S.CONFIRMED, S.CANCELLED),
    S.CONFIRMED: (S.CHECKED_IN, S.CANCELLED, S.NO_SHOW),
    S.CHECKED_IN: (S.DIAGNOSING, S.IN_REPAIR, S.CANCELLED),
    S.DIAGNOSING: (S.AWAITING_APPROVAL, S.AWAITING_PARTS, S.IN_REPAIR, S.READY, S.CANCELLED),
    S.AWAITING_APPROVAL: (S.AWAITING_PARTS, S.IN_REPAIR, S.READY, S.CANCELLED),
    S.AWAITING_PARTS: (S.IN_REPAIR, S.READY, S.CANCELLED),
    S.IN_REPAIR: (S.AWAITING_APPROVAL, S.AWAITING_PARTS, S.READY, S.CANCELLED),
    S.READY: (S.COMPLETED, S.IN_REPAIR),
    S.COMPLETED: (),
    S.CANCELLED: (),
    S.NO_SHOW: (),
}

OWN: Final[dict[S, tuple[S, ...]]] = {
    S.DRAFT: (S.PENDING, S.CONFIRMED, S.CANCELLED),
    S.PENDING: (S.CANCELLED,),
    S.CONFIRMED: (S.CANCELLED,),
    S.AWAITING_APPROVAL: (S.IN_REPAIR, S.CANCELLED),
}
"""The steps that a customer can make of their own booking."""

BEFORE: Final = frozenset({S.PENDING, S.CONFIRMED})
"""The device has not come yet: the appointment can move, and its customer can call it off."""

HERE: Final = frozenset(S) - OVER - BEFORE - {S.DRAFT}
"""The shop has the device."""


def check_step(row: Row, after: S, staff: bool) -> None:
    """Raises `StepForbidden`, which names the allowed steps, where a booking can't come to `after` from where it is."""
    if after not in NEXT[S(row["status"])] or not possible(row, after):
        raise forbidden(row, after, staff)


def allowed(row: Row, staff: bool) -> list[S]:
    """What a booking can become now, by staff or by its customer."""
    steps = [step for step in (NEXT if staff else OWN).get(S(row["status"]), ()) if possible(row, step)]
    return steps if staff else [step for step in steps if not the_shops(row, step)]


def possible(row: Row, after: S) -> bool:
    """Whether a step of the table makes sense: a draft waits for the shop's word only where that confirms by hand."""
    return after is not S.PENDING or bool(row["shop_by_hand"])


def the_shops(row: Row, step: S) -> bool:
    """Whether a step that customers can make elsewhere is here the shop's alone."""
    return too_late(row) if step is S.CANCELLED else step is S.CONFIRMED and bool(row["shop_by_hand"])


def forbidden(row: Row, after: str, staff: bool) -> StepForbidden:
    """Why somebody can't make a booking `after`, naming what they can make it."""
    steps = allowed(row, staff)
    ended = "it has ended" if row["status"] in OVER else "call the shop"
    names = f"next may be: {', '.join(steps)}" if steps else ended
    return StepForbidden(f"A booking that is {row['status']} can't be {after}; {names}.", allowed=steps)


def too_late(row: Row) -> bool:
    """Whether the shop's notice has begun, in which its customer can't undo an appointment."""
    return row["status"] in BEFORE and clock.now() > row["starts_at"] - timedelta(minutes=row["shop_notice"])


def override(actor: Actor, row: Row) -> dict[str, Any]:
    """What the audit says where staff do without the shop's notice. Raises `TooLate` for anybody else."""
    if not too_late(row):
        return {}
    if not actor.staff:
        before = f"{span(row['shop_notice'])} before " if row["shop_notice"] else ""
        raise TooLate(f"This can be done until {before}the appointment: call the shop.")
    return {"override": "notice"}


def span(minutes: int) -> str:
    """So many minutes in the largest unit that they are whole in: `2 days`, `1 hour`, `90 minutes`."""
    size, unit = next(each for each in ((1440, "day"), (60, "hour"), (1, "minute")) if minutes % each[0] == 0)
    number = minutes // size
    return f"{number} {unit}{'' if number == 1 else 's'}"
