"""Real repairs, as people at repair cafes wrote them down: what customers of a shop will type."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

CATEGORIES = {
    "Mobile": "phone", "Tablet": "tablet", "Laptop": "laptop", "Desktop computer": "desktop",
    "Games console": "console",
}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """One device somebody brought: its category here, and brand and problem as they were written."""

    id: str
    category: str
    brand: str
    problem: str


def data_folder() -> Path:
    """Where the public data sets are; skips the test where they are not."""
    told = os.environ.get("REVIVA_TEST_DATA")
    folder = Path(told) if told else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not there: {folder} (REVIVA_TEST_DATA names another folder)")
    return folder


def records() -> list[Record]:
    """The records of devices that the catalog has categories for, in the file's order."""
    with (data_folder() / "open-repair-wales-202507.csv").open(encoding="utf-8", newline="") as file:
        return [
            Record(row["id"], CATEGORIES[row["product_category"]], row["brand"].strip(), row["problem"])
            for row in csv.DictReader(file)
            if row["product_category"] in CATEGORIES
        ]
