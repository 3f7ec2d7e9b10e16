"""Words that very many rows have, on PostgreSQL: how to ask its index for what begins with them.

For each beginning, GIN first collects the places of all that begin so: with a million bookings 10 ms for two common
names, however few rows have both. Words asked for as they are, it reads side by side instead, and skips. So a
beginning is taken apart: into the common words that begin so, as the planner's statistics have them, and the ranges
between them, which hold little. What is found doesn't depend on which words are thought to be common: together, they
and the ranges are all that begins so, whatever it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from string import ascii_lowercase, digits
from sys import maxunicode
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from peewee import Database

from reviva import clock
from reviva.words import SHORTEST_OPENING

FEW: Final = 1_000
"""Rows whose places are quickly collected; words that more have are common."""
KNOWN_SECONDS: Final = 300.0
MOST_NODES: Final = 12
"""Of a beginning, or else it would be some hundred ranges."""


class Common:
    """What is known of a table's words: about how many rows there are, of how many `days`, and which part of them has
    each common word."""

    def __init__(self, rows: float, days: float, share: Mapping[str, float]) -> None:
        self.rows, self.days = rows, max(days, 1.0)
        self._words = sorted(share)
        self._shares = [share[word] for word in self._words]

    def begun(self, beginning: str) -> list[str]:
        """The common words that begin so."""
        return self._words[self._place(beginning)]

    def having(self, *words: str) -> float:
        """About how many rows have words that begin with each: as if it were chance that they are together."""
        return self.rows * prod(min(1.0, sum(self._shares[self._place(word)])) for word in set(words))

    def _place(self, beginning: str) -> slice:
        return slice(bisect_left(self._words, beginning), bisect_left(self._words, beginning + chr(maxunicode)))


class Part(NamedTuple):
    """What begins with some letters, as two tsqueries that together are all of it."""

    often: str
    rest: str | None


_known: WeakKeyDictionary[Database, dict[str, tuple[float, Common]]] = WeakKeyDictionary()


def of(database: Database, table: str) -> Common:
    """What the planner's statistics tell of a table's words, some minutes old at most."""
    known, now = _known.setdefault(database, {}), clock.monotonic()
    if table not in known or now - known[table][0] > KNOWN_SECONDS:
        known[table] = now, _read(database, table)
    return known[table][1]


def _read(database: Database, table: str) -> Common:
    row = database.execute_sql(
        "SELECT GREATEST(c.reltuples, 0),"
        f" (SELECT EXTRACT(EPOCH FROM MAX(created_at) - MIN(created_at)) / 86400 FROM {table})::float8,"
        " s.most_common_elems::text::text[], s.most_common_elem_freqs"
        " FROM pg_class AS c LEFT JOIN pg_stats AS s ON s.schemaname = current_schema() AND s.tablename = %s"
        " WHERE c.oid = to_regclass(%s)",
        [f"{table}_words", table],
    ).fetchone()
    rows, days, words, shares = row or (0.0, None, None, None)
    shared = dict(zip(words or (), shares or (), strict=False))  # behind the shares are their bounds
    return Common(rows, days or 0.0, shared)


def queries(words: Iterable[str], known: Common) -> list[str]:
    """The tsqueries that together find all rows with the two rarest of some beginnings, or the only one."""
    parts = [part(word, known) for word in sorted(set(words), key=known.having)[:2]]
    return list(both(*parts) if len(parts) == 2 else filter(None, *parts))


def part(word: str, known: Common) -> Part:
    """A beginning, taken apart where common words begin so, unless it is too short or too many do."""
    nodes = {other[:length] for other in known.begun(word) for length in range(len(word), len(other) + 1)}
    short = word.isalpha() and len(word) < SHORTEST_OPENING
    if known.having(word) <= FEW or short or len(nodes) > MOST_NODES or not "".join(nodes).isascii():
        return Part(f"'{word}':*", None)
    between = (node + next for node in sorted(nodes) for next in following(node) if node + next not in nodes)
    return Part(_any(f"'{node}'" for node in sorted(nodes)), _any(f"'{beginning}':*" for beginning in between))


def following(node: str) -> str:
    """What a word can go on with that begins so, and doesn't have it as a word besides: see `words.openings`."""
    return ascii_lowercase if node.isalpha() else ascii_lowercase + digits


def both(one: Part, other: Part) -> Iterator[str]:
    """Two parts at once, as tsqueries that together find all rows with both: what is common, and what is not."""
    yield f"{one.often} & {other.often}"
    rest = []
    if one.rest:
        rest.append(f"({one.rest} & ({' | '.join(filter(None, other))}))")
    if other.rest:
        rest.append(f"({one.often} & {other.rest})")
    if rest:
        yield " | ".join(rest)


def _any(terms: Iterable[str]) -> str:
    return f"({' | '.join(terms)})"
