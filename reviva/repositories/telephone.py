"""Telephone numbers as people write them, in lists that are searched for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from peewee import Database

from reviva.database.statement import Row, Statement
from reviva.errors import Invalid
from reviva.identity import e164
from reviva.models.shop import Shop
from reviva.paging import ListQuery, Page

_REGION = Statement(lambda: Shop.select(Shop.country).order_by(Shop.id).limit(1))
_WRITTEN = re.compile(r"[+(]?\d[\d\s()./-]{7,}")


def region(database: Database) -> str:
    """The country of the first shop: that of numbers which are written without a prefix."""
    found = _REGION.first(database)
    return str(found["country"]) if found else "GB"


def searched(database: Database, wanted: ListQuery, listed: Callable[[ListQuery], Page[Row]]) -> Page[Row]:
    """A page of what is `listed`. Where nothing has what is searched for, but that is a telephone number, written with
    spaces or as it is dialled at home, then of what has that number in the form in which it is stored."""
    page, text = listed(wanted), str(wanted.filters.get("q") or "").strip()
    if page.items or page.total or not _WRITTEN.fullmatch(text):
        return page
    try:
        return listed(replace(wanted, filters={**wanted.filters, "q": e164(text, region(database))}))
    except Invalid:
        return page
