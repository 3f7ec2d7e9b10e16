"""Which step of a booking may follow which: one table."""

from __future__ import annotations

from typing import Final

from reviva.errors import StepForbidden
from reviva.models.booking import Status as S

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

OCCUPIES: Final = frozenset(NEXT) - {S.CANCELLED, S.NO_SHOW}
"""A booking in one of these keeps its bench."""


def check_step(before: str, after: str) -> None:
    """Raises `StepForbidden`, which names the allowed steps, where `after` may not follow `before`."""
    allowed = NEXT[S(before)]
    if after not in allowed:
        names = ", ".join(allowed) or "none: it has ended"
        raise StepForbidden(f"From {before} a booking can't become {after}; allowed: {names}.", allowed=list(allowed))
