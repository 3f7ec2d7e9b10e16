"""Filling an empty database with what a shop needs to open: the catalog, its prices, some rules, and a shop."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee import Database

import reviva
from reviva import clock
from reviva.database.statistics import analyze
from reviva.database.turn import wait_for_turn
from reviva.models import RepairType
from reviva.models.pricing import RuleKind
from reviva.money import share
from reviva.repositories.catalog import (
    BrandRepository,
    CategoryRepository,
    DeviceModelRepository,
    PriceRepository,
    RepairTypeRepository,
)
from reviva.repositories.pricing import FactorRepository, RuleRepository
from reviva.repositories.shop import BenchRepository, HoursRepository, ShopRepository
from reviva.services.device import model_slug, search_columns

DATA = Path(reviva.__file__).parent / "data"

NEWEST = 2025
"""The year whose models have the full price of their tier."""
YEARLY_LOSS, LOWEST = 500, 6_000
"""Basis points that a repair gets cheaper by for each year of a model's age, and what is left of its price at least."""

SPECS = ("screen", "storage", "chip", "battery", "connector", "drive")
"""The columns of a model's file that become its specs; `drive` is told of consoles alone."""


class SeedingService:
    """Adds what is missing and leaves what is there as the shop has made it, so it can run any number of times."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.categories, self.brands = CategoryRepository(database), BrandRepository(database)
        self.models, self.repairs = DeviceModelRepository(database), RepairTypeRepository(database)
        self.prices = PriceRepository(database)
        self.factors, self.rules = FactorRepository(database), RuleRepository(database)
        self.shops, self.hours, self.benches = (
            ShopRepository(database),
            HoursRepository(database),
            BenchRepository(database),
        )

    def seed(self) -> dict[str, int]:
        """Adds what is missing, in one transaction; returns how many of each were added."""
        with self.database.atomic():
            wait_for_turn(self.database, "seed")
            added = {
                "categories": self._categories(),
                "brands": self._brands(),
                "models": self._models(),
                "repair types": self._repairs(),
                "prices": self._prices(),
                "rules": self._rules(),
                "shops": self._shop(),
            }
        if any(added.values()):
            with self.database.atomic():  # in its turn: another server may be starting on the same file
                analyze(self.database)  # the planner's idea of an empty catalog would be kept for long
        return added

    def _categories(self) -> int:
        known = ids(self.categories)
        rows = [{**row, "position": n} for n, row in enumerate(read("categories.csv")) if row["slug"] not in known]
        return self.categories.create_many(rows)

    def _brands(self) -> int:
        known = ids(self.brands)
        rows = [{**row, "aliases": split(row["aliases"])} for row in read("brands.csv") if row["slug"] not in known]
        return self.brands.create_many(rows)

    def _models(self) -> int:
        known, categories, brands = ids(self.models), ids(self.categories), ids(self.brands)
        names = {brand.slug: brand for brand in self.brands.some()}
        now = clock.now()
        return self.models.create_many(
            device(row, category, names[brand])
            | {"category": categories[category], "brand": brands[brand], "created_at": now, "updated_at": now}
            for category, brand, row in shipped_models()
            if model_slug(names[brand].slug, row["name"]) not in known
        )

    def _repairs(self) -> int:
        categories = ids(self.categories)
        known = {(repair.category_id, repair.slug) for repair in self.repairs.some()}
        rows = [
            {
                "category": categories[row["category"]], "slug": row["slug"], "name": row["name"],
                "description": row["description"], "minutes": int(row["minutes"]), "position": n,
            }
            for n, row in enumerate(read("repairs.csv"))
            if (categories[row["category"]], row["slug"]) not in known
        ]  # fmt: skip
        return self.repairs.create_many(rows)

    def _prices(self, currency: str = "GBP") -> int:
        """A price for each repair of each model that has none at all yet, from the model's tier and age."""
        categories = {id: slug for slug, id in ids(self.categories).items()}
        lists = {(row["category"], row["slug"]): row for row in read("repairs.csv")}
        offers: dict[int, list[tuple[RepairType, dict[str, str]]]] = {}
        for repair in self.repairs.some():
            if (row := lists.get((categories[repair.category_id], repair.slug))) is not None:
                offers.setdefault(repair.category_id, []).append((repair, row))
        return self.prices.create_many(
            {"model": model.id, "repair": repair.id, "currency": currency, "amount": price(row, model.tier, model.year)}
            for model in self.models.unpriced()
            for repair, row in offers.get(model.category_id, ())
            if not row["needs"] or model.specs.get(row["needs"])
        )

    def _rules(self) -> int:
        if self.rules.exists():
            return 0
        now = {"created_at": clock.now(), "updated_at": clock.now()}
        factor = self.factors.create(key="apple-screens", name="Cost of Apple displays", value=10_000, **now)
        rules: list[dict[str, Any]] = [
            {"name": "Apple displays follow the market", "kind": RuleKind.FACTOR, "value": 5_000, "priority": 10,
             "factor": factor.id, "conditions": {"brand": ["apple"], "repair": ["screen"]}},
            {"name": "Several repairs at once", "kind": RuleKind.PERCENT, "value": -1_000, "priority": 50,
             "factor": None, "conditions": {"repairs_from": 2}},
            {"name": "Express", "kind": RuleKind.PERCENT, "value": 2_000, "priority": 80,
             "factor": None, "conditions": {"urgency": ["express"]}},
            {"name": "Same day", "kind": RuleKind.PERCENT, "value": 4_000, "priority": 80,
             "factor": None, "conditions": {"urgency": ["same_day"]}},
        ]  # fmt: skip
        return self.rules.create_many({**rule, **now} for rule in rules)

    def _shop(self) -> int:
        if self.shops.exists():
            return 0
        now = clock.now()
        shop = self.shops.create(
            slug="main", name="Repair shop", timezone="Europe/London", currency="GBP", country="GB",
            created_at=now, updated_at=now,
        )  # fmt: skip
        week = [(day, 9 * 60, 17 * 60 + 30) for day in range(5)] + [(5, 10 * 60, 16 * 60)]
        self.hours.create_many({"shop": shop.id, "weekday": d, "opens": o, "closes": c} for d, o, c in week)
        self.benches.create_many({"shop": shop.id, "name": f"Bench {n}"} for n in (1, 2, 3))
        return 1


def device(row: dict[str, str], category: str, brand: Any) -> dict[str, Any]:
    """A model's columns from a row of its CSV file."""
    aliases, numbers = split(row["aliases"]), split(row["model_numbers"])
    specs: dict[str, Any] = {name: row[name] for name in SPECS if row.get(name)}
    if "storage" in specs:
        specs["storage"] = [int(size) for size in split(row["storage"])]
    return {
        "slug": model_slug(brand.slug, row["name"]),
        "name": row["name"],
        "year": int(row["year"]),
        "tier": row["tier"],
        "model_numbers": numbers,
        "aliases": aliases,
        "specs": specs,
        **search_columns(category, brand.name, brand.aliases, row["name"], aliases, numbers),
    }


def price(row: dict[str, str], tier: str, year: int) -> int:
    """A repair's price in pence, whole pounds, for a tier and a year of release."""
    left = max(LOWEST, 10_000 - YEARLY_LOSS * max(0, NEWEST - year))
    return round(share(int(row[tier]) * 100, left), -2)


def shipped_models() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Category, brand and row of each model that comes with Reviva."""
    for path in sorted(DATA.glob("models/*/*.csv")):
        for row in rows_of(path):
            yield path.parent.name, path.stem, row


def read(name: str) -> list[dict[str, str]]:
    """The rows of one of our CSV files."""
    return list(rows_of(DATA / name))


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def split(text: str) -> list[str]:
    """The parts of a `|`-separated cell."""
    return [part for part in re.split(r"\s*\|\s*", text) if part]


def ids(repository: Any) -> dict[str, int]:
    """Slug → id of every row."""
    return {row.slug: row.id for row in repository.some()}
