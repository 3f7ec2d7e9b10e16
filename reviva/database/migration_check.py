"""What is wrong with a schema, or will be: drift, models without a migration, statements that stop a big table."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from typing import NamedTuple

from peewee import Database

from reviva.database import migration, schema
from reviva.database.ddl import backend
from reviva.database.scratch import Statement, scratch

BIG = 100_000
"""Rows from which on a scan, a rewrite or an index takes longer than visitors wait."""


_PIECES = re.compile(r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<tag>\$\w*\$).*?(?P=tag)|.""", re.DOTALL)
"""A comment, something quoted, or any character."""
_SEVERAL = re.compile(
    r"(ALTER TABLE (?:IF EXISTS )?(?:ONLY )?\S+|DROP TABLE(?: IF EXISTS)?|(?:TRUNCATE|LOCK)(?: TABLE)?|VACUUM FULL)"
    r" (.*)",
    re.IGNORECASE,
)
"""What may be done to several tables, or in several ways to one."""
_UNREADABLE = re.compile(
    r"(?:DO|CALL)\b|SELECT (?:\w+\.)?(?!count|min|max|sum|coalesce|exists|current_|pg_|set_config|setval)\w+ ?\(",
    re.IGNORECASE,
)
"""What may do anything; functions that are known to change no rows are not among it."""


class Hazard(NamedTuple):
    """A kind of statement that is dangerous on a table of `rows` or more."""

    pattern: str
    """Finds it; group `table` is whom it strikes."""
    rows: int
    effect: str
    advice: str


_TABLE = r'(?:"?\w+"?\.)?"?(?P<table>\w+)"?'
_ALTER = rf"^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_TABLE} "
_ADD = _ALTER + r"ADD (?:COLUMN )?(?!CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE)"
_VOLATILE = r"random\(|gen_random_uuid\(|uuidv7\(|uuid_generate_v\d|clock_timestamp\(|timeofday\(|nextval\("
_CONSTRAINT = _ALTER + r"ADD (?:CONSTRAINT \S+ )?"

HAZARDS = (
    Hazard(
        _ADD + rf".*(?:DEFAULT.*(?:{_VOLATILE})|(?:SMALL|BIG)?SERIAL\b|GENERATED .*(?:STORED|IDENTITY))", BIG,
        "writes the whole table anew, and nobody reads it meanwhile",
        "add the column without a default, fill it in batches, then set the default",
    ),
    Hazard(
        _ADD + r"(?!.*DEFAULT)(?!.*GENERATED).*NOT NULL", 1,
        "fails, since the rows that are there have no value",
        "add it with a constant DEFAULT, or NULL first and fill it",
    ),
    Hazard(
        _ALTER + r"ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE", BIG,
        "writes the whole table and its indexes anew, and nobody reads it meanwhile",
        "add a column of the new type, fill it in batches, let the program change over, then drop the old one",
    ),
    Hazard(
        _ALTER + r"ALTER (?:COLUMN )?\S+ SET NOT NULL", BIG,
        "reads the whole table under a lock that stops everybody",
        "ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, VALIDATE it in a migration of its own, then SET NOT NULL",
    ),
    Hazard(
        _CONSTRAINT + r"(?:CHECK|FOREIGN KEY)(?!.*NOT VALID)", BIG,
        "reads the whole table under a lock that stops writers",
        "add it NOT VALID, and VALIDATE CONSTRAINT in the next migration",
    ),
    Hazard(
        _CONSTRAINT + r"(?:UNIQUE|PRIMARY KEY|EXCLUDE)(?!.*USING INDEX)", BIG,
        "builds an index under a lock that stops everybody",
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
    ),
    Hazard(
        rf"^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON (?:ONLY )?{_TABLE}", BIG,
        "stops writers until the index is built",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS, alone in a migration with `atomic = False`",
    ),
    Hazard(
        _ALTER + r"RENAME (?:COLUMN )?(?!CONSTRAINT)", 0,
        "breaks the servers of the version before, which still run",
        "add the new name beside the old one, and drop the old one in a later version",
    ),
    Hazard(
        _ALTER + r"DROP (?:COLUMN )?(?!CONSTRAINT|COLUMN)", 1,
        "breaks the servers of the version before, which still run, and loses what was in it",
        "let a version go by in which nothing reads it",
    ),
    Hazard(
        rf"^(?:DROP TABLE|TRUNCATE(?: TABLE)?) (?:IF EXISTS |ONLY )?{_TABLE}", 1,
        "loses its rows",
        "let a version go by in which nothing reads it, and make a backup",
    ),
    Hazard(
        rf"^(?:WITH .*[ (])?(?:UPDATE|DELETE FROM) (?:ONLY )?{_TABLE}", BIG,
        "locks every row it changes until the whole migration commits",
        "do it in batches, each in a transaction of its own",
    ),
    Hazard(
        rf"^(?:CLUSTER|VACUUM FULL|REINDEX TABLE|LOCK(?: TABLE)?)(?! CONCURRENTLY) (?:ONLY )?{_TABLE}", BIG,
        "stops everybody until it is done",
        "leave it out of migrations",
    ),
)  # fmt: skip


def check(database: Database) -> list[str]:
    """A line for each thing that is wrong; none when all is well. Raises `SchemaError` for a history not ours.

    Writes nothing: migrations are replayed in an empty scratch.
    """
    steps = migration.status(database)
    migration.verify(steps)
    pending = [step for step in steps if step.applied is None]
    with scratch(database) as trial:
        schema.create(trial)
        models = schema.read(trial)
    with scratch(database) as trial:
        trial.replay([step for step in steps if step.applied is not None])
        applied = schema.read(trial)
        before = len(trial.statements)
        trial.replay(pending)
        replayed = schema.read(trial)
        statements = trial.statements[before:]
    lines = [f"the database: {line}" for line in schema.differences(applied, schema.read(database))]
    lines += [f"the migrations: {line}" for line in schema.differences(models, replayed)]
    lines += [f"the migrations: {step.name} {migration.BLANK}" for step in pending if step.blank]
    return lines + [line for statement in statements for line in hazards(statement, sizes(database))]


def sizes(database: Database) -> dict[str, int]:
    """About how many rows each table has, on PostgreSQL; nothing on SQLite, where any change locks the one file."""
    if backend(database) == "sqlite":
        return {}
    # A table never analysed has -1 tuples: then its file tells, in which the narrowest of our rows takes 60 bytes.
    rows = database.execute_sql(
        "SELECT relname, CASE WHEN reltuples > 0 THEN reltuples ELSE pg_relation_size(oid) / 60 END::bigint "
        "FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    ).fetchall()
    return dict(rows)


def hazards(statement: Statement, rows: dict[str, int]) -> list[str]:
    """What a call's statements would do to tables that are there already, unless its line says `# safe: why`."""
    if "# safe:" in linecache.getline(str(statement.step.path), statement.line):
        return []
    where, parts, found = f"{statement.step.name}.py:{statement.line}", split(statement.sql), []
    alone = len(parts) == 1 and not getattr(statement.step.load(), "atomic", True)
    for sql in parts:
        if _UNREADABLE.match(sql):
            found.append(f"{where}: {sql}: what it does can't be read here: look yourself, then say `# safe: why`")
        if re.match(r"CREATE (UNIQUE )?INDEX CONCURRENTLY", sql, re.IGNORECASE) and not alone:
            found.append(
                f"{where}: {sql}: can't run in a transaction; run it alone, in a migration with `atomic = False`"
            )
        dangers = dict.fromkeys(told for one in one_by_one(sql) for told in _dangers(one, rows))
        found += [f"{where}: {sql}: {told}" for told in dangers]
    return found


def split(text: str) -> list[str]:
    """The statements of a text, each on one line and without its comments."""
    return _parted(text, ";")


def one_by_one(sql: str) -> list[str]:
    """A statement as one for each table that it names in a list, and for each thing that it does to one."""
    several = _SEVERAL.match(sql)
    return [f"{several[1]} {one}" for one in _parted(several[2], ",")] if several else [sql]


def _parted(text: str, mark: str) -> list[str]:
    """What is between the marks of a text; one within quotes or parentheses is none."""
    parts, depth = [""], 0
    for piece in (match[0] for match in _PIECES.finditer(text)):
        depth += (piece == "(") - (piece == ")")
        if piece == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += " " if piece.startswith(("--", "/*")) else piece
    return [" ".join(part.split()) for part in parts if part.strip()]


def _dangers(sql: str, rows: dict[str, int]) -> Iterator[str]:
    for hazard in HAZARDS:
        match = re.search(hazard.pattern, sql, re.IGNORECASE)
        table = match["table"].lower() if match else ""
        if rows.get(table, -1) >= hazard.rows:
            yield f"{hazard.effect} ({table}, about {rows[table]:,} rows); {hazard.advice}"
