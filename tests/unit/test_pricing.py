"""Prices: each rule's effect, in order, on record; never below zero, and always adding up."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import SqliteDatabase
from pydantic import ValidationError

from reviva.errors import Invalid
from reviva.models.pricing import RuleKind
from reviva.money import MOST, share
from reviva.services.pricing import Conditions, Order, PricingService, priced
from reviva.signing import Signer

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHOP = SimpleNamespace(slug="main", timezone="Europe/London")
MODEL = {"category_slug": "phone", "brand_slug": "apple", "slug": "apple-one", "tier": "mid", "year": 2022}
OFFER = {"repair_id": 1, "repair_slug": "screen", "repair_name": "Screen", "minutes": 60, "amount": 10_000}


def rule(kind: str = "percent", value: int = 1_000, **more: Any) -> dict[str, Any]:
    defaults = {
        "id": 1, "name": "A rule", "conditions": {}, "stops": False, "valid_from": None, "valid_to": None,
        "factor_value": 12_000 if kind == "factor" else None,
    }  # fmt: skip
    return {**defaults, "kind": kind, "value": value, **more}


def order(repairs: int = 1, urgency: str = "standard", starts_at: datetime | None = None) -> Order:
    return Order.of(MODEL, SHOP, urgency, repairs, starts_at)


def price(*rules: dict[str, Any], amount: int = 10_000, wish: Order | None = None) -> int:
    return priced({**OFFER, "amount": amount}, wish or order(), rules, NOW).price


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("percent", 1_500, 11_500), ("percent", -1_500, 8_500), ("fixed", 499, 10_499), ("fixed", -499, 9_501),
        ("multiplier", 12_500, 12_500), ("multiplier", 5_000, 5_000), ("factor", 10_000, 12_000),
        ("factor", 5_000, 11_000), ("factor", -5_000, 9_000), ("minimum", 12_000, 12_000), ("minimum", 8_000, 10_000),
        ("maximum", 8_000, 8_000), ("maximum", 12_000, 10_000), ("fixed", -20_000, 0), ("percent", -20_000, 0),
    ],
)  # fmt: skip
def test_each_kind_of_rule_moves_the_price_its_own_way(kind: str, value: int, expected: int) -> None:
    assert price(rule(kind, value)) == expected


def test_a_share_of_a_factor_is_rounded_once() -> None:
    assert price(rule("factor", 5_000, factor_value=12_345), amount=11_100) == 11_100 + 1_301  # 1,301.475


def test_rules_apply_one_after_the_other_to_what_the_one_before_left() -> None:
    line = priced(
        OFFER, order(), [rule("percent", 1_000, id=1), rule("percent", 1_000, id=2), rule("fixed", -100, id=3)], NOW
    )
    assert [(step["rule"], step["effect"]) for step in line.adjustments] == [(1, 1_000), (2, 1_100), (3, -100)]
    assert line.price == 12_000


def test_a_rule_that_stops_is_the_last_only_where_it_is_met() -> None:
    stops, later = rule("fixed", 100, stops=True), rule("fixed", 1_000)
    assert price(stops, later) == 10_100
    assert price({**stops, "conditions": {"brand": ["nokia"]}}, later) == 11_000


def test_a_rule_without_effect_leaves_no_trace() -> None:
    assert priced(OFFER, order(), [rule("minimum", 1)], NOW).adjustments == []


@pytest.mark.parametrize(
    ("opens", "closes", "holds"),
    [
        (None, None, True),
        (0, None, True),
        (1, None, False),
        (None, 0, False),
        (None, 1, True),
        (-1, 1, True),
        (-2, -1, False),
    ],
)
def test_a_window_begins_with_its_start_and_ends_before_its_end(
    opens: int | None, closes: int | None, holds: bool
) -> None:
    at = lambda n: None if n is None else NOW + timedelta(seconds=n)  # noqa: E731
    assert (price(rule(valid_from=at(opens), valid_to=at(closes))) == 11_000) is holds


MET = [
    ({"category": ["phone", "tablet"]}, True), ({"category": ["tablet"]}, False), ({"brand": ["apple"]}, True),
    ({"model": ["apple-two"]}, False), ({"tier": ["mid"]}, True), ({"repair": ["battery"]}, False),
    ({"repair": ["screen"], "brand": ["nokia"]}, False), ({"shop": ["main"]}, True), ({"urgency": ["express"]}, True),
    ({"urgency": ["standard"]}, False), ({"year_from": 2022}, True), ({"year_from": 2023}, False),
    ({"year_to": 2022}, True), ({"year_to": 2021}, False), ({"repairs_from": 2}, True), ({"repairs_from": 3}, False),
    ({"weekday": [6]}, True), ({"weekday": [0]}, False), ({"hour_from": 1}, True), ({"hour_from": 2}, False),
    ({"hour_to": 2}, True), ({"hour_to": 1}, False),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "holds"), MET)
def test_a_rule_is_for_what_meets_all_its_conditions(conditions: dict[str, Any], holds: bool) -> None:
    """Two repairs, express, at half past midnight UTC of a Sunday in summer: half past one in London."""
    Conditions.model_validate_json(json.dumps(conditions))
    wish = order(2, "express", datetime(2026, 6, 7, 0, 30, tzinfo=UTC))
    assert (price(rule(conditions=conditions), wish=wish) == 11_000) is holds


@pytest.mark.parametrize("conditions", [{"weekday": [0, 1, 2, 3, 4, 5, 6]}, {"hour_from": 0}, {"hour_to": 24}])
def test_conditions_on_the_time_are_not_met_while_none_is_chosen(conditions: dict[str, Any]) -> None:
    assert price(rule(conditions=conditions)) == 10_000


@pytest.mark.parametrize(
    "wrong",
    [{"colour": ["red"]}, {"brand": []}, {"brand": "apple"}, {"weekday": [7]}, {"tier": ["top"]}, {"hour_to": 25}],
)
def test_conditions_that_nobody_could_meet_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Conditions.model_validate_json(json.dumps(wrong))


@pytest.mark.parametrize(
    ("amount", "points", "expected"),
    [(999, 1_500, 150), (-999, 1_500, -150), (10, 500, 1), (1, 4_999, 0), (1, 5_000, 1)],
)
def test_a_share_is_rounded_half_away_from_zero(amount: int, points: int, expected: int) -> None:
    assert share(amount, points) == expected


def test_a_quote_says_what_it_is_for_and_holds_for_a_day_to_the_second(freeze: Callable[[datetime], None]) -> None:
    pricing, frozen = PricingService(SqliteDatabase(None), Signer(b"a key")), timedelta(microseconds=700)
    freeze(NOW + frozen)
    line = priced(OFFER, order(), [rule()], NOW)
    quote, until = pricing.lock([line], "apple-one", "main", "express", NOW + timedelta(days=3))
    assert until == NOW + timedelta(hours=24)
    told = [["screen", 10_000, 11_000, line.adjustments]]
    freeze(until - frozen)
    assert pricing.opened(quote) == ("apple-one", "main", "express", NOW + timedelta(days=3), told)
    freeze(until)
    with pytest.raises(Invalid, match="was valid until 2026-03-03T12:00:00Z"):
        pricing.opened(quote)


RULES = st.lists(
    st.builds(
        rule, st.sampled_from([str(kind) for kind in RuleKind]), st.integers(-100_000_000, 100_000_000),
        stops=st.booleans(), factor_value=st.integers(0, 1_000_000), id=st.integers(1, 9),
        conditions=st.sampled_from([{}, {"brand": ["apple"]}, {"brand": ["nokia"]}, {"repairs_from": 2}]),
    ),
    max_size=12,
)  # fmt: skip


@given(amount=st.integers(0, 10**12), rules=RULES, repairs=st.integers(1, 3))
def test_base_and_effects_always_add_up_to_a_price_that_is_not_negative_and_can_be_kept(
    amount: int, rules: list[dict[str, Any]], repairs: int
) -> None:
    line = priced({**OFFER, "amount": amount}, order(repairs), rules, NOW)
    assert line.base == amount
    assert line.base + sum(step["effect"] for step in line.adjustments) == line.price
    assert 0 <= line.price <= MOST
    running = amount
    for step in line.adjustments:
        running += step["effect"]
        assert step["effect"] != 0
        assert running >= 0
