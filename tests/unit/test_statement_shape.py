"""Statements that differ only in how many values they list have one shape, and nothing personal is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reviva.database.figures import BUCKETS, Figures, bucket, quantile
from reviva.database.statement_shape import MOST_TEXT, masked, name_of, shape_of, without_literals


@pytest.mark.parametrize("mark", ["?", "%s"])
def test_lists_of_any_length_have_one_shape(mark: str) -> None:
    texts = [f'SELECT * FROM "shop" WHERE ("id" IN ({", ".join([mark] * n)}))' for n in (2, 3, 300)]
    assert {shape_of(text) for text in texts} == {'SELECT * FROM "shop" WHERE ("id" IN (…))'}


def test_numbers_written_out_have_one_shape() -> None:
    assert shape_of("DELETE FROM a WHERE id IN (1,2,3)") == shape_of("DELETE FROM a WHERE id IN (7)")


@pytest.mark.parametrize("end", ["", ' RETURNING "id"', " ON CONFLICT DO NOTHING"])
def test_any_number_of_rows_has_one_shape(end: str) -> None:
    def insert(rows: int) -> str:
        return 'INSERT INTO "a" ("b", "c") VALUES ' + ", ".join(["(?, ?)"] * rows) + end

    assert shape_of(insert(2)) == shape_of(insert(500))
    assert str(shape_of(insert(1))).startswith('INSERT INTO "a" ("b", "c") VALUES (?, ?)')


def test_other_statements_keep_apart() -> None:
    texts = ("SELECT a FROM t WHERE b = ?", "SELECT a FROM t WHERE c = ?", "SELECT a FROM t", "DELETE FROM t")
    assert len({shape_of(text) for text in texts}) == len(texts)
    assert len({name_of(text) for text in texts}) == len(texts)


def test_what_only_steers_has_no_shape() -> None:
    assert shape_of('SAVEPOINT "s0123456789abcdef0123456789abcdef";') is None
    assert shape_of("PRAGMA foreign_keys = 1") is None


def test_an_endless_statement_is_cut() -> None:
    assert len(str(shape_of("SELECT " + "x" * 100_000))) == MOST_TEXT


def test_parameters_are_masked() -> None:
    shown = masked(["alice@example.com", 7, None, 2.5, True, datetime(2026, 1, 2, tzinfo=UTC), b"ab", ["alice"]])
    assert shown == ["str(17)", 7, None, 2.5, True, "2026-01-02T00:00:00+00:00", "bytes(2)", "list(1)"]
    assert masked(None) == []
    assert masked(range(1000))[49:] == [49, "and 950 more"]


def test_a_plan_repeats_no_value() -> None:
    assert without_literals("Filter: (name = 'O''Hara'::text) AND (n > 3)") == "Filter: (name = '…'::text) AND (n > 3)"


def test_quantiles_are_right_to_about_a_tenth() -> None:
    histogram = [0] * BUCKETS
    for micros in range(1, 10_001):
        histogram[bucket(micros / 1e6)] += 1
    for part in (0.5, 0.95, 0.99):
        assert quantile(histogram, part) == pytest.approx(part * 0.01, rel=0.13)
    assert quantile([0] * BUCKETS, 0.5) == 0


@pytest.mark.parametrize("seconds", [0, -1e-9, 1e-7, 3600])
def test_every_duration_has_a_bucket(seconds: float) -> None:
    assert 0 <= bucket(seconds) < BUCKETS


def test_figures_are_taken_once_and_can_be_given_back() -> None:
    figures = Figures("r", "s", calls=2, rows=3, seconds=0.5, slowest=0.4)
    figures.histogram[5] = 2
    taken = figures.take()
    assert (figures.calls, figures.rows, figures.seconds, sum(figures.histogram)) == (0, 0, 0, 0)
    figures.add(taken)
    assert (figures.calls, figures.rows, figures.slowest, figures.histogram[5]) == (2, 3, 0.4, 2)
