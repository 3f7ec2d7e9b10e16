"""Search words: how texts are stored to be found, and what a query looks for without knowing what there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviva.words import MOST_WORDS, addresses, asked, called, fts5, joined, searchable, tsquery, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Galaxy S21+", ["galaxy", "s21", "plus"]),
        ("  Redmi-Note_10 ", ["redmi", "note", "10"]),
        ("Zoë Müller", ["zoe", "muller"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("Żółć SØREN Đorđe Ægir", ["zolc", "soren", "dorde", "aegir"]),
        ("ﬁne ＡＢＣ", ["fine", "abc"]),
        ("+44 (7700) 900123", ["plus", "44", "7700", "900123"]),
        ("iPad Pro 12.9″", ["ipad", "pro", "12", "9"]),
        ("東京 タワー", ["東京", "タワー"]),
        ("!?", []),
        ("", []),
    ],
)
def test_words_are_lower_case_letters_and_digits_without_accents(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text())
def test_the_words_of_words_are_themselves(text: str) -> None:
    once = words(text)
    assert words(" ".join(once)) == once
    assert all(word == word.lower() and " " not in word for word in once)


def test_an_address_is_one_word_besides_its_parts() -> None:
    assert addresses("to Ann.Ash@Example.com, or ben@x.org") == ["0annashexamplecom", "0benxorg"]
    assert addresses("no address") == []
    assert joined(["Ann Ash", "ann@example.com", ""]) == "ann ash example com 0annexamplecom"


def test_a_stored_text_has_each_word_once_in_order() -> None:
    assert joined(["Samsung Galaxy", "galaxy S21", "samsung"]) == "samsung galaxy s21"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("joe99@x.org", "joe99 x org 0joe99xorg joe"),
        ("Annж K7Q2M9XA abc7defg", "annж k7q2m9xa abc7defg ann abc"),
        ("joe joe9 joe-8", "joe joe9 8"),
        ("ab12 xy 12ab", "ab12 xy 12ab"),
        ("", ""),
    ],
)
def test_people_are_found_by_the_letters_before_a_digit_too(text: str, found: str) -> None:
    assert searchable([text]) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Smith, amelia", ["smith", "amelia"]),
        ("RV-K7Q2M9XA", ["k7q2m9xa"]),
        ("rv-k7q2m9xa smith", ["k7q2m9xa", "smith"]),
        ("ann@example.com", ["0annexamplecom"]),
        ("ann@example.com ben", ["0annexamplecom", "ben"]),
        ("a b c d e f g h i j", list("abcdefgh")),
        ("' \" * ( ) : -", []),
    ],
)
def test_what_a_query_looks_for(query: str, found: list[str]) -> None:
    assert asked(query) == found
    assert len(found) <= MOST_WORDS


def test_a_model_carries_its_brand_once() -> None:
    assert called("Samsung", "Galaxy S21") == "Samsung Galaxy S21"
    assert called("Google", "google Pixel 6") == "google Pixel 6"
    assert called("HP", "HPE 1") == "HP HPE 1"


def test_both_databases_are_asked_the_same() -> None:
    groups = ((("galaxy", "s21"), ("galaxys",)), (("5g",),))
    assert tsquery(groups) == "(('galaxy':* & 's21':*) | ('galaxys':*)) & (('5g':*))"
    assert fts5(groups) == '(("galaxy" * AND "s21" *) OR ("galaxys" *)) AND (("5g" *))'
