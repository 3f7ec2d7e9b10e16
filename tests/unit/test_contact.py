"""Whom a booking is for: who was named with it, and the customer whom the shop knows by the address."""

from __future__ import annotations

from typing import Any

import pytest

from reviva.services.booking_contact import addresses, corrected, shown, whom

KNOWN = {"customer_name": "Ada", "customer_email": "ada@new.example", "customer_phone": "+441"}
GIVEN = {"name": "Bob", "email": "ada@old.example", "phone": "+442"}
NOBODY = dict.fromkeys(KNOWN)


def person(name: str | None, email: str | None, phone: str | None) -> dict[str, str | None]:
    return {"name": name, "email": email, "phone": phone}


@pytest.mark.parametrize(
    ("contact", "customer", "staff_see", "others_see"),
    [
        (GIVEN, KNOWN, person("Bob", "ada@new.example", "+442"), person("Bob", "ada@old.example", "+442")),
        (
            {"name": "Bob", "email": "ada@old.example"}, KNOWN,
            person("Bob", "ada@new.example", "+441"), person("Bob", "ada@old.example", None),
        ),
        ({}, KNOWN, person("Ada", "ada@new.example", "+441"), person("Ada", "ada@new.example", "+441")),
        (None, KNOWN, person("Ada", "ada@new.example", "+441"), person("Ada", "ada@new.example", "+441")),
        (GIVEN, NOBODY, person(*GIVEN.values()), person(*GIVEN.values())),
        (None, NOBODY, person(None, None, None), person(None, None, None)),
    ],
)  # fmt: skip
def test_what_was_given_counts_and_of_the_customer_others_learn_nothing(
    contact: dict[str, str] | None, customer: dict[str, Any], staff_see: Any, others_see: Any
) -> None:
    row = {"contact": contact, **customer}
    assert (whom(row), shown(row, staff=True), shown(row, staff=False)) == (staff_see, staff_see, others_see)
    assert addresses(row) == (staff_see["email"], staff_see["phone"])


def test_a_correction_replaces_or_removes_what_it_names_and_is_what_the_booking_is_found_by() -> None:
    row = {"reference": "RV-AAAA2222", "brand_name": "Acme", "model_name": "One", "contact": GIVEN, **KNOWN}
    for known, new, contact, found, lost in (
        (
            GIVEN,
            {"name": "Eve", "phone": None},
            {"name": "Eve", "email": "ada@old.example"},
            {"eve", "441"},
            {"bob", "442"},
        ),
        (None, {}, {}, {"ada", "441"}, {"bob", "442"}),
        (None, {"phone": "+443"}, {"phone": "+443"}, {"ada", "443"}, {"441"}),
    ):
        columns = corrected({**row, "contact": known}, new)
        words = set(columns["search_text"].split())
        assert (columns["contact"], words & lost) == (contact, set())
        assert words >= found | {"aaaa2222", "new", "example", "acme", "one"}
