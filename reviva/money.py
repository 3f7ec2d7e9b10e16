"""Money is an integer of minor units and a currency; a share of it is rounded here and nowhere else."""

from __future__ import annotations

from math import prod
from typing import Final

from typing_extensions import TypedDict  # pydantic describes no other on this Python

WHOLE: Final = 10_000
"""Basis points of one whole: 10,000 is 100 %."""
MOST: Final = 10**12
"""The highest price of one repair, in minor units: the bound keeps every sum of a booking inside its column."""

_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"


def digits(currency: str) -> int:
    """How many digits a currency's minor unit has, by ISO 4217; what is paid in cash may have fewer."""
    return 0 if currency in _NO_DIGITS else 3 if currency in _THREE_DIGITS else 2


class Money(TypedDict):
    """An amount in minor units of an ISO 4217 currency, as the API shows it."""

    amount: int
    currency: str


def share(amount: int, *basis_points: int) -> int:
    """So many ten-thousandths of `amount`, of several the share of a share, rounded once and half away from zero, so
    that +x and -x mirror each other.

    >>> share(999, 1_500), share(-999, 1_500), share(10, 500), share(999, 5_000, 5_000)
    (150, -150, 1, 250)
    """
    product, whole = prod(basis_points, start=amount), prod(WHOLE for _ in basis_points)
    magnitude = (abs(product) + whole // 2) // whole
    return magnitude if product >= 0 else -magnitude
