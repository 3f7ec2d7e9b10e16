"""Files for spreadsheets: what goes out comes in again the same, and a bad row is named and harms no other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from peewee import Database

from reviva.database.connection import open_database
from reviva.errors import Invalid
from reviva.models import Booking, DeviceModel
from reviva.money import MOST
from reviva.paging import ListQuery
from reviva.services import Services, exchange_rows
from reviva.services.catalog_change import STAYS
from reviva.services.exchange import Outcome, parsed, shown
from reviva.services.exchange_rows import ModelRow, RuleRow, guarded, unguarded
from tests.people import COMMAND, services_over
from tests.workshop import furnish

PHONE = {"slug": "phone", "name": "Phone"}
MODELS = "slug,category,brand,name,year,tier\n"


@pytest.fixture
def services(new_url: Callable[..., str]) -> Iterator[Services]:
    database = open_database(new_url(seeded=True))
    database.connect()
    with closing(database):
        yield services_over(database)


@pytest.fixture
def little(database: Database) -> Services:
    """A catalog of one model with two prices, where the whole of it goes out."""
    furnish(database)
    return services_over(database)


def exported(services: Services, kind: str, **how: Any) -> str:
    out = io.StringIO()
    services.exchange.dump(kind, out, **how)
    return out.getvalue()


def imported(services: Services, kind: str, text: str, **how: Any) -> tuple[Outcome, dict[int, str]]:
    told: dict[int, str] = {}
    outcome = services.exchange.load(COMMAND, kind, text.splitlines(True), told.__setitem__, **how)
    return outcome, told


def recorded(services: Services) -> list[tuple[str, Any, Any]]:
    """Each change in the order it was made, but not the imports: its action, before and after."""
    rows = services.database.execute_sql("SELECT action, before, after FROM audit ORDER BY id").fetchall()
    return [
        (action, json.loads(before or "null"), json.loads(after))
        for action, before, after in rows
        if not action.endswith(".import")
    ]


def priced(repair: str, price: dict[str, Any] | None) -> dict[str, Any]:
    return {"currency": "GBP", "prices": {repair: price}}


def count(services: Services) -> int:
    return services.catalog_changes.models.count()


@pytest.mark.parametrize("kind", ["models", "rules"])
def test_what_goes_out_comes_in_again_and_changes_nothing(services: Services, kind: str) -> None:
    text = "".join(exported(services, kind).splitlines(True)[:300])
    outcome, told = imported(services, kind, text)
    assert told == {}
    assert outcome.counts == {"created": 0, "changed": 0, "unchanged": outcome.read}
    assert outcome.read == len(text.splitlines()) - 1


def test_whatever_the_api_takes_goes_out_and_comes_in_again(little: Services) -> None:
    catalog, pricing = little.catalog_changes, little.pricing_changes
    catalog.add_brand(COMMAND, slug="b_1.x+y", name="B")
    catalog.add_category(COMMAND, slug="c_1", name="C")
    catalog.add_repair(COMMAND, category="c_1", slug="r.1", name="R", minutes=30)
    specs = {"inches": 6.1, "=k": "=v", "5g": True, "storage": [64, 128]}
    catalog.add_model(
        COMMAND, brand="b_1.x+y", category="c_1", slug="m_1.x", name="='M", year=2024, tier="mid", specs=specs,
        aliases=["=a", "b,c"], model_numbers=["+1"],
    )  # fmt: skip
    little.price_changes.replace(
        COMMAND, "m_1.x", None, "KWD", [{"repair": "r.1", "amount": MOST, "currency": None, "minutes": 7}]
    )
    pricing.set_factor(COMMAND, "f_1.x", None, 9_000, None)
    rule = {"name": "-1", "kind": "factor", "value": 1, "priority": 1, "factor": "f_1.x", "stops": False}
    rule |= {"conditions": {"brand": ["b_1.x+y"]}, "active": True, "valid_to": None}
    pricing.add(COMMAND, **rule, valid_from=datetime(2026, 3, 1, 9, 30, 0, 123456, UTC))
    for kind, own in (("models", "m_1.x"), ("prices", "m_1.x"), ("rules", "f_1.x")):
        before = exported(little, kind)
        text = "".join(line for n, line in enumerate(before.splitlines(True)) if n == 0 or own in line)
        outcome, told = imported(little, kind, text)
        assert (outcome.counts["unchanged"], told) == (1, {})
        assert exported(little, kind) == before


def test_an_empty_line_of_a_spreadsheet_is_no_row(services: Services) -> None:
    outcome, told = imported(services, "models", MODELS + "\n,,,,,\na1,phone,apple,A 1,2024,mid\n,,,,,\n")
    assert (outcome.read, outcome.counts["created"], told) == (1, 1, {})


def test_prices_are_added_changed_and_left(little: Services) -> None:
    lines = exported(little, "prices").splitlines(True)
    first = lines[1].split(",")
    text = lines[0] + ",".join([*first[:3], "123", "90\n"]) + lines[2] + ",".join([*first[:2], "EUR", "77", "\n"])
    outcome, told = imported(little, "prices", text)
    assert (told, outcome.counts) == ({}, {"created": 1, "changed": 1, "unchanged": 1})
    again = list(csv.DictReader(io.StringIO(exported(little, "prices"))))
    mine = [row for row in again if row["model"] == first[0] and row["repair"] == first[1]]
    assert [(row["currency"], row["amount"], row["minutes"]) for row in mine] == [
        ("GBP", "123", "90"),
        ("EUR", "77", ""),
    ]


NO_TIME = r"must be a time with its offset, such as 2026-03-01T09:30:00\+01:00"
BAD_CELLS = {
    "category": ("A b", "must be lower-case letters, digits and hyphens"),
    "brand": ("", "is missing"),
    "name": ("x" * 201, "must have at most 200 characters"),
    "year": ("1e3", "must be a whole number"),
    "tier": ("golden", "must be 'budget', 'mid', 'upper' or 'flagship'"),
    "model_numbers": ("A1, A2", "is not JSON"),
    "aliases": ('[1,""]', ""),
    "specs": ("[]", "must be a JSON object"),
    "active": ("perhaps", "must be true or false"),
}


def test_each_fault_of_a_row_is_said_in_words() -> None:
    row = {"slug": "a"} | {name: cell for name, (cell, _) in BAD_CELLS.items()}
    expected = {name: said for name, (_, said) in BAD_CELLS.items() if said}
    expected |= {"aliases.0": "must be text", "aliases.1": "must not be empty"}
    with pytest.raises(ValueError, match="is missing") as problem:
        exchange_rows.read(ModelRow, row)
    assert dict(each.split(": ", 1) for each in str(problem.value).split("; ")) == expected


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ('{"a": {"b": 1}}', r"specs\.a: must be short text, a number, true or false, or a list of them"),
        ('{"a": null}', r"specs\.a: must be short text, a number, true or false, or a list of them"),
        ('{"a": "\\u0000"}', r"specs\.a: must not contain control characters"),
        (json.dumps({"k" * 51: 1}), r"specs\.k+\.\[key\]: must have at most 50 characters"),
        (json.dumps({f"k{n}": 1 for n in range(51)}), "specs: must have at most 50 entries"),
    ],
)
def test_specs_are_those_that_the_api_takes(specs: str, said: str) -> None:
    row = {"slug": "a", "category": "phone", "brand": "apple", "name": "A", "year": "2024", "tier": "mid"}
    with pytest.raises(ValueError, match=f"^{said}$"):
        exchange_rows.read(ModelRow, row | {"specs": specs})
    fine = {"inches": 6.1, "storage": [64, 128], "chip": "A15", "5g": True}
    assert exchange_rows.read(ModelRow, row | {"specs": json.dumps(fine)})["specs"] == fine


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("id", "0", "must be at least 1"),
        ("priority", "1000001", "must be at most 1000000"),
        ("value", "1.5", "must be a whole number"),
        ("valid_from", "soon", NO_TIME),
        ("valid_from", "20270301", NO_TIME),  # that many seconds after 1970, to whoever is less strict
        ("valid_from", "0001-01-01T00:00:00+14:00", NO_TIME),
        ("valid_to", "9999-12-31T23:59:59-12:00", NO_TIME),
        ("valid_to", "2027-03-01T09:00:00", NO_TIME),
        ("conditions", "all", "is not JSON"),
    ],
)
def test_a_fault_of_a_rule_is_said_in_words(column: str, cell: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{column}: {said}$"):
        exchange_rows.read(RuleRow, {"name": "x", "kind": "percent", "value": "1"} | {column: cell})


def test_a_condition_that_there_is_not_is_said_in_words() -> None:
    with pytest.raises(ValueError, match=r"^weekday\.0: must be at most 6; colour: is not known$"):
        exchange_rows.conditions({"weekday": [9], "colour": "red"})


def test_a_rule_without_an_id_is_added_unless_just_that_one_is_there(services: Services) -> None:
    rules = list(csv.DictReader(io.StringIO(exported(services, "rules"))))
    header = "name,kind,value,conditions,valid_from\n"
    row = 'Spring,percent,{},"{{""weekday"": [1, 2]}}",2027-03-01T10:00:00+01:00\n'
    text = header + row.format(-500) + row.format(-500) + row.format(-600)
    assert imported(services, "rules", text)[0].counts == {"created": 2, "changed": 0, "unchanged": 1}
    assert imported(services, "rules", text)[0].counts == {"created": 0, "changed": 0, "unchanged": 3}
    bare = io.StringIO()
    writer = csv.DictWriter(bare, [name for name in rules[0] if name != "id"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rules)
    assert imported(services, "rules", bare.getvalue())[0].counts["unchanged"] == len(rules) > 0
    assert len(list(csv.DictReader(io.StringIO(exported(services, "rules"))))) == len(rules) + 2


UNCLOSED = "a quote that begins here is never closed: all up to line {} was one cell"
ROW = "a{},phone,apple,A {},2024,mid\n"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (['a2,phone,apple,"A,2024,mid\n', ROW], {2: UNCLOSED.format(3)}),
        ([ROW, 'a3,phone,apple,"A,2024,mid\n', ROW, ROW], {3: UNCLOSED.format(5)}),
        ([ROW, ROW, 'a4,phone,apple,"A'], {4: UNCLOSED.format(4)}),
        (['a2,phone,apple,"A"x,2024,mid\n', ROW], {2: "',' expected after '\"'"}),
        ([ROW, 'a3,phone,"ap\n', 'ple","A,2024,mid\n', ROW], {4: UNCLOSED.format(5)}),
        (['a2,phone,apple,"A,2024,mid\n', "x" * 140_000 + "\n", ROW], {2: UNCLOSED.format(3)}),
        ([ROW, 'a3,phone,apple,A "two",2024,mid\n', 'a4,phone,apple,"A ""4""",2024,mid\n'], {}),
    ],
)
def test_a_quote_that_is_not_closed_is_named_where_it_begins(rows: list[str], told: dict[int, str]) -> None:
    lines = [MODELS, *(row.format(n, n) for n, row in enumerate(rows, 2))]
    assert {line: row for line, row in parsed("models", lines) if isinstance(row, str)} == told


def test_a_first_line_with_a_quote_that_is_not_closed_is_named() -> None:
    with pytest.raises(Invalid, match="line 1: a quote that begins here is never closed"):
        list(parsed("models", ['slug,"category,brand\n', "a,b,c\n"]))


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_a_spreadsheet_puts_between_cells_is_understood(services: Services, mark: str) -> None:
    text = (MODELS + "one,phone,apple,One & two,2024,mid\n").replace(",", mark)
    assert imported(services, "models", text)[0].counts["created"] == 1
    assert "One & two" in {row["name"] for row in services.catalog.models.detail("one", "GBP")}


def test_spaces_around_a_text_are_not_of_it(services: Services) -> None:
    row = "spacy , phone,apple,  Space  Grey ,2024,mid\n"
    assert imported(services, "models", MODELS + row + 2 * ",phone,apple, ,2024,mid\n")[1] == dict.fromkeys(
        (3, 4), "slug: is missing; name: must not be empty"
    )
    assert services.catalog_changes.model("spacy")["name"] == "Space  Grey"


def test_a_price_is_in_money_that_there_is(little: Services) -> None:
    lines = exported(little, "prices").splitlines(True)
    text = lines[0] + "".join(lines[1].replace(",GBP,", f",{code},") for code in ("EUR", "GPB", "ZZZ", "eur"))
    outcome, told = imported(little, "prices", text)
    assert list(told) == [3, 4, 5]
    assert all(fault.endswith("must be an ISO 4217 currency such as GBP") for fault in told.values())
    assert outcome.counts["created"] == 1


def test_a_new_model_can_be_found_and_is_on_record(services: Services) -> None:
    imported(services, "models", MODELS + "apple-frobnicator,phone,apple,Frobnicator 9,2025,flagship\n")
    assert "frobnicator" in services.catalog_changes.models.find(DeviceModel.slug == "apple-frobnicator").search_text
    actions = services.database.execute_sql("SELECT action FROM audit ORDER BY id").fetchall()
    assert [row[0] for row in actions] == ["device_model.create", "models.import"]


def test_each_bad_row_is_named_with_its_line_and_the_good_ones_are_kept(services: Services) -> None:
    before = count(services)
    text = MODELS + (
        "good-one,phone,apple,Good 1,2024,mid\n"
        "bad-year,phone,apple,Bad,1066,mid\n"
        "bad-brand,phone,nobody,Bad,2024,mid\n"
        "bad tier,phone,apple,Bad,2024,golden\n"
        '"many,phone\n",apple,x,2024,mid\n'
        "extra,phone,apple,Bad,2024,mid,more\n"
        "nul,phone,apple,a\0b,2024,mid\n"
        "no-utf8,phone,apple,\udcff,2024,mid\n"
        "good-two,phone,apple,Good 2,2024,mid\n"
    )
    outcome, told = imported(services, "models", text)
    assert list(told) == [3, 4, 5, 7, 8, 9, 10]
    assert "year" in told[3]
    assert "nobody" in told[4]
    assert "slug" in told[5]
    assert "tier" in told[5]
    assert told[10] == exchange_rows.NO_UTF8
    assert outcome.counts["created"] == 2
    assert count(services) == before + 2


def test_a_file_may_name_the_same_thing_twice_and_each_change_is_on_record(services: Services) -> None:
    text = MODELS + (
        "twice,phone,apple,Once,2024,mid\n"
        "twice,phone,apple,Twice,2024,mid\n"
        "twice,phone,apple,Twice,2024,mid\n"
        "twice,phone,nobody,Thrice,2024,mid\n"
        "twice,tablet,apple,Twice,2024,mid\n"
    )
    outcome, told = imported(services, "models", text)
    assert outcome.counts == {"created": 1, "changed": 2, "unchanged": 1}
    assert list(told) == [5]
    model = services.catalog_changes.model("twice")
    at_first = model | {"name": "Once", "version": 1, "category": PHONE, "updated_at": model["created_at"]}
    assert (model["name"], model["version"], model["category"]["slug"]) == ("Twice", 3, "tablet")
    repair = services.catalog_changes.repairs.of_category(services.catalog_changes.category("tablet").id)[0].slug
    prices = f"twice,{repair},GBP,1,\ntwice,{repair},GBP,2,5\ntwice,none,GBP,2,5\nnone,{repair},GBP,2,5\n"
    outcome, told = imported(services, "prices", "model,repair,currency,amount,minutes\n" + prices)
    assert outcome.counts == {"created": 1, "changed": 1, "unchanged": 0}
    assert told == {4: "There is no repair 'none' in 'tablet'.", 5: "There is no model 'none'."}
    assert recorded(services) == [
        ("device_model.create", None, shown(at_first)),
        ("device_model.change", {"name": "Once"}, {"name": "Twice"}),
        ("device_model.change", {"category": PHONE}, {"category": model["category"]}),
        ("prices.change", priced(repair, None), priced(repair, {"amount": 1, "minutes": None})),
        ("prices.change", priced(repair, {"amount": 1, "minutes": None}), priced(repair, {"amount": 2, "minutes": 5})),
    ]
    services.audit_seal.seal()
    assert services.audit_seal.verify().ok


def test_a_model_with_prices_stays_in_its_category(services: Services) -> None:
    slug, category = services.database.execute_sql(
        "SELECT m.slug, c.slug FROM device_model m JOIN category c ON c.id = m.category_id"
        " WHERE EXISTS (SELECT 1 FROM repair_price p WHERE p.model_id = m.id) LIMIT 1"
    ).fetchone()
    other = "tablet" if category == "phone" else "phone"
    assert imported(services, "models", f"{MODELS}{slug},{other},apple,Moved,2024,mid\n")[1] == {2: STAYS}


def test_changed_words_are_searched_at_once_and_the_rest_of_the_model_stays(services: Services) -> None:
    row = "wordy,phone,apple,{},2024,mid\n"
    imported(services, "models", MODELS + row.format("Frobnicator"))
    made = services.catalog_changes.model("wordy")["created_at"]
    imported(services, "models", MODELS + row.format("Gloxinator"))
    assert services.catalog_changes.model("wordy")["created_at"] == made
    for query, found in (("gloxinator", ["wordy"]), ("frobnicator", [])):
        page = services.catalog_changes.models.matching(ListQuery(), (((query,),),))
        assert [row["slug"] for row in page.items] == found


@pytest.mark.parametrize("strict", [True, False])
def test_a_file_of_many_batches_comes_in_whole(services: Services, strict: bool) -> None:
    rows = [f"many-{n},phone,apple,Many {n},2024,mid\n" for n in range(2_500)]
    before = count(services)
    outcome, told = imported(services, "models", MODELS + "".join(rows), strict=strict)
    assert (outcome.read, outcome.counts["created"], told) == (2_500, 2_500, {})
    assert count(services) == before + 2_500
    assert len(recorded(services)) == 2_500
    rows[1_700] = "many-1700,nothing,apple,Many,2024,mid\n"
    changed = MODELS + "".join(row.replace(",2024,", ",2023,") for row in rows)
    assert list(imported(services, "models", changed, strict=strict)[1]) == [1_702]
    assert services.catalog_changes.models.count(DeviceModel.slug ** "many-%", DeviceModel.year == 2023) == (
        0 if strict else 2_499
    )


def test_strict_keeps_none_where_one_is_bad_and_dry_keeps_none_at_all(services: Services) -> None:
    before, good = count(services), "good,phone,apple,Good,2024,mid\n"
    assert imported(services, "models", MODELS + good + "bad\n", strict=True)[0].bad == 1
    assert imported(services, "models", MODELS + good, dry=True)[0].counts["created"] == 1
    assert count(services) == before
    assert services.database.execute_sql("SELECT count(*) FROM audit").fetchone()[0] == 0
    imported(services, "models", MODELS + good, strict=True)
    assert count(services) == before + 1


@pytest.mark.parametrize(
    "first", ["", "slug,name\n", "slug,slug,category,brand,name,year,tier\n", MODELS[:-1] + ",colour\n"]
)
def test_a_first_line_that_does_not_fit_changes_nothing(services: Services, first: str) -> None:
    with pytest.raises(Invalid, match="line 1"):
        imported(services, "models", first + "a,b,c\n")


@pytest.mark.parametrize("text", ["=1+1", "+44", "-2", "@SUM(A1)", "\t=1", "'=1", "''=1", "'tis", "plain", ""])
def test_formulas_are_disarmed_on_the_way_out_and_whole_on_the_way_in(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_model_called_like_a_formula_makes_the_round(little: Services) -> None:
    imported(little, "models", MODELS + "odd,fones,fone,'=cmd|x,2024,mid\n")
    assert little.catalog_changes.model("odd")["name"] == "=cmd|x"
    text = exported(little, "models")
    assert "'=cmd|x" in text
    rows = "".join(line for line in text.splitlines(True) if line.startswith(("slug,", "odd,")))
    assert imported(little, "models", rows)[0].counts["unchanged"] == 1


def test_bookings_go_out_in_both_forms(services: Services) -> None:
    assert json.loads(exported(services, "bookings", as_json=True)) == []
    services.demo.make(COMMAND, 50, 20, 1)
    plain = list(csv.DictReader(io.StringIO(exported(services, "bookings"))))
    whole = json.loads(exported(services, "bookings", as_json=True))
    assert len(plain) == len(whole) == 50
    assert [row["reference"] for row in plain] == [row["reference"] for row in whole]
    assert {type(row["total"]) for row in whole} == {int}
    query = Booking.update(contact={"name": "Bob", "phone": "+447400654321"})
    query.where(Booking.reference == plain[7]["reference"]).bind(services.database).execute()
    bob = list(csv.DictReader(io.StringIO(exported(services, "bookings"))))[7]
    assert bob == {**plain[7], "customer_name": "Bob", "customer_phone": "'+447400654321"}
