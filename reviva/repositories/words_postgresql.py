"""Full-text search on PostgreSQL, whose index of words knows the day of each row too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from peewee import SQL, Database, Model, fn

from reviva.models.fulltext import day_word, vector
from reviva.repositories import common_words
from reviva.repositories.found import PAGE, PATIENCE, Days, Found, Walk, looked_at, span, walking
from reviva.repositories.sorting import Key

COLLECTING: Final = 1.3
"""What it takes to collect a row by its words, in the time that looking at one on a walk takes."""
A_SEARCH: Final = 500
A_DAY: Final = 20
"""What it takes to look for a word on some days, and for each of them, in the same unit."""


def matching(database: Database, model: type[Model], words: list[str], key: Key) -> Found:
    """What is chosen from the index is to be collected and sorted: the planner would rather walk through a list as long
    as it takes, and knows neither which words exclude each other nor what it costs to collect all beginnings."""
    known = common_words.of(database, model._meta.table_name)
    asked, text = common_words.queries(words, known), looked_at(fn.STRPOS, words)
    # Which query is hidden from the planner: it takes each range for half a per cent of the rows.
    has = f"{vector(model._meta.table_name)} @@ (SELECT %s::tsquery)"
    begun = SQL(f"({' OR '.join([has] * len(asked))})", asked) & text
    often = max(known.having(*words), 1.0)
    passing, collecting = walking(known.rows, often), COLLECTING * often
    shortcuts: list[Days | Walk] = []
    if key.descending and key.node is model._meta.fields["created_at"]:
        rarest = min(words, key=known.having)
        few = common_words.queries([rarest], known)

        def made_on(days: Iterable[date]) -> Any:
            # As two conditions GIN leaps through them, from what meets the one to what meets the other.
            these = " | ".join(f"'{day_word(day)}'" for day in days)
            return SQL(f"({has} AND {has})", [" | ".join(f"({query})" for query in few), these]) & text

        # What is not taken apart would be collected for each of all days.
        looking = spanning(often / known.days, known.having(rarest) / known.days)
        if len(few) > 1 and looking < min(passing, collecting):
            shortcuts.append(Days(made_on, often / known.days))
    if passing < collecting:
        shortcuts.append(Walk(text, int(PATIENCE * passing), (SQL("search_text"),)))
    return Found(begun, shortcuts=shortcuts)


def spanning(each: float, passed: float) -> float:
    """What it takes to find a page on a few days, of which each has so many rows, among so many that are passed: as
    looking at so many on a walk."""
    days = span(each, PAGE)
    return A_SEARCH + (A_DAY + COLLECTING * passed) * days
