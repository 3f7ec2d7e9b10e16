"""Finding a device and what can be repaired on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Fault, Invalid, NotFound
from reviva.paging import ListQuery, Page
from reviva.repositories.catalog import (
    BrandRepository,
    CategoryRepository,
    DeviceModelRepository,
    RepairTypeRepository,
)
from reviva.vocabulary import Vocabulary

FRESH_SECONDS = 5.0
"""How long after a change to the catalog the reading of queries may still follow the old one."""


class CatalogService:
    def __init__(self, database: Database) -> None:
        self.categories = CategoryRepository(database)
        self.brands = BrandRepository(database)
        self.models = DeviceModelRepository(database)
        self.repairs = RepairTypeRepository(database)
        self._vocabulary: tuple[float, Vocabulary | None] = (0.0, None)

    def search(self, query: str, wanted: ListQuery) -> Page[Row]:
        """Models for what somebody typed, best match first; every model where nothing was typed.

        What the query may mean is tried, the likeliest first, until something is found.
        """
        self.check_known(wanted.filters)
        if not query.strip():
            return self.models.listed(wanted)
        page: Page[Row] = Page([], total=0 if wanted.page else None)
        for groups in self._vocabulary_now().readings(query):
            page = self.models.matching(wanted, groups)
            beyond_first = wanted.after is not None or (wanted.page or 1) > 1
            if page.items or (beyond_first and self.models.matching(first_of(wanted), groups).items):
                break
        return page

    def check_known(self, filters: Mapping[str, Any]) -> None:
        """Raises `Invalid` that names each category and brand of some filters that there is not."""
        noticed = (("category", self.categories), ("brand", self.brands))
        faults = [
            Fault(name, f"there is no {name} {slug!r}", f"unknown-{name}")
            for name, nouns in noticed
            for slug in sorted(nouns.unknown(filters.get(name) or ()))
        ]
        if faults:
            raise Invalid(faults)

    def model(self, slug: str, currency: str) -> tuple[Row, list[Row]]:
        """A model, and the repairs on offer for it in a currency. Raises `NotFound`."""
        rows = self.models.detail(slug, currency)
        if not rows:
            raise NotFound(f"There is no model {slug!r}.")
        return rows[0], [row for row in rows if row["repair_slug"]]

    def wanted(self, slug: str, repairs: Sequence[str], currency: str) -> tuple[Row, list[Row]]:
        """A model, and the offers for some repairs on it in the order asked. Raises `Invalid` with every fault."""
        rows = self.models.wanted(slug, repairs, currency)
        offered = {row["repair_slug"]: row for row in rows if row["amount"] is not None}
        absent = set(repairs) - offered.keys() if rows else self.repairs.unknown(repairs)
        faults = [] if rows else [Fault("model", f"there is no model {slug!r}", "unknown-model")]
        faults += [
            Fault(f"repairs.{n}", f"{repair!r} is not offered for this model", "unknown-repair")
            for n, repair in enumerate(repairs)
            if repair in absent
        ]
        faults += [
            Fault(f"repairs.{n}", f"{repair!r} is there twice", "repeated")
            for n, repair in enumerate(repairs)
            if repair in repairs[:n]
        ]
        if faults:
            raise Invalid(faults)
        return rows[0], [offered[repair] for repair in repairs]

    def forget(self) -> None:
        """The catalog has changed: the next query is read by its new words."""
        self._vocabulary = (0.0, None)

    def _vocabulary_now(self) -> Vocabulary:
        made, vocabulary = self._vocabulary
        if vocabulary is None or clock.monotonic() - made > FRESH_SECONDS:
            texts, repairs = self.models.texts(), self.repairs.words()
            if vocabulary is None or (vocabulary.texts, vocabulary.repairs) != (texts, repairs):
                vocabulary = Vocabulary(texts, repairs)
            self._vocabulary = clock.monotonic(), vocabulary
        return vocabulary


def first_of(wanted: ListQuery) -> ListQuery:
    """The same list from its beginning, one row of it."""
    return replace(wanted, after=None, page=None, limit=1)
