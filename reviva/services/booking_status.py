"""Which step of a booking may follow which: one table; and until when a customer may undo it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Conflict, StepForbidden
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

OVER: Final = frozenset({S.COMPLETED, S.CANCELLED, S.NO_SHOW})
"""A booking that comes to one of these gives back what is left of its bench's time."""

BEFORE: Final = frozenset({S.PENDING, S.CONFIRMED})
"""The device has not come yet: the appointment can move, and its customer can call it off."""


def check_step(before: str, after: str) -> None:
    """Raises `StepForbidden`, which names the allowed steps, where `after` may not follow `before`."""
    if after not in NEXT[S(before)]:
        raise forbidden(before, after)


def forbidden(before: str, after: str) -> StepForbidden:
    """Why a booking that is `before` can't be made `after`, naming what it can become."""
    allowed = NEXT[S(before)]
    names = ", ".join(allowed) or "none: it has ended"
    return StepForbidden(f"A booking that is {before} can't be {after}; next may be: {names}.", allowed=list(allowed))


def override(actor: Actor, row: Row) -> dict[str, Any]:
    """What the audit says where staff do without the shop's notice. Raises `Conflict` for anybody else."""
    if row["status"] not in BEFORE or clock.now() <= row["starts_at"] - timedelta(minutes=row["shop_notice"]):
        return {}
    if not actor.staff:
        raise Conflict(f"This can be done until {row['shop_notice']} minutes before the appointment: call the shop.")
    return {"override": "notice"}
