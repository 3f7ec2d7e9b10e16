"""A batch of a file's models or prices: what is there is read at once, and what it becomes is written at once.

Each row is held against what the rows before it made, so a file may name the same thing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reviva import clock
from reviva.database.statement import Row
from reviva.errors import Conflict, RevivaError, known
from reviva.models import Brand, Category, RepairPrice
from reviva.services.actor import Actor
from reviva.services.audit import Change
from reviva.services.catalog_change import (
    STAYS,
    CatalogChangeService,
    all_known,
    check_latin,
    difference,
    found_by,
    model_view,
)


def put_models(catalog: CatalogChangeService, actor: Actor, rows: Sequence[Row]) -> list[str]:
    """Adds and changes models; returns what became of each row, or what is wrong with it. In a transaction that has
    the turn to change settings, as `put_prices`."""
    batch = _Models(catalog, [row["slug"] for row in rows])
    became = [outcome(batch.put, row) for row in rows]
    catalog.models.put(list(batch.made.values()))
    catalog.audit.record_many(actor, batch.changes)
    catalog.catalog.forget()
    return became


def put_prices(catalog: CatalogChangeService, actor: Actor, rows: Sequence[Row]) -> list[str]:
    """Adds and changes prices; returns what became of each row, or what is wrong with it."""
    batch = _Prices(catalog, rows)
    became = [outcome(batch.put, row) for row in rows]
    catalog.prices.put(list(batch.made.values()))
    catalog.audit.record_many(actor, batch.changes)
    return became


def outcome(put: Callable[[Row], str], row: Row) -> str:
    """What became of a row, or what is wrong with it."""
    try:
        return put(row)
    except (RevivaError, ValueError) as problem:
        return str(problem)


class _Models:
    def __init__(self, catalog: CatalogChangeService, slugs: Sequence[str]) -> None:
        self.prices = catalog.prices
        kinds = {kind.slug: kind for kind in catalog.categories.some()}
        makers = {maker.slug: maker for maker in catalog.brands.some()}
        self.finders: dict[str, Callable[[str], Any]] = {
            "category": lambda slug: known(kinds.get(slug), f"There is no category {slug!r}."),
            "brand": lambda slug: known(makers.get(slug), f"There is no brand {slug!r}."),
        }
        whole = catalog.models.wholes(slugs)
        self.ids = {row["slug"]: row["id"] for row in whole}
        self.views = {row["slug"]: model_view(row) for row in whole}
        self.made: dict[str, Row] = {}
        self.changes: list[Change] = []

    def put(self, row: Row) -> str:
        before = self.views.get(row["slug"])
        if before and all(value == _sent(before, name) for name, value in row.items()):
            return "unchanged"
        kind, maker = all_known(self.finders, {"category": row["category"], "brand": row["brand"]})
        if before is None:
            check_latin(row["slug"], row["name"])
        elif kind.slug != before["category"]["slug"] and self._priced(row["slug"]):
            raise Conflict(STAYS)
        self._make(before, row, kind, maker)
        return "changed" if before else "created"

    def _priced(self, slug: str) -> bool:
        return slug in self.ids and self.prices.exists(RepairPrice.model == self.ids[slug])

    def _make(self, before: Row | None, row: Row, kind: Category, maker: Brand) -> None:
        slug, now = row["slug"], clock.now()
        own = {name: value for name, value in row.items() if name not in ("category", "brand")}
        own |= {"tier": str(row["tier"]), "updated_at": now}
        version = before["version"] + 1 if before else 1
        own |= {"version": version, "created_at": before["created_at"] if before else now}
        nouns = {name: {"slug": noun.slug, "name": noun.name} for name, noun in (("brand", maker), ("category", kind))}
        after = self.views[slug] = own | nouns
        self.made[slug] = {**own, "category_id": kind.id, "brand_id": maker.id, **found_by(own, kind, maker)}
        if before:
            self.changes.append(Change("device_model.change", "device_model", slug, *difference(before, after)))
        else:
            self.changes.append(Change("device_model.create", "device_model", slug, after=after))


def _sent(view: Row, name: str) -> Any:
    """A field of a model as a row has it."""
    return view[name]["slug"] if name in ("brand", "category") else view[name]


class _Prices:
    def __init__(self, catalog: CatalogChangeService, rows: Sequence[Row]) -> None:
        self.places = catalog.models.places([row["model"] for row in rows])
        self.repairs = {(repair.category_id, repair.slug): repair.id for repair in catalog.repairs.some()}
        self.now = {
            tuple(key): {"amount": amount, "minutes": minutes}
            for *key, amount, minutes in catalog.prices.of_models([place[0] for place in self.places.values()])
        }
        self.made: dict[tuple[Any, ...], Row] = {}
        self.changes: list[Change] = []

    def put(self, row: Row) -> str:
        slug, repair, currency = row["model"], row["repair"], row["currency"]
        model, kind, named = known(self.places.get(slug), f"There is no model {slug!r}.")
        id = known(self.repairs.get((kind, repair)), f"There is no repair {repair!r} in {named!r}.")
        key, values = (model, id, currency), {"amount": row["amount"], "minutes": row["minutes"]}
        was = self.now.get(key)
        if was == values:
            return "unchanged"
        self.now[key] = values
        self.made[key] = {"model_id": model, "repair_id": id, "currency": currency, **values}
        before, after = ({"currency": currency, "prices": {repair: each}} for each in (was, values))
        self.changes.append(Change("prices.change", "device_model", slug, before, after))
        return "changed" if was else "created"
