"""Telephone numbers as people write them, in lists that are searched for one."""

from __future__ import annotations

import re
from dataclasses import replace

from peewee import Database

from reviva.database.statement import Statement
from reviva.errors import Invalid
from reviva.identity import e164
from reviva.models.shop import Shop
from reviva.paging import ListQuery

_REGION = Statement(lambda: Shop.select(Shop.country).order_by(Shop.id).limit(1))
_WRITTEN = re.compile(r"[+(]?\d[\d\s()./-]{7,}")


def region(database: Database) -> str:
    """The country of the first shop: that of numbers which are written without a prefix."""
    found = _REGION.first(database)
    return str(found["country"]) if found else "GB"


def as_stored(database: Database, wanted: ListQuery) -> ListQuery:
    """The same list; where it is searched for a number that is written with spaces, or as at home, for that number in
    the form in which it is stored."""
    text = str(wanted.filters.get("q") or "").strip()
    if not _WRITTEN.fullmatch(text):
        return wanted
    try:
        return replace(wanted, filters={**wanted.filters, "q": e164(text, region(database))})
    except Invalid:
        return wanted
