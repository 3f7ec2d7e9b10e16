"""The names that the world has agreed on: time zones, currencies, countries."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

import phonenumbers
from babel.core import get_global
from babel.numbers import get_territory_currencies

COUNTRIES: frozenset[str] = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""ISO 3166-1 alpha-2, of countries with telephone numbers of their own."""


@cache
def timezones() -> frozenset[str]:
    """The IANA names. Not `localtime`, which is another zone on each machine."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


@cache
def currencies() -> frozenset[str]:
    """The ISO 4217 codes of the money that is legal tender somewhere today."""
    territories = get_global("territory_currencies")
    return frozenset(code for territory in territories for code in get_territory_currencies(territory))
