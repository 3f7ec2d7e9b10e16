"""How a query is read by someone who knows the catalog's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviva.vocabulary import Vocabulary
from reviva.words import words

CATALOG = Vocabulary(
    [
        "apple iphone 13", "apple iphone 13 pro max", "apple macbook air 13", "samsung galaxy s21 5g",
        "samsung galaxy s21 plus", "sony playstation 5", "motorola moto g60", "hp dw0000", "onn surf 7",
        "microsoft surface pro 7", "garmin vector", "msi vectra", "msi vectra 2", "samsung galaxy tab 10 1", "cat pro",
        "motorola moto g power", "htc u11 celestial",
    ],
    ["repair", "screen", "power", "supply"],
)  # fmt: skip


def meant(query: str) -> list[str]:
    """The readings of a query, the words of each between spaces and alternatives with a stroke between."""
    return [
        " ".join("|".join("+".join(alternative) for alternative in group) for group in groups)
        for groups in CATALOG.readings(query)
    ]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("ipho 13", ["ipho 13"]),
        ("iphone13", ["iphone+13"]),
        ("galaxys21", ["galaxy+s21"]),
        ("mac book", ["macbook"]),
        ("play station 5", ["playstation 5"]),
        ("play staton 5", ["playstation 5"]),
        ("iphnoe", ["iphone"]),
        ("samsun galxy", ["samsun galaxy"]),
        ("macbokair", ["macbook+air"]),
        ("dw0009na", ["dw000"]),
        ("galaxy tab 101", ["galaxy tab 10+1"]),
        ("galaxy tab 1010", ["galaxy tab 1010"]),
        ("xylophone", ["xylophone"]),
        ("", []),
    ],
)
def test_a_query_is_first_read_by_the_catalogs_words(query: str, first: list[str]) -> None:
    assert meant(query)[:1] == first


def test_a_word_is_two_where_a_model_has_both_and_else_a_mistyped_one() -> None:
    assert meant("surfce")[0] == "surface"  # (surf, ce) are on no model together
    assert meant("surfacepro")[0] == "surface+pro"
    assert meant("onnsurf")[0] == "onn+surf"


@pytest.mark.parametrize("word", ["1" * 100, "aaab" * 50, "1a" * 50])
def test_what_could_be_cut_in_countless_ways_is_not(word: str) -> None:
    dense = Vocabulary(["a aa aaa aaaa aaab aab ab b ba baa 1 11 111 1111 1a a1"])
    assert list(dense.readings(word)) == [(((word,),),)]


def test_a_letter_left_out_or_two_swapped_is_likelier_than_another_and_then_what_more_models_have() -> None:
    assert meant("vectr") == ["vectr", "vectr|vectra|vector"]
    assert meant("vetcor")[0] == "vector"
    assert meant("vectir")[0] == "vector"
    assert meant("vectbra")[0] == "vectra"


def test_a_known_word_is_doubted_only_on_demand() -> None:
    assert CATALOG.meant("mac", doubt=False) == (("mac",),)
    assert CATALOG.meant("mac", doubt=True) == (("mac",), ("max",))
    assert ("s21",) in CATALOG.meant("s12", doubt=False)
    assert CATALOG.guesses("13") == ()


def test_a_word_of_many_models_is_not_doubted() -> None:
    many = Vocabulary([f"apple iphone {n}" for n in range(10)] + ["essential phone 77"])
    assert list(many.readings("iphone 77")) == [((("iphone",),), (("77",),)), ((("iphone",),),)]


@pytest.mark.parametrize(
    ("query", "readings"),
    [
        ("iphone 13 screen repair", ["iphone 13 screen repair", "iphone 13"]),
        ("moto g power screen", ["moto g power screen", "moto g power"]),
        ("iphone 99", ["iphone 99", "iphone"]),
        ("galaxy s21 kaputt", ["galaxy s21 kaputt", "galaxy s21"]),
        ("hp kaputt", ["hp kaputt", "hp"]),
    ],
)
def test_what_is_no_devices_is_dropped(query: str, readings: list[str]) -> None:
    assert [each for each in meant(query) if "|" not in each][:2] == readings


@pytest.mark.parametrize(
    ("query", "readings"),
    [
        ("airpods pro", ["airpods pro"]),
        ("airpods pro 5", ["airpods pro 5"]),
        ("ipad pro 5", ["ipad pro 5", "ipad pro", "ipad"]),
        ("xperia airpods pro", ["xperia airpods pro", "xperia pro", "xperia"]),
        ("pro kaputt", ["pro kaputt", "pro"]),
        ("garmin edge 5", ["garmin edge 5", "garmin edge", "edge 5", "garmin"]),
    ],
)
def test_what_is_on_every_brands_models_says_more_of_the_word_before_it_and_nothing_without_that(
    query: str, readings: list[str]
) -> None:
    lines = ["apple ipad", "cat", "oppo find", "sony xperia", "htc", "honor", "vivo", "asus zenfone"]
    many = Vocabulary([f"{line} pro" for line in lines] + ["garmin edge 1", "motorola edge", "motorola edge 5"])
    assert [" ".join(group[0][0] for group in reading) for reading in many.readings(query)] == readings


@pytest.mark.parametrize("query", ["айфон 13", "kaputt 13", "手机 7", "screen repair", "kaputt g 7"])
def test_numbers_and_short_words_alone_are_not_what_is_left(query: str) -> None:
    assert all(len(reading.split()) == len(query.split()) for reading in meant(query))


@pytest.mark.parametrize("word", ["12", "999", "ab", "x"])
def test_numbers_and_short_words_are_never_taken_for_others(word: str) -> None:
    assert not CATALOG.near(word)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_and_can_be_asked(query: str) -> None:
    for groups in CATALOG.readings(query):
        for group in groups:
            assert group
            for alternative in group:
                assert alternative
                assert all(word == "".join(words(word)) for word in alternative)
