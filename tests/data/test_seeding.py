"""The catalog that Reviva comes with, and how it gets into a database."""

from __future__ import annotations

import csv
import re
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from peewee import Database

from reviva.cli.serve import prepare
from reviva.config import Settings
from reviva.database.connection import connected, sqlite_path
from reviva.errors import DatabaseUnavailable
from reviva.models import TABLES, Bench, Brand, DeviceModel, Hours, PricingRule, RepairPrice, RepairType, Shop
from reviva.services.seeding import DATA, NEWEST, SeedingService, model_slug, price, read, shipped_models
from tests import ledger
from tests.people import KEY

COLUMNS = ["name", "year", "tier", "model_numbers", "aliases", "screen", "storage", "chip", "battery", "connector"]
GENERATION = re.compile(r"\bG(?:en )?(\d+)\b|\b(\d+)(?:st|nd|rd|th) [Gg]en")
"""Of "ThinkPad T14 Gen 3", "EliteBook 840 G9", "ThinkPad X1 Carbon 5th Gen"."""


@pytest.fixture
def seeded(new_url: Callable[..., str]) -> Iterator[Database]:
    database = ledger.opened(new_url(seeded=True))
    with database.bind_ctx(list(TABLES)):
        yield database
    database.close()


def test_every_file_of_models_has_the_columns_and_no_ragged_row() -> None:
    for path in sorted(DATA.glob("models/*/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == COLUMNS + ["drive"] * (path.parent.name == "console"), path
        assert {len(row) for row in rows} == {len(rows[0])}, path
        assert not [cell for row in rows for cell in row if cell != cell.strip()], path


def test_the_catalog_is_wide_recent_and_names_nothing_twice() -> None:
    models = list(shipped_models())
    slugs = Counter(model_slug(brand, row["name"]) for _, brand, row in models)
    assert len(models) >= 1_200
    assert len({brand for _, brand, _ in models}) >= 35
    assert not [slug for slug, times in slugs.items() if times > 1]
    assert {int(row["year"]) for _, _, row in models} == set(range(2016, 2026))
    assert {row["tier"] for _, _, row in models} <= {"budget", "mid", "upper", "flagship"}
    assert {category for category, _, _ in models} == {row["slug"] for row in read("categories.csv")}
    assert {brand for _, brand, _ in models} <= {row["slug"] for row in read("brands.csv")}


def test_a_later_generation_of_a_computer_is_never_older() -> None:
    lines = defaultdict(list)
    for category, brand, row in shipped_models():
        found = GENERATION.search(row["name"])
        if found and category in {"laptop", "desktop", "tablet"}:
            line = category, brand, row["name"].replace(found[0], "")
            lines[line].append((int(found[1] or found[2]), int(row["year"]), row["name"]))
    pairs = [pair for line in lines.values() for pair in pairwise(sorted(line))]
    assert len(pairs) > 200
    assert not [(older[2], newer[2]) for older, newer in pairs if older[1] > newer[1]]


def test_repairs_get_cheaper_with_a_models_age_down_to_a_floor() -> None:
    row = {"mid": "100"}
    assert [price(row, "mid", year) for year in (NEWEST + 1, NEWEST, NEWEST - 1, NEWEST - 8, NEWEST - 30)] == [
        10_000, 10_000, 9_500, 6_000, 6_000,
    ]  # fmt: skip


def test_seeding_again_adds_nothing(seeded: Database) -> None:
    before = ledger.counts(seeded)
    assert set(SeedingService(seeded).seed().values()) == {0}
    assert ledger.counts(seeded) == before


def test_seeding_again_adds_what_is_missing_and_leaves_what_the_shop_changed(seeded: Database) -> None:
    before = ledger.counts(seeded)
    RepairPrice.update(amount=1).where(RepairPrice.id == 1).execute()
    PricingRule.delete().where(PricingRule.name == "Express").execute()
    Brand.update(name="Our Apple").where(Brand.slug == "apple").execute()
    gone = DeviceModel.get(DeviceModel.slug == "apple-iphone-13")
    RepairPrice.delete().where(RepairPrice.model == gone.id).execute()
    DeviceModel.delete().where(DeviceModel.id == gone.id).execute()
    assert SeedingService(seeded).seed()["models"] == 1
    assert ledger.counts(seeded) == before | {"pricing_rule": before["pricing_rule"] - 1}
    assert RepairPrice.get_by_id(1).amount == 1
    assert Brand.get(Brand.slug == "apple").name == "Our Apple"


def test_every_model_has_a_price_for_some_repair_and_none_of_another_category(seeded: Database) -> None:
    priced = {row["model"] for row in RepairPrice.select(RepairPrice.model).distinct().dicts()}
    assert priced == {row["id"] for row in DeviceModel.select(DeviceModel.id).dicts()}
    strange = RepairPrice.select().join(DeviceModel).switch(RepairPrice).join(RepairType)
    assert not strange.where(DeviceModel.category != RepairType.category).exists()
    assert not RepairPrice.select().where(RepairPrice.amount <= 0).exists()


def test_a_repair_is_priced_only_where_the_model_has_what_it_mends(seeded: Database) -> None:
    priced = RepairPrice.select(RepairType.slug, DeviceModel.slug).join(DeviceModel).switch(RepairPrice)
    offered = set(priced.join(RepairType).where(DeviceModel.slug.startswith("nintendo-switch-lite")).tuples())
    offered |= set(priced.join(RepairType).where(DeviceModel.slug.startswith("sony-playstation-5")).tuples())
    assert {repair for repair, model in offered if model.startswith("nintendo")} >= {"screen", "battery", "joystick"}
    discs = {"sony-playstation-5", "sony-playstation-5-slim"}
    assert {model for repair, model in offered if repair == "disc-drive"} == discs
    assert {model for repair, model in offered if repair == "hdmi-port"} > discs | {
        "sony-playstation-5-digital-edition"
    }
    assert {model for repair, model in offered if repair == "screen"} == {"nintendo-switch-lite"}


def test_a_start_that_was_killed_after_migrating_is_finished_by_the_next(new_url: Callable[..., str]) -> None:
    url = new_url(seeded=True)
    with connected(url) as database:
        for emptied in (Hours, Bench, Shop):
            emptied.delete().bind(database).execute()
    done = prepare(Settings(database_url=url, secret_key=KEY))
    assert [line.split(" with ")[0] for line in done] == [
        "Loaded 1 shops.", "Made the administrator admin@example.com",
    ]  # fmt: skip
    assert prepare(Settings(database_url=url, secret_key=KEY)) == []


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_start_on_a_server_that_can_only_be_read_says_so_and_tells_no_password(new_url: Callable[..., str]) -> None:
    url = new_url(migrated=False) + "?options=-c%20default_transaction_read_only%3Don&password=secret"
    with pytest.raises(DatabaseUnavailable, match="read-only: point REVIVA_DATABASE_URL") as refused:
        prepare(Settings(database_url=url, secret_key=KEY))
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize("backend", ["sqlite"])
def test_who_writes_just_when_the_catalog_was_added_is_waited_for(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(sqlite_path(database_url), isolation_level=None, check_same_thread=False)
    commit, came = database.commit, list[int]()

    def committed() -> None:
        commit()
        if not came:
            came.append(1)
            other.execute("BEGIN IMMEDIATE")
            threading.Timer(0.3, other.rollback).start()

    monkeypatch.setattr(database, "commit", committed)
    assert SeedingService(database).seed()["models"]
    other.close()
