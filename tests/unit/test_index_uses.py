"""What the index advice reads out of a statement's text, and which indexes it thinks of."""

from __future__ import annotations

import pytest

from reviva.database.index_candidates import Candidate, candidates, natural
from reviva.database.index_plan import folded, judged, runnable
from reviva.database.index_trial_postgres import numbered
from reviva.database.index_uses import Use, read


def test_filters_joins_and_order_are_told_apart() -> None:
    reading = read(
        'SELECT "t1"."id" FROM "booking" AS "t1" INNER JOIN "customer" AS "t2" ON ("t1"."customer_id" = "t2"."id") '
        'WHERE (("t1"."status" IN (?)) AND ("t1"."total" >= ?)) ORDER BY "t1"."created_at" DESC, "t1"."id" DESC LIMIT ?'
    )
    booking = reading.uses["booking"]
    assert (booking.equal, booking.joined, booking.ranges) == (["status"], ["customer_id"], ["total"])
    assert booking.order == [("created_at", True), ("id", True)]
    assert reading.uses["customer"].joined == ["id"]
    assert reading.limited
    assert natural(booking) == Candidate("booking", ("status", "created_at", "id"))


@pytest.mark.parametrize("mark", ["?", "%s"])
@pytest.mark.parametrize(
    ("sql", "use"),
    [
        ('DELETE FROM "a" WHERE ("a"."b" < ?)', Use("a", ranges=["b"])),
        ('UPDATE "a" SET "b" = ? WHERE ("a"."c" = ?)', Use("a", equal=["c"])),
        ("SELECT x FROM a AS t1 WHERE (t1.b = 'q')", Use("a", fixed=["b = 'q'"])),
        ('SELECT x FROM "a" AS "t1" WHERE ("t1"."b" IS NOT NULL)', Use("a", fixed=["b IS NOT NULL"])),
        ('SELECT x FROM "a" AS "t1" WHERE ("t1"."b" = ANY(?))', Use("a", equal=["b"], listed=["b"])),
        ('SELECT x FROM "a" AS "t1" WHERE ("t1"."b" IN (…))', Use("a", equal=["b"], listed=["b"])),
        ('SELECT x FROM "a" AS "t1" WHERE ("t1"."b" IN (?))', Use("a", equal=["b"])),
        ('SELECT x FROM "a" AS "t1" WHERE ("t1"."b" BETWEEN ? AND ?)', Use("a", ranges=["b"])),
        ('SELECT x FROM "a" AS "t1" GROUP BY "t1"."b"', Use("a", order=[("b", False)])),
        ('SELECT x FROM "a" AS "t1" ORDER BY LENGTH("t1"."b"), "t1"."c"', Use("a")),
        ('INSERT INTO "a" ("b") VALUES (?)', Use("a")),
    ],
)
def test_each_kind_of_statement_is_read(sql: str, use: Use, mark: str) -> None:
    assert read(sql.replace("?", mark)).uses == {"a": use}


@pytest.mark.parametrize("sql", ["COMMIT", "", "SELECT 1", "((((", "SELECT ? FROM"])
def test_what_can_not_be_read_has_no_uses(sql: str) -> None:
    assert read(sql).uses == {}


def test_a_constant_makes_a_partial_index() -> None:
    use = Use("a", order=[("due", False)], fixed=["status = 'queued'"])
    assert natural(use) == Candidate("a", ("due",), "status = 'queued'")
    assert {Candidate("a", ("due",)), Candidate("a", ("status", "due"))} <= set(candidates(use))


def test_conditions_on_one_column_are_of_several_subqueries() -> None:
    use = Use("a", equal=["b"], order=[("d", False)], fixed=["c = 'x'", "c = 'y'"])
    assert natural(use) == Candidate("a", ("b", "d"), "c = 'y'")
    assert {made.where for made in candidates(use)} == {"", "c = 'x'", "c = 'y'"}


def test_a_flag_is_a_condition_and_an_outer_row_s_column_a_value() -> None:
    shape = 'SELECT x FROM "a" AS "t1" WHERE (("t1"."b" = ?) AND "t1"."flag") ORDER BY "t1"."c"'
    assert read(shape).uses["a"] == Use("a", equal=["b"], order=[("c", False)], fixed=["flag"])
    inner = 'SELECT (SELECT COUNT(*) FROM "c" AS "t2" WHERE ("t2"."a_id" = "t1"."id")) FROM "a" AS "t1"'
    assert read(inner).uses["c"].equal == ["a_id"]
    joined = 'SELECT x FROM "c" AS "t2" INNER JOIN "a" AS "t1" ON ("t2"."a_id" = "t1"."id") WHERE ("t1"."b" = ?)'
    assert read(joined).uses["c"].joined == ["a_id"]


def test_what_has_an_alternative_is_no_condition_of_all_rows() -> None:
    either = (
        'SELECT x FROM "a" AS "t1" WHERE (("t1"."b" = ?) AND (("t1"."c" IS NULL) OR ("t1"."d" = ?) OR "t1"."flag"))'
    )
    assert read(either).uses["a"] == Use("a", equal=["b"], joined=["d"])
    assert natural(read(either).uses["a"]) == Candidate("a", ("b",))
    assert Candidate("a", ("d",)) in set(candidates(read(either).uses["a"]))


def test_what_a_subquery_asks_holds_in_it_whatever_the_alternative() -> None:
    inner = '(SELECT "t2"."id" FROM "c" AS "t2" WHERE ("t2"."d" = ?))'
    uses = read(f'SELECT x FROM "a" AS "t1" WHERE (("t1"."b" = ?) OR ("t1"."c_id" IN {inner}))').uses
    assert uses == {"a": Use("a", joined=["b", "c_id"]), "c": Use("c", equal=["d"])}


def test_a_page_after_a_row_of_three_columns_can_be_planned() -> None:
    assert runnable("SELECT x FROM a WHERE ((b, c, id) < (…))", "?") == "SELECT x FROM a WHERE ((b, c, id) < (?, ?, ?))"


def test_what_is_null_leads_no_index_but_may_be_what_one_is_about() -> None:
    use = Use("a", order=[("id", False)], fixed=["b IS NULL"])
    assert list(candidates(use)) == [Candidate("a", ("id",), "b IS NULL")]


def test_values_of_another_table_are_few_and_those_of_a_list_several() -> None:
    shape = 'SELECT x FROM "a" AS "t1" WHERE ("t1"."b" IN (SELECT {}))'
    assert read(shape.format('"t2"."id" FROM "c" AS "t2" WHERE ("t2"."d" = ?)')).uses["a"].listed == []
    assert read(shape.format("value FROM json_each(?)")).uses["a"].listed == ["b"]
    assert (
        runnable('SELECT x FROM "a" WHERE "a"."b" = ANY(%s)', "%s") == 'SELECT x FROM "a" WHERE "a"."b" IN (%s, %s, %s)'
    )


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("(a = ?)", "(a = ?)"),
        ("((a = ?) OR (0 = 1))", "((a = ?))"),
        ("((0 = 1) OR (a = ?))", "((a = ?))"),
        ("(((b = ?) AND (0 = 1)) OR (a IN (?)))", "((a IN (?)))"),
        ("((a = ?) OR ((0 = 1) AND (LOWER(b) = ?)))", "((a = ?))"),
        ("((a = ?) AND ((0 = 1) OR (b = ?)))", "((a = ?) AND ((b = ?)))"),
        ("((0 = 1) AND (a = ?))", "(0 = 1)"),
    ],
)
def test_what_an_empty_list_rules_out_is_left_out(where: str, left: str) -> None:
    assert folded(f"SELECT x FROM a WHERE {where} ORDER BY x") == f"SELECT x FROM a WHERE {left} ORDER BY x"


def test_a_statement_that_was_cut_is_left_as_it_is() -> None:
    for cut in ("SELECT x FROM a WHERE ((0 = 1) AND (b = ", "SELECT x FROM a WHERE (0 = 1) AND b = ?"):
        assert folded(cut) == cut


def test_mixed_directions_are_told_and_the_id_alone_is_no_index() -> None:
    assert natural(Use("a", order=[("b", True), ("c", False)])) == Candidate("a", ("b", "c DESC"))
    assert natural(Use("a", order=[("id", False)])) is None
    assert natural(Use("a", equal=["id"])) is None


def test_names_are_short_and_not_taken() -> None:
    candidate = Candidate("booking", ("status", "created_at DESC"))
    assert candidate.name() == "booking_status_created_at_desc"
    assert candidate.name({"booking_status_created_at_desc"}) == "booking_status_created_at_desc_2"
    assert len(Candidate("t" * 50, ("c" * 50,)).name({"x"})) <= 63


def test_a_shape_becomes_a_statement_again() -> None:
    assert (
        runnable("SELECT a FROM b WHERE c IN (…) LIMIT ? OFFSET ?", "?")
        == "SELECT a FROM b WHERE c IN (?, ?, ?) LIMIT 21 OFFSET 0"
    )
    assert runnable("SELECT a FROM b WHERE (c, id) < (…)", "?") == "SELECT a FROM b WHERE (c, id) < (?, ?)"
    assert runnable("INSERT INTO a (b) VALUES (%s), … ON CONFLICT DO NOTHING", "%s").count("%s") == 1
    assert numbered("SELECT %s WHERE a LIKE '%%' AND b = %s") == ("SELECT $1 WHERE a LIKE '%' AND b = $2", 2)


def test_a_column_whose_value_is_told_is_not_asked_for_by_a_parameter_besides() -> None:
    sql = 'SELECT x FROM "a" AS "t1" WHERE (("t1"."b" = \'q\') AND ("t1"."b" = ?))'
    assert read(sql).uses["a"] == Use("a", fixed=["b = 'q'"])


@pytest.mark.parametrize("mark", ["?", "%s"])
def test_a_value_that_a_shop_asks_for_stands_where_its_column_is_compared_so(mark: str) -> None:
    values = {("a", "b", "="): "'open'", ("a", "c", "<"): "'old'"}
    asked = f'SELECT x FROM "a" AS "t1" WHERE (("t1"."b" = {mark}) AND ("t1"."c" < {mark}) AND ("t1"."d" = {mark}))'
    assert runnable(asked, mark, values) == asked.replace(f'"b" = {mark}', "\"b\" = 'open'")
    cleared = f'DELETE FROM "a" WHERE (("a"."b" IN ({mark})) AND ("a"."c" < {mark}))'
    assert runnable(cleared, mark, values) == 'DELETE FROM "a" WHERE (("a"."b" IN (\'open\')) AND ("a"."c" < \'old\'))'
    told = f'SELECT x FROM "a" AS "t1" WHERE (("t1"."b" = \'q\') AND ("t1"."b" = {mark}))'
    assert runnable(told, mark, values) == told  # another value would contradict it


def test_a_small_table_is_judged_as_it_is_and_a_larger_one_as_if_it_had_grown() -> None:
    rows = {"none": 0, "few": 999, "some": 1000, "more": 299_999, "many": 2_000_000}
    assert judged(rows, rows) == {**rows, "some": 300_000, "more": 300_000}
    assert judged(rows, {"more"}) == {**rows, "more": 300_000}


def test_what_is_joined_to_two_tables_may_be_found_by_both_without_an_order() -> None:
    use = Use("a", joined=["b", "c", "d"], order=[("e", False)])
    found = [candidate.columns for candidate in candidates(use)]
    assert [columns for columns in found if "e" in columns] == [("e",), ("b", "e"), ("c", "e"), ("d", "e")]
    assert [columns for columns in found if len(columns) > 1 and "e" not in columns] == [(*"bc",), (*"bd",), (*"cd",)]
