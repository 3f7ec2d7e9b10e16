"""What demo bookings are drawn from: made-up people, and jobs priced by the pricing engine from the real price list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final, NamedTuple

from reviva.database.fields import JSONField
from reviva.database.statement import Row
from reviva.services.pricing import Order, priced
from reviva.words import searchable

MOST_MODELS: Final = 400
JOBS: Final = 4_000
EACH: Final = 2
"""Jobs that are drawn for a booking, where there are few."""
LONGEST: Final = 240
"""Minutes: what fits into any half day."""

POPULAR: Final = {"phone": 60, "laptop": 17, "tablet": 12, "watch": 5, "console": 5, "desktop": 1}
"""How often a device of each category is brought."""
OF_BRAND: Final = {
    "apple": 2000, "samsung": 150, "google": 30, "huawei": 20, "xiaomi": 20, "sony": 20, "nintendo": 40,
    "microsoft": 30, "dell": 20, "hp": 30, "lenovo": 20, "amazon": 20,
}  # fmt: skip
"""How much more often a model is brought than one of another brand, of which there are thousands."""

GIVEN: Final = [
    "amelia", "arthur", "ava", "ben", "chloe", "daniel", "dylan", "ella", "emma", "ethan", "eva", "fatima", "finn",
    "freya", "george", "grace", "hannah", "harry", "hugo", "ida", "isla", "ivan", "jack", "jacob", "james", "jasmine",
    "joshua", "julia", "kai", "kate", "laura", "leo", "lily", "lucas", "lucy", "maria", "mason", "maya", "mia",
    "mohammed", "nadia", "nina", "noah", "nora", "oliver", "oscar", "poppy", "priya", "rosa", "ruby", "ryan", "samuel",
    "sara", "sofia", "theo", "thomas", "tom", "victor", "wei", "zara",
]  # fmt: skip
FAMILY: Final = [
    "adams", "ahmed", "allen", "baker", "banerjee", "barnes", "begum", "bell", "bennett", "brooks", "brown", "butler",
    "campbell", "carter", "chen", "clark", "collins", "cook", "cooper", "cruz", "davies", "davis", "edwards", "evans",
    "fisher", "foster", "garcia", "gray", "green", "griffiths", "hall", "harris", "harrison", "henderson", "hill",
    "hughes", "hussain", "jackson", "james", "jenkins", "johnson", "jones", "kaur", "kelly", "khan", "king", "kowalski",
    "lee", "lewis", "lopez", "marshall", "martin", "mason", "miller", "mitchell", "moore", "morgan", "morris", "murphy",
    "murray", "nguyen", "novak", "owen", "palmer", "parker", "patel", "phillips", "powell", "price", "reid", "richards",
    "roberts", "robinson", "rossi", "russell", "ryan", "schmidt", "scott", "shaw", "silva", "simpson", "singh", "smith",
    "stewart", "taylor", "thomas", "thompson", "turner", "walker", "ward", "watson", "webb", "white", "williams",
    "wilson", "wood", "wright", "young",
]  # fmt: skip

CANCELLED_BECAUSE: Final = ("", "", "Bought a new one", "No time", "Found another date")


class Person(NamedTuple):
    """A customer: always the same for the same number."""

    name: str
    email: str
    phone: str | None
    found_by: str
    """Search words."""


def person(number: int) -> Person:
    """The made-up person of this number. Addresses and telephone numbers are of those that nobody can have."""
    mixed = number * 2_654_435_761 % 2**32
    (given, first), (family, last) = GIVEN_AND_SHOWN[mixed % len(GIVEN)], FAMILY_AND_SHOWN[(mixed >> 8) % len(FAMILY)]
    words, local = f"{given} {family}" if given != family else given, f"{family}{number}"
    name, email, found_by = (
        f"{first} {last}",
        f"{given}.{local}@example.com",
        f"{words} {local} example com 0{given}{local}examplecom",
    )
    if mixed >> 28 >= 12:
        return Person(name, email, None, found_by)
    phone = f"447700900{(mixed >> 16) % 1000:03d}"
    return Person(name, email, f"+{phone}", f"{found_by} plus {phone}")


GIVEN_AND_SHOWN: Final = [(word, word.title()) for word in GIVEN]
FAMILY_AND_SHOWN: Final = [(word, word.title()) for word in FAMILY]


class Job(NamedTuple):
    """Something to repair, priced."""

    model: int
    words: str
    """Of brand and model, for the search."""
    minutes: int
    total: int
    urgency: str
    items: tuple[tuple[int, str, int, int, str, int], ...]
    """(repair, name, minutes, base, adjustments as JSON, price), as the item's columns are."""


def popular(rng: Random, models: Sequence[Row], year: int) -> list[Row]:
    """Some hundred models, the most popular first: newer ones, of categories and brands that are brought often."""

    def luck(model: Row) -> float:
        often = POPULAR.get(model["category_slug"], 1) * OF_BRAND.get(model["brand_slug"], 1)
        weight = often / (1 + abs(year - 3 - model["year"]))
        return float(rng.random() ** (1 / weight))

    return sorted(models, key=luck, reverse=True)[:MOST_MODELS]


def jobs(
    rng: Random, offers: Sequence[Sequence[Row]], shop: Any, rules: Sequence[Row], now: datetime, count: int
) -> list[Job]:
    """Jobs to draw so many bookings from with equal chances: models by popularity (Zipf), mostly one repair, priced by
    the rules in force.

    `offers` has, for each model, its row with each repair on offer.
    """
    weights = [1 / (rank + 2) ** 0.8 for rank in range(len(offers))]
    made = []
    for model in rng.choices(offers, weights, k=min(JOBS, EACH * count)):
        wanted = rng.sample(model, min(len(model), rng.choices((1, 2, 3), (80, 17, 3))[0]))
        urgency = rng.choices(("standard", "express", "same_day"), (85, 11, 4))[0]
        job = job_of(wanted, shop, rules, urgency, now)
        if job.minutes <= LONGEST:
            made.append(job)
    return made


def job_of(wanted: Sequence[Row], shop: Any, rules: Sequence[Row], urgency: str, now: datetime) -> Job:
    """One model's repairs, priced as a quote without an appointment would be."""
    model: Mapping[str, Any] = wanted[0]
    order = Order.of(dict(model), shop, urgency, len(wanted), None)
    lines = [priced(offer, order, rules, now) for offer in wanted]
    return Job(
        model["id"],
        searchable([model["brand_name"], model["name"]]),
        sum(line.minutes for line in lines),
        sum(line.price for line in lines),
        urgency,
        tuple(
            (
                line.repair,
                line.name,
                line.minutes,
                line.base,
                JSONField().db_value(line.adjustments) or "[]",
                line.price,
            )
            for line in lines
        ),
    )
