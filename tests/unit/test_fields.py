"""Single values as people and programs write them: what is understood, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from reviva import spelling
from reviva.api import fields
from reviva.errors import Invalid
from reviva.identity import e164, email_key


def refused(parse: Callable[[Any], object], value: object) -> bool:
    try:
        parse(value)
    except (PydanticCustomError, ValidationError, Invalid):
        return True
    return False


@pytest.mark.parametrize(
    "typed",
    ["RV-7K3M9Q2X", "rv-7k3m9q2x", " RV7K3M9Q2X ", "rv 7k3m 9q2x", "RV--7K3M9Q2X"],
)
def test_a_reference_is_understood_however_it_is_typed(typed: str) -> None:
    assert fields.parse_reference(typed) == "RV-7K3M9Q2X"


def test_letters_that_are_misread_are_digits() -> None:
    assert fields.parse_reference("RV-OIL0IL11") == "RV-01101111"


@pytest.mark.parametrize(
    "typed", ["", "RV-", "7K3M9Q2X", "RV-7K3M9Q2", "RV-7K3M9Q2XX", "RV-UUUUUUUU", "RV-7K3M9Q2\u2460"]
)
def test_what_is_no_reference_is_refused(typed: str) -> None:
    assert refused(fields.parse_reference, typed)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01t09:30:00z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01 09:30:00+01:00", datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
        ("2026-03-01T00:15:00.5-03:30", datetime(2026, 3, 1, 3, 45, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_an_instant_may_have_any_offset(text: str, instant: datetime) -> None:
    assert spelling.parse_instant(text) == instant
    assert spelling.parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T09:30:00", "2026-03-01", "2026-02-30T09:30:00Z", "2026-03-01T25:00:00Z", "2026-03-01T09:30Z",
        "20260301T093000Z", "2026-W09-7T09:30:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "now", "",
        1_772_357_400, None, datetime(2026, 3, 1),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused(value: object) -> None:
    assert refused(spelling.parse_instant, value)


def test_an_appointment_keeps_the_offset_that_was_written() -> None:
    assert fields.parse_appointment("2026-10-25T01:30:00+01:00").utcoffset() == timedelta(hours=1)
    assert fields.parse_appointment("2026-10-25T01:30:00Z").utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value", ["2026-3-1", "2026-02-29", "01.03.2026", "2026-03-01T00:00:00Z", 20260301, "٢٠٢٦-٠٣-٠١"]
)
def test_what_is_no_date_is_refused(value: object) -> None:
    assert refused(fields.parse_date, value)
    assert fields.parse_date("2028-02-29") == fields.parse_date(date(2028, 2, 29)) == date(2028, 2, 29)


@pytest.mark.parametrize("value", ["0", "-1", "1.0", "1e3", "", " 1", "９", str(2**63), "1" * 30])
def test_what_is_no_number_of_anything_is_refused(value: str) -> None:
    assert refused(fields.parse_id, value)
    assert fields.parse_id("0012") == 12
    assert fields.parse_id(str(2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize("value", ["Apple", "a b", "-a", "a--b", "a/b", "é", "", "a" * 101])
def test_what_is_no_slug_is_refused(value: str) -> None:
    assert refused(spelling.parse_slug, value)
    assert spelling.parse_slug("galaxy-s21+5g_v1.2") == "galaxy-s21+5g_v1.2"


@pytest.mark.parametrize("value", ["a", "a@", "@b.c", "a b@c.de", "a@b", "a@b..c", "a@-b.com", "a\n@b.com"])
def test_what_is_no_address_is_refused(value: str) -> None:
    assert refused(TypeAdapter(fields.Email).validate_python, value)


@pytest.mark.parametrize("kind", [fields.Name, fields.Notes])
@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\ud800", "a\ufffe", "\x7f"])
def test_characters_that_nobody_can_type_are_refused(kind: Any, text: str) -> None:
    assert refused(TypeAdapter(kind).validate_python, text)


def test_lines_are_stripped_and_only_notes_have_several() -> None:
    name, notes = TypeAdapter(fields.Name).validate_python, TypeAdapter(fields.Notes).validate_python
    assert name("  Ann Ash ") == "Ann Ash"
    assert notes("\r\n one\r\n\ttwo \n") == "one\n\ttwo"
    assert notes("") == ""
    for wrong in ("", "   ", "one\ntwo", "x" * 201):
        assert refused(name, wrong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.com", "ada@example.com"), ("\uff41da@example.com", "ada@example.com"),
        ("ada\u200b@example.com", "ada@example.com"), ("stra\u00dfe@x.de", "strasse@x.de"), ("a da@x.de", "ada@x.de"),
        ("a\u200d\u0301@x.de", "\u00e1@x.de"),
    ],
)  # fmt: skip
def test_addresses_that_only_look_different_are_one(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@given(st.text())
def test_what_an_address_is_compared_by_is_compared_by_itself(text: str) -> None:
    assert email_key(email_key(text)) == email_key(text)


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("07700 900123", "GB", "+447700900123"), ("+44 (0)7700 900123", "FR", "+447700900123"),
        ("0033 6 12 34 56 78", "GB", "+33612345678"), ("(201) 555-0123 ext. 4", "US", "+12015550123"),
    ],
)  # fmt: skip
def test_a_telephone_number_is_of_the_shops_country_unless_it_says_so(typed: str, region: str, number: str) -> None:
    assert e164(typed, region) == number


@pytest.mark.parametrize("typed", ["12", "0" * 25, "call me", "+999 123456789"])
def test_a_number_that_can_not_exist_is_refused_by_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as told:
        e164(typed, "GB", "customer.phone")
    assert [(fault.field, fault.code) for fault in told.value.faults] == [("customer.phone", "phone")]
