"""Money is an integer of minor units and a currency; a share of it is rounded here and nowhere else."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict  # pydantic describes no other on this Python

WHOLE: Final = 10_000
"""Basis points of one whole: 10,000 is 100 %."""


class Money(TypedDict):
    """An amount in minor units of an ISO 4217 currency, as the API shows it."""

    amount: int
    currency: str


def share(amount: int, basis_points: int) -> int:
    """`basis_points` ten-thousandths of `amount`, rounded half away from zero, so that +x and -x mirror each other.

    >>> share(999, 1_500), share(-999, 1_500), share(10, 500)
    (150, -150, 1)
    """
    product = amount * basis_points
    magnitude = (abs(product) + WHOLE // 2) // WHOLE
    return magnitude if product >= 0 else -magnitude
