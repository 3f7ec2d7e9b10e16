"""Finding a device: however it is typed, and the same on both databases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from random import Random
from string import ascii_lowercase
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from reviva.paging import ListQuery
from reviva.words import words
from tests import databases
from tests.api.shopfront import Shopfront, faults
from tests.repairs import data_folder, records


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Shopfront]]:
    """The same catalog on each database."""
    folder = tmp_path_factory.mktemp("catalog")
    with (
        databases.new_url("sqlite", folder, seeded=True) as one,
        databases.new_url("postgresql", folder, seeded=True) as other,
    ):
        yield [Shopfront(one), Shopfront(other)]


Search = Callable[..., Any]


@pytest.fixture
def search(fronts: list[Shopfront]) -> Search:
    """A page of models, once both databases have answered alike."""

    def ask(q: str = "", **query: Any) -> Any:
        path = "/api/catalog/models?" + urlencode({"q": q, **query}, quote_via=quote)
        answers = [front.get(path) for front in fronts]
        assert {answer.status for answer in answers} == {200}, path
        assert answers[0].json == answers[1].json, path
        return answers[0].json

    return ask


def names(page: Any) -> list[str]:
    return [f"{item['brand']['name']} {item['name']}" for item in page["items"]]


BEST = {
    "iphone 13": "Apple iPhone 13",
    "iphnoe 13": "Apple iPhone 13",
    "ipho 13": "Apple iPhone 13",
    "i phone 13": "Apple iPhone 13",
    "iphone13": "Apple iPhone 13",
    "IPHONE 13 PRO MAX": "Apple iPhone 13 Pro Max",
    "apple iphone 13 mini": "Apple iPhone 13 mini",
    "A2633": "Apple iPhone 13",
    "galaxys21": "Samsung Galaxy S21",
    "galaxy s21": "Samsung Galaxy S21",
    "samsun galxy s21": "Samsung Galaxy S21",
    "galaxy s21+": "Samsung Galaxy S21+",
    "macbok air m1": "Apple MacBook Air (M1, 2020)",
    "mac book air m1": "Apple MacBook Air (M1, 2020)",
    "redminote10": "Xiaomi Redmi Note 10",
    "pixel 6a": "Google Pixel 6a",
    "nintendo swich": "Nintendo Switch",
    "iphone se 2": "Apple iPhone SE (2nd generation)",
    "iphone se 2020": "Apple iPhone SE (2nd generation)",
    "ipad 9": "Apple iPad (9th generation)",
    "mac book pro 2019 16": "Apple MacBook Pro (16-inch, 2019)",
    "apple watch 3": "Apple Watch Series 3 (38mm)",
    "huawei watch gt 2": "Huawei Watch GT 2 (42mm)",
    "galaxy tab a 10.1": "Samsung Galaxy Tab A 10.1 (2019)",
    "redmi note 8": "Xiaomi Redmi Note 8",
    "surface pro7": "Microsoft Surface Pro 7",
    "surface laptop 3": "Microsoft Surface Laptop 3 (15-inch)",
    "ps4": "Sony PlayStation 4 Pro",
    "ps5 slim": "Sony PlayStation 5 Slim",
    "xbox one s": "Microsoft Xbox One S",
    "samsung s 21": "Samsung Galaxy S21",
    "my samsung galaxy s10 is broken": "Samsung Galaxy S10",
    "handy iphone 12 display kaputt": "Apple iPhone 12",
    "sgrin iphone 11 wedi torri": "Apple iPhone 11",
    "mae fy ipad 7 wedi torri": "Apple iPad (7th generation)",
    "surfce pro 7": "Microsoft Surface Pro 7",
    "play staton 5": "Sony PlayStation 5",
    "mak book air m1": "Apple MacBook Air (M1, 2020)",
    "iphone 13 screen repair": "Apple iPhone 13",
    "fan ps4 pro": "Sony PlayStation 4 Pro",
    "samsung a52 back glass": "Samsung Galaxy A52",
    "note 9 kaputt": "Samsung Galaxy Note9",
    "moto g power 2021 screen": "Motorola Moto G Power (2021)",
}

LABELLED = {
    "SM-G991B": "Samsung Galaxy S21",
    "SM-A528B/DS": "Samsung Galaxy A52s 5G",
    "SM-G991BZKD": "Samsung Galaxy S21",
    "82H802FJUK": "Lenovo IdeaPad 3 15ITL6",
    "15-dw0009na": "HP 15-dw0000",
    "HP Laptop 15-dw0xxx": "HP 15-dw0000",
    "A315-56-32TH": "Acer Aspire 3 A315-56",
    "CUH-7216B": "Sony PlayStation 4 Pro",
    "RMX3085": "realme Realme 8",
}
"""What is printed on a device: more of a number than the model's, or a number with what a seller adds."""


@pytest.mark.parametrize("typed", BEST)
def test_the_best_match_comes_first(search: Search, typed: str) -> None:
    assert names(search(typed))[0] == BEST[typed]


@pytest.mark.parametrize("typed", LABELLED)
def test_what_a_label_says_finds_the_model(search: Search, typed: str) -> None:
    assert names(search(typed))[0] == LABELLED[typed]


@pytest.mark.parametrize(
    "base", ["iphone 12", "iphone 16", "galaxy s22", "pixel 7", "poco x3", "mi 11", "fenix 7", "switch", "steam deck"]
)
def test_a_model_comes_before_its_variants(search: Search, base: str) -> None:
    first, *others = names(search(base))
    assert first.casefold().endswith(base)
    assert [name for name in others if name.startswith(first)]


@pytest.mark.parametrize(
    ("typed", "begins"),
    [("i phone", "Apple iPhone"), ("mac book", "Apple MacBook"), ("play station 5", "Sony PlayStation 5")],
)
def test_a_name_in_two_words_is_first_found_as_one(search: Search, typed: str, begins: str) -> None:
    found = names(search(typed))
    assert found
    assert all(name.startswith(begins) for name in found[:5])


@pytest.mark.parametrize(
    "typed", ["zzzzqqq", "🍏", "()", "'", "%", "\\", '"', "&|!", "*", "a" * 200, "1 2 3 4 5 6 7 8 9"]
)
def test_whatever_is_typed_is_answered_alike(search: Search, typed: str) -> None:
    assert len(search(typed)["items"]) <= 20


@pytest.mark.parametrize("typed", ["zzzzqqq", "айфон 13", "手机 7", "zzzzqqq 13", "kaputt 5 g"])
def test_nothing_like_it_finds_nothing(search: Search, typed: str) -> None:
    assert search(typed) == {"items": [], "next": None}


@pytest.mark.parametrize(
    "typed",
    [
        "airpods pro", "airpods max", "dji mini 2", "bose quietcomfort 35", "sonos one", "ring doorbell pro",
        "dyson airwrap", "zebra tc52",
    ],
)  # fmt: skip
def test_what_the_catalog_lacks_is_not_taken_for_whatever_has_a_word_of_it(search: Search, typed: str) -> None:
    assert search(typed)["items"] == []


@pytest.mark.parametrize(
    ("typed", "begins"),
    [
        ("garmin edge 530", "Garmin"),
        ("iphone 6", "Apple iPhone"),
        ("iphone 99", "Apple iPhone"),
        ("iphon 5 battery", "Apple iPhone"),
        ("galaxy note 3", "Samsung Galaxy Note"),
        ("ipad water damage", "Apple iPad"),
        ("surfce laptop", "Microsoft Surface"),
        ("hp kaputt", "HP"),
    ],
)
def test_a_line_without_such_a_number_is_shown_rather_than_others_with_it(
    search: Search, typed: str, begins: str
) -> None:
    found = names(search(typed))
    assert len(found) > 4
    assert all(name.startswith(begins) for name in found)


def test_a_filter_that_leaves_nothing_of_what_was_meant_shows_nothing_else(search: Search) -> None:
    assert search("galaxy s21", brand="apple")["items"] == []
    assert names(search("galaxy s21 screen", year=2021))[0] == "Samsung Galaxy S21"


def mistyped(word: str, chance: Random) -> str:
    """A word with a letter too many, too few, wrong, or swapped with the next."""
    at, letter = chance.randrange(len(word)), chance.choice(ascii_lowercase)
    before, rest = word[:at], word[at:]
    wrong = chance.choice([letter + rest, rest[1:], letter + rest[1:], rest[1:2] + rest[:1] + rest[2:]])
    return before + wrong if before + wrong != word else mistyped(word, chance)


def test_one_wrong_letter_leads_to_what_was_meant(fronts: list[Shopfront]) -> None:
    """Of 300 mistyped words: how many find a model that has the word among the first five, alone and with another word
    of a model's, and how many in a model's whole name find it among the first ten."""
    chance, catalog = Random(13), fronts[0].services.catalog
    with fronts[0].tables():
        called = {row["slug"]: words(f"{row['brand_name']} {row['name']}") for row in catalog.models.in_stock("GBP")}

        def found(typed: Iterable[str], most: int) -> list[str]:
            return [row["slug"] for row in catalog.search(" ".join(typed), ListQuery(limit=most)).items]

        bearers: dict[str, list[str]] = {}
        for slug, word in sorted({(slug, word) for slug, name in called.items() for word in name}):
            if len(word) > 3 and word.isalpha():
                bearers.setdefault(word, []).append(slug)
        alone = together = whole = 0
        for word in chance.choices(sorted(bearers), k=300):
            wrong, slug = mistyped(word, chance), chance.choice(bearers[word])
            alone += any(word in called[each] for each in found([wrong], 5))
            other = chance.choice(called[slug])
            together += any({word, other} <= {*called[each]} for each in found(dict.fromkeys((wrong, other)), 5))
            whole += slug in found((wrong if each == word else each for each in called[slug]), 10)
    assert alone >= 287, alone
    assert together >= 293, together
    assert whole >= 298, whole


def test_brands_as_people_write_them_are_found_alike(search: Search) -> None:
    written = sorted({record.brand.casefold() for record in records() if record.brand})[::3]
    found = [brand for brand in written if search(brand, limit=5)["items"]]
    assert len(found) >= 0.8 * len(written)


@pytest.mark.parametrize(
    "query",
    [{"q": "galaxy"}, {"q": "pro", "sort": "-year,name"}, {"brand": "sony"}, {"category": "console", "sort": "name"}],
)
def test_pages_hold_everything_once_and_in_the_order_of_one_list(search: Search, query: dict[str, str]) -> None:
    whole = search(**query, limit=200)
    items, cursor = whole["items"], whole["next"]
    while cursor:
        page = search(**query, limit=200, after=cursor)
        items, cursor = [*items, *page["items"]], page["next"]
    slugs = [item["slug"] for item in items]
    assert len(set(slugs)) == len(slugs) > 20
    paged: list[str] = []
    page = search(**query, limit=7)
    while len(paged) < 70:
        paged += [item["slug"] for item in page["items"]]
        if page["next"] is None:
            break
        page = search(**query, limit=7, after=page["next"])
    assert paged == slugs[: len(paged)]
    numbered = [search(**query, limit=7, page=n) for n in (1, 2, 3)]
    assert [item["slug"] for each in numbered for item in each["items"]] == slugs[:21]
    assert {each["total"] for each in numbered} == {len(slugs)}


def test_a_page_behind_the_last_is_empty_and_not_of_models_that_were_meant_less(search: Search) -> None:
    """The words could also mean a line of more models, which are shown only where there is nothing better."""
    meant = search("iphone 13", limit=10, page=1)
    assert len(search("iphone 99", limit=30)["items"]) > 10 > meant["total"]
    assert search("iphone 13", limit=10, page=2) == {"items": [], "next": None, "total": meant["total"]}


def test_filters_narrow_what_is_found(search: Search) -> None:
    for query, holds in (
        ({"brand": "apple,samsung"}, lambda m: m["brand"]["slug"] in ("apple", "samsung")),
        ({"category": "tablet,watch"}, lambda m: m["category"]["slug"] in ("tablet", "watch")),
        ({"year": "2019,2021"}, lambda m: m["year"] in (2019, 2021)),
        ({"year_from": 2018, "year_to": 2019}, lambda m: 2018 <= m["year"] <= 2019),
        ({"q": "pro", "brand": "apple", "category": "laptop", "year_from": 2020}, lambda m: "MacBook Pro" in m["name"]),
    ):
        items = search(**query, limit=100)["items"]
        assert items, query
        assert all(map(holds, items)), query
    assert search(brand="apple", category="console")["items"] == []


@pytest.mark.parametrize(
    "sort", ["name", "-name", "year,name", "-year,slug", "brand,-year,slug", "category,brand,slug"]
)
def test_sorts_are_by_every_field_in_turn(search: Search, sort: str) -> None:
    items = search("galaxy", sort=sort, limit=200)["items"]
    expected = items
    for field in reversed(sort.split(",")):
        name = field.removeprefix("-")
        expected = sorted(
            expected, key=lambda m, name=name: m[name]["slug"] if name in ("brand", "category") else m[name],
            reverse=field.startswith("-"),
        )  # fmt: skip
    assert items == expected


def test_a_cursor_of_another_sort_or_none_at_all_is_422(fronts: list[Shopfront], search: Search) -> None:
    cursor = search("galaxy", limit=2)["next"]
    for front in fronts:
        for query in (f"q=galaxy&sort=name&after={cursor}", "q=galaxy&after=nonsense", "after=" + cursor):
            assert "after" in faults(front.get(f"/api/catalog/models?{query}")), query
        assert set(faults(front.get("/api/catalog/models?sort=price&limit=0&colour=red&year=x"))) == {
            "sort",
            "limit",
            "colour",
            "year",
        }
        assert "limit" in faults(front.get("/api/catalog/models?limit=201"))
        assert front.get("/api/catalog/models/no-such").status == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("models?category=nope", {"category": "unknown-category"}),
        ("models?category=phone,nope", {"category": "unknown-category"}),
        ("models?brand=nope&category=nope&q=iphone", {"category": "unknown-category", "brand": "unknown-brand"}),
        ("models?year_from=2022&year_to=2020", {"year_to": "order"}),
        ("models?year=2020,abc", {"year.1": "integer"}),
        ("brands?category=nope", {"category": "unknown-category"}),
        ("repairs?category=phone,nope", {"category": "unknown-category"}),
        ("brands?sort=minutes&limit=0", {"sort": "sort", "limit": "greater_than_equal"}),
        ("categories?after=x", {"after": "wrong-cursor"}),
    ],
)
def test_a_filter_that_nothing_can_meet_is_422(fronts: list[Shopfront], query: str, expected: dict[str, str]) -> None:
    for front in fronts:
        assert faults(front.get(f"/api/catalog/{query}")) == expected


def test_every_list_of_the_catalog_is_whole_or_in_pages(fronts: list[Shopfront]) -> None:
    for front, noun in product(fronts, ("categories", "brands", "repairs")):
        whole = front.get(f"/api/catalog/{noun}").json
        assert (set(whole), whole["next"]) == ({"items", "next"}, None)
        assert len(whole["items"]) > 5
        first = front.get(f"/api/catalog/{noun}?limit=4").json
        rest = front.get(f"/api/catalog/{noun}?after={first['next']}").json
        assert first["items"] + rest["items"] == whole["items"]
        second = front.get(f"/api/catalog/{noun}?limit=4&page=2&sort=-name")
        assert second.json["total"] == len(whole["items"])
        names = [item["name"] for item in whole["items"]]
        assert [item["name"] for item in second.json["items"]] == sorted(names, reverse=True)[4:8]


def test_brands_and_repairs_of_several_categories(fronts: list[Shopfront]) -> None:
    for front in fronts:
        phones, tablets, both = (
            {item["slug"]: item["models"] for item in front.get(f"/api/catalog/brands?category={named}").json["items"]}
            for named in ("phone", "tablet", "phone,tablet")
        )
        assert both == {slug: phones.get(slug, 0) + tablets.get(slug, 0) for slug in phones.keys() | tablets.keys()}
        repairs = front.get("/api/catalog/repairs?category=tablet,phone").json["items"]
        assert {repair["category"] for repair in repairs} == {"phone", "tablet"}


def test_a_page_by_number_has_a_total_where_no_word_was_said(search: Search) -> None:
    assert search('"', page=1) == {"items": [], "next": None, "total": 0}
    assert search('"') == {"items": [], "next": None}


def apple_names() -> list[str]:
    """What Apple's own lists call its devices of 2016 to 2025."""
    found: set[str] = set()
    for file in ("ios.json", "mac.json", "watchos.json"):
        listed = json.loads((data_folder() / "apple-device-identifiers" / file).read_text())
        for identifier, names in listed.items():
            found |= {name for name in ([names] if isinstance(names, str) else names) if is_recent(identifier, name)}
    return sorted(found)


def is_recent(identifier: str, name: str) -> bool:
    """Whether a device was released from 2016 on: by the year in a Mac's name, else by the count in the identifier."""
    if "Mac" in name:
        years = re.findall(r"20\d\d", name)
        return not years or 2016 <= int(years[0]) <= 2025
    counted = re.fullmatch(r"(iPhone|iPad|Watch)(\d+),(\d+)", identifier)
    first = {"iPhone": (8, 4), "iPad": (6, 3), "Watch": (2, 0)}
    # The iPad Pro of 2015 is counted among those of the next year.
    return (
        counted is not None
        and (int(counted[2]), int(counted[3])) >= first[counted[1]]
        and name != "iPad Pro (12.9-inch)"
    )


FAMILY = re.compile(
    r"(Apple )?(iPhone( SE| Air| XR| XS| X| \d+e?)?|iPad( Pro| Air| mini)?|iMac( Pro)?|Mac( Pro| Studio| mini)|"
    r"MacBook( Pro| Air)?|Watch (Series \d+|SE|Ultra))"
)


def test_every_apple_device_of_ten_years_is_found_by_apples_own_name(search: Search) -> None:
    missed = []
    for name in apple_names():
        found = search(name)["items"]
        family = FAMILY.match(name)
        year = re.search(r"20\d\d", name)
        assert family, name
        first = found[0] if found else {"name": "", "year": 0}
        wanted = re.sub("^Apple ", "", family[0])
        if wanted not in first["name"] or (year and int(year[0]) != first["year"]):
            missed.append((name, first["name"], first["year"]))
    assert not missed
