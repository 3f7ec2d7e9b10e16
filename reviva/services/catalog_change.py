"""Changing the catalog: nothing is removed, for bookings refer to it, but what is inactive is no longer offered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from peewee import Database

from reviva import clock, words
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Conflict, Fault, Invalid, NotFound, known
from reviva.models import Brand, Category, DeviceModel, RepairPrice, RepairType
from reviva.repositories.catalog import (
    BrandRepository,
    CategoryRepository,
    DeviceModelRepository,
    PriceRepository,
    RepairTypeRepository,
)
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.catalog import CatalogService
from reviva.services.device import model_slug, search_columns

CATEGORY: Final = ("slug", "name", "position")
BRAND: Final = ("slug", "name", "aliases")
REPAIR: Final = ("slug", "name", "minutes", "description", "position", "active")
MODEL: Final = (
    "slug", "name", "year", "tier", "model_numbers", "aliases", "specs", "active", "created_at", "updated_at",
    "version",
)  # fmt: skip
FOUND_BY: Final = {"name", "aliases", "model_numbers", "brand", "category"}
"""What a model's search words are made of."""
STAYS: Final = "A model with prices stays in its category: remove them first."


class CatalogChangeService:
    """Rows come back with the fields named above; a repair's also with `category` (a slug), a model's with `brand` and
    `category`, each `{slug, name}`. Every change raises `NotFound`, and each addition `Conflict` for a slug in use."""

    def __init__(self, database: Database, audit: AuditService, catalog: CatalogService) -> None:
        self.database, self.audit, self.catalog = database, audit, catalog
        self.categories, self.brands = CategoryRepository(database), BrandRepository(database)
        self.repairs, self.models = RepairTypeRepository(database), DeviceModelRepository(database)
        self.prices = PriceRepository(database)

    def add_category(self, actor: Actor, **values: Any) -> Row:
        """A new category."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            self.categories.create(**values)
            return self._added(actor, "category", values["slug"], picked(self.category(values["slug"]), CATEGORY))

    def change_category(self, actor: Actor, slug: str, **sent: Any) -> Row:
        """Changes the fields sent, of name and position."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.category(slug)
            if sent:
                self.categories.update(before.id, **sent)
            return self._changed(
                actor, "category", slug, picked(before, CATEGORY), picked(self.category(slug), CATEGORY)
            )

    def add_brand(self, actor: Actor, **values: Any) -> Row:
        """A new brand."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            self.brands.create(**values)
            return self._added(actor, "brand", values["slug"], picked(self.brand(values["slug"]), BRAND))

    def change_brand(self, actor: Actor, slug: str, **sent: Any) -> Row:
        """Changes the fields sent, of name and aliases; the brand's models are found by the new words at once."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.brand(slug)
            if sent:
                self.brands.update(before.id, **sent)
                self._reword(after := self.brand(slug))
            else:
                after = before
            shown = self._changed(actor, "brand", slug, picked(before, BRAND), picked(after, BRAND))
        self.catalog.forget()
        return shown

    def add_repair(self, actor: Actor, category: str, **values: Any) -> Row:
        """A new type of repair. Raises `Invalid` for an unknown category."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            (parent,) = self._known(category=category)
            self.repairs.create(category=parent.id, **values)
            after = self.repair(category, values["slug"])
            return self._added(actor, "repair_type", f"{category}/{values['slug']}", repair_view(after, category))

    def change_repair(self, actor: Actor, category: str, slug: str, **sent: Any) -> Row:
        """Changes the fields sent, of name, minutes, description, position, active."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.repair(category, slug)
            if sent:
                self.repairs.update(before.id, **sent)
            after = self.repair(category, slug)
            return self._changed(
                actor, "repair_type", f"{category}/{slug}", repair_view(before, category), repair_view(after, category)
            )

    def add_model(self, actor: Actor, brand: str, category: str, slug: str | None = None, **values: Any) -> Row:
        """A new model; without a slug, one is made of brand and name. Raises `Invalid` for an unknown one of them."""
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            kind, maker = self._known(category=category, brand=brand)
            slug = slug or model_slug(brand, values["name"])
            check_latin(slug, values["name"])
            own, now = {"model_numbers": [], "aliases": [], **values}, clock.now()
            self.models.create(
                slug=slug, brand=maker.id, category=kind.id, **own, **found_by(own, kind, maker),
                created_at=now, updated_at=now,
            )  # fmt: skip
            shown = self._added(actor, "device_model", slug, self.model(slug))
        self.catalog.forget()
        return shown

    def change_model(self, actor: Actor, slug: str, version: int | None, **sent: Any) -> Row:
        """Changes the fields sent, also brand and category.

        Raises `VersionConflict`, `Invalid` for an unknown brand or category, and `Conflict` for another category while
        the model has prices, because they are of the old one's repairs.
        """
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.model(slug)
            named = {name: sent.get(name, before[name]["slug"]) for name in ("category", "brand")}
            kind, maker = self._known(**named)
            id = self.models.id_of(slug)
            if kind.slug != before["category"]["slug"] and self.prices.exists(RepairPrice.model == id):
                raise Conflict(STAYS)
            own = sent | {"category": kind.id, "brand": maker.id}
            if FOUND_BY & set(sent):
                own |= found_by({**before, **sent}, kind, maker)
            self.models.update(id, version, **own, updated_at=clock.now())
            shown = self._changed(actor, "device_model", slug, before, self.model(slug))
        self.catalog.forget()
        return shown

    def category(self, slug: str) -> Category:
        """One category."""
        return known(self.categories.find(Category.slug == slug), f"There is no category {slug!r}.")

    def brand(self, slug: str) -> Brand:
        """One brand."""
        return known(self.brands.find(Brand.slug == slug), f"There is no brand {slug!r}.")

    def repair(self, category: str, slug: str) -> RepairType:
        """One type of repair."""
        parent = self.category(category)
        found = self.repairs.find(RepairType.category == parent.id, RepairType.slug == slug)
        return known(found, f"There is no repair {slug!r} in {category!r}.")

    def model(self, slug: str) -> Row:
        """One model, active or not, as staff see it."""
        return model_view(known(self.models.whole(slug), f"There is no model {slug!r}."))

    def _known(self, **slugs: str) -> list[Any]:
        """The category and the brand of these slugs, in the order named. Raises `Invalid` with every unknown one."""
        return all_known({"category": self.category, "brand": self.brand}, slugs)

    def _reword(self, brand: Brand) -> None:
        kinds = {kind.id: kind for kind in self.categories.some()}
        models = self.models.some(DeviceModel.brand == brand.id)
        self.models.reword({model.id: found_by(model.__data__, kinds[model.category_id], brand) for model in models})

    def _added(self, actor: Actor, entity: str, id: str, after: Row) -> Row:
        self.audit.record(actor, f"{entity}.create", entity, id, after=after)
        return after

    def _changed(self, actor: Actor, entity: str, id: str, before: Row, after: Row) -> Row:
        was, now = difference(before, after)
        if now:
            self.audit.record(actor, f"{entity}.change", entity, id, before=was, after=now)
        return after


def all_known(finders: Mapping[str, Callable[[str], Any]], slugs: Mapping[str, str]) -> list[Any]:
    """What each finder finds under its slug, in the order of the slugs. Raises `Invalid` with every unknown one."""
    found, faults = [], []
    for name, slug in slugs.items():
        try:
            found.append(finders[name](slug))
        except NotFound as problem:
            faults.append(Fault(name, problem.detail, f"unknown-{name}"))
    if faults:
        raise Invalid(faults)
    return found


def check_latin(slug: str, name: str) -> None:
    """Raises `Invalid` for a new model that no search could find."""
    if not words.words(name):
        raise Invalid.field("name", "must have a letter or a digit", "no-words")
    if not slug.isascii():
        raise Invalid.field("slug", "is needed for a name without Latin letters", "missing")


def difference(before: Row, after: Row) -> tuple[Row, Row]:
    """The fields that changed, as they were and as they are."""
    names = [name for name in after if after[name] != before[name] and name not in ("version", "updated_at")]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


def model_view(row: Row) -> Row:
    """A model as staff see it, of a row that has its brand and category beside it."""
    named = {name: {"slug": row[f"{name}_slug"], "name": row[f"{name}_name"]} for name in ("brand", "category")}
    return {name: row[name] for name in MODEL} | named


def picked(row: Any, names: tuple[str, ...]) -> Row:
    return {name: getattr(row, name) for name in names}


def repair_view(row: RepairType, category: str) -> Row:
    return picked(row, REPAIR) | {"category": category}


def found_by(model: Mapping[str, Any], category: Category, brand: Brand) -> dict[str, str | int]:
    """A model's search words."""
    return search_columns(
        str(category.slug), str(brand.name), brand.aliases, model["name"], model["aliases"], model["model_numbers"]
    )
