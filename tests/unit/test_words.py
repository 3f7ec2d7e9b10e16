"""Search words: how texts are stored to be found, and how a query is read by someone who knows the catalog's words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviva.words import MOST_WORDS, Vocabulary, addresses, asked, called, fts5, joined, tsquery, words

CATALOG = Vocabulary(
    [
        "apple iphone 13", "apple iphone 13 pro max", "apple macbook air 13", "samsung galaxy s21 5g",
        "samsung galaxy s21 plus", "sony playstation 5", "motorola moto g60", "hp dw0000",
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Galaxy S21+", ["galaxy", "s21", "plus"]),
        ("  Redmi-Note_10 ", ["redmi", "note", "10"]),
        ("Zoë Müller", ["zoe", "muller"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
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


@settings(deadline=None)
@given(st.text())
def test_the_words_of_words_are_themselves(text: str) -> None:
    once = words(text)
    assert words(" ".join(once)) == once
    assert all(word == word.lower() and " " not in word for word in once)


def test_an_address_is_one_word_besides_its_parts() -> None:
    assert addresses("to Ann.Ash@Example.com, or ben@x.org") == ["annashexamplecom", "benxorg"]
    assert addresses("no address") == []
    assert joined(["Ann Ash", "ann@example.com", ""]) == "ann ash example com annexamplecom"


def test_a_stored_text_has_each_word_once_in_order() -> None:
    assert joined(["Samsung Galaxy", "galaxy S21", "samsung"]) == "samsung galaxy s21"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Smith, amelia", ["smith", "amelia"]),
        ("RV-K7Q2M9XA", ["k7q2m9xa"]),
        ("rv-k7q2m9xa smith", ["k7q2m9xa", "smith"]),
        ("ann@example.com", ["annexamplecom"]),
        ("ann@example.com ben", ["annexamplecom", "ben"]),
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


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("ipho 13", ((("ipho",),), (("13",),))),
        ("iphone13", ((("iphone", "13"),),)),
        ("galaxys21", ((("galaxy", "s21"),),)),
        ("mac book", ((("macbook",),),)),
        ("play station 5", ((("playstation",),), (("5",),))),
        ("iphnoe", ((("iphone",),),)),
        ("samsun galxy", ((("samsun",),), (("galaxy",),))),
        ("macbokair", ((("macbook", "air"),),)),
        ("dw0009na", ((("dw000",),),)),
        ("xylophone", ((("xylophone",),),)),
        ("", ()),
    ],
)
def test_a_query_is_read_by_the_catalogs_words(query: str, meant: object) -> None:
    assert CATALOG.groups(query) == meant


def test_a_known_word_is_doubted_only_on_demand() -> None:
    assert CATALOG.read("mac", doubt=False) == (("mac",),)
    assert CATALOG.read("mac", doubt=True) == (("mac",), ("max",))
    assert ("s21",) in CATALOG.read("s12", doubt=False)
    assert CATALOG.guesses("13") == ()


@pytest.mark.parametrize("word", ["12", "999", "ab", "x"])
def test_numbers_and_short_words_are_never_taken_for_others(word: str) -> None:
    assert CATALOG.near(word) == []


def test_both_databases_are_asked_the_same() -> None:
    groups = CATALOG.groups("galaxys21 5g")
    assert tsquery(groups) == "(('galaxy':* & 's21':*)) & (('5g':*))"
    assert fts5(groups) == '(("galaxy" * AND "s21" *)) AND (("5g" *))'
    assert tsquery(groups, every=False) == "(('galaxy':* & 's21':*)) | (('5g':*))"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_and_can_be_asked(query: str) -> None:
    for group in CATALOG.groups(query, doubt=True):
        assert group
        for alternative in group:
            assert alternative
            assert all(word == "".join(words(word)) for word in alternative)
