"""Full-text indexes: each database's own kind over the same prepared words, so that both find the same rows.

The words are made by `reviva.words`: lower-case letters and digits between single spaces. PostgreSQL takes them as they
are (no parser, no dictionary); FTS5's tokenizer leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

SEARCHED = ("device_model", "booking", "customer")
"""Tables with a `search_text` column."""

BY_DAY = ("booking", "customer")
"""Those whose lists begin with what was made last. PostgreSQL's index has the day that was on as one word more, which
no other is like: so it finds what a few days have of a word without what all have."""

_FIRST = date(2000, 1, 1)

LONGEST = 8
"""Letters of a beginning that SQLite finds as fast as a whole word: people search while they type."""


def vector(table: str, alias: str = "") -> str:
    """PostgreSQL's expression for the words of a table's row, the same in the index and in the query."""
    words = f"string_to_array({alias}search_text, ' ')"
    if table in BY_DAY:
        day = f"(({alias}created_at AT TIME ZONE 'UTC')::date - '{_FIRST}'::date)"
        words = f"array_append({words}, '@' || {day}::text)"
    return f"array_to_tsvector({words})"


def day_word(day: date) -> str:
    """The word of what was made on a day of UTC."""
    return f"@{(day - _FIRST).days}"


def create(table: str, backend: str) -> Iterator[str]:
    """The statements that make a table searchable."""
    if backend == "postgresql":
        # A catalog is loaded at once and then searched: words put off till the next vacuum would keep the planner away.
        at_once = " WITH (fastupdate = off)" if table == "device_model" else ""
        yield f"CREATE INDEX {table}_words ON {table} USING gin ({vector(table)}){at_once}"
        return
    prefixes = " ".join(map(str, range(1, LONGEST + 1)))
    yield (
        f"CREATE VIRTUAL TABLE {table}_words USING fts5(search_text, content='{table}', content_rowid='id', "
        f"tokenize='unicode61 remove_diacritics 0', prefix='{prefixes}', detail=none)"
    )
    add = f"INSERT INTO {table}_words(rowid, search_text) VALUES (new.id, new.search_text);"
    remove = f"INSERT INTO {table}_words({table}_words, rowid, search_text) VALUES ('delete', old.id, old.search_text);"
    yield f"CREATE TRIGGER {table}_words_insert AFTER INSERT ON {table} BEGIN {add} END"
    yield f"CREATE TRIGGER {table}_words_delete AFTER DELETE ON {table} BEGIN {remove} END"
    yield (
        f"CREATE TRIGGER {table}_words_update AFTER UPDATE OF search_text ON {table} "
        f"WHEN old.search_text <> new.search_text BEGIN {remove} {add} END"
    )


def drop(table: str, backend: str) -> Iterator[str]:
    """The statements that take it back."""
    if backend == "postgresql":
        yield f"DROP INDEX IF EXISTS {table}_words"
        return
    for event in ("insert", "delete", "update"):
        yield f"DROP TRIGGER IF EXISTS {table}_words_{event}"
    yield f"DROP TABLE IF EXISTS {table}_words"
