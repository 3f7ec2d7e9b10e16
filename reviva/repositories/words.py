"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from peewee import SQL, Database, Model

from reviva.database.ddl import backend
from reviva.repositories import words_postgresql, words_sqlite
from reviva.repositories.found import Found
from reviva.repositories.sorting import Key
from reviva.words import asked


def matching(database: Database, model: type[Model], text: str, key: Key, whole: bool) -> Found:
    """Rows that have every word of `text`, each as a beginning of theirs. The query's first table is `model`, and its
    list is sorted by `key` first; it is the `whole` one where nothing is filtered and no page before it was asked for.
    """
    words = asked(text)
    if not words:
        return Found(SQL("1 = 0"))
    if backend(database) == "sqlite":
        return words_sqlite.matching(database, model, words, key, whole)
    return words_postgresql.matching(database, model, words, key)
