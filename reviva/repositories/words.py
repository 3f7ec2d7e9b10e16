"""Full-text search over a table's `search_text`, on either database."""

from __future__ import annotations

from typing import Any

from peewee import SQL, Database, Model, NodeList

from reviva.database.ddl import backend
from reviva.models.fulltext import vector
from reviva.words import asked, fts5, tsquery


def matching(database: Database, model: type[Model], text: str) -> Any:
    """Rows that have every word of `text`, each as a beginning of theirs. The query's first table is `model`."""
    table, groups = model._meta.table_name, [((word,),) for word in asked(text)]
    if not groups:
        return SQL("1 = 0")
    if backend(database) == "sqlite":
        found = SQL(f"(SELECT rowid FROM {table}_words WHERE {table}_words MATCH ?)", [fts5(groups)])
        return NodeList((model._meta.primary_key, SQL("IN"), found))
    return SQL(f"{vector('t1.search_text')} @@ %s::tsquery", [tsquery(groups)])
