"""How a statement's text uses the columns of its tables. It reads what peewee writes, and skips what it can't read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

_REF = r'(?:"?(?P<{0}alias>\w+)"?\.)?"?(?P<{0}column>[a-z_]\w*)"?'
_TABLE = re.compile(
    r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(?P<table>\w+)"?(?:\s+AS\s+"?(?P<alias>\w+)"?)?', re.IGNORECASE
)  # fmt: skip
_CONDITION = re.compile(
    _REF.format("") + r"\s*(?P<op><=|>=|<>|=|<|>|\bIN\b|\bBETWEEN\b|\bIS NOT NULL\b|\bIS NULL\b)\s*"
    r"(?:(?P<literal>'[^']*')|(?P<mark>\?|%s|\$\d+|\(|ANY)|" + _REF.format("other_") + ")?"
)
_ONE = re.compile(r"(?:\?|%s|\$\d+)\)|SELECT (?!value FROM json_each)")
"""Behind a bracket: a single value, or those that some other table has, which are few."""
_FLAG = re.compile(
    r'(?:\bWHERE |\bAND |(?<!\w)\()"(?P<alias>\w+)"\."(?P<column>[a-z_]\w*)"(?=\)| (?:AND|GROUP|ORDER|LIMIT)\b|$)'
)
"""A column that is a condition by itself."""
_CLAUSE = re.compile(r"\b(?:ON|WHERE)\b")
_ORDER = re.compile(r"\bORDER BY\s+(?P<terms>.*?)(?=\s+(?:LIMIT|OFFSET|FOR|RETURNING)\b|\)|$)", re.IGNORECASE)
_GROUP = re.compile(r"\bGROUP BY\s+(?P<terms>.*?)(?=\s+(?:HAVING|ORDER|LIMIT)\b|\)|$)", re.IGNORECASE)
_TERM = re.compile(_REF.format("") + r"(?P<descending>\s+DESC)?(?:\s+ASC)?(?:\s+NULLS\s+\w+)?", re.IGNORECASE)
_BRACKET = re.compile(r"[()]| OR ")
_AREA = re.compile(r"\b(?:FROM|WHERE)\b", re.IGNORECASE)


@dataclass(slots=True)
class Use:
    """What one statement asks of one table."""

    table: str
    equal: list[str] = field(default_factory=list)
    """Columns compared with a value, or with one of a list."""
    listed: list[str] = field(default_factory=list)
    """Those of them that are compared with a list of any length."""
    joined: list[str] = field(default_factory=list)
    """Columns that equal one of another table, or may equal a value: an alternative to it is told as well."""
    ranges: list[str] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    """Columns and whether descending."""
    fixed: list[str] = field(default_factory=list)
    """Conditions without a parameter, as SQL: what a partial index may be about."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement as far as it could be read."""

    aliases: dict[str, str]
    uses: dict[str, Use]
    """By table."""
    limited: bool
    grouped: bool


@lru_cache(maxsize=1024)
def read(sql: str) -> Reading:
    """Tables, conditions and order of a statement. Advice reads each some times: when it looks, and for each plan."""
    aliases: dict[str, str] = {}
    for match in _TABLE.finditer(sql):
        aliases[match["alias"] or match["table"]] = match["table"]
    uses = {table: Use(table) for table in aliases.values()}
    only = next(iter(uses)) if len(uses) == 1 else ""

    def owner(alias: str | None) -> Use | None:
        return uses.get(aliases.get(alias, "") if alias else only)

    area = _AREA.search(sql) if not sql.startswith("UPDATE") else re.search(r"\bWHERE\b", sql)
    alternative = _alternatives(sql)
    for match in _CONDITION.finditer(sql, area.start() if area else len(sql)):
        if (use := owner(match["alias"])) is None:
            continue
        if alternative(match.start()):
            if match["op"] in ("=", "IN"):
                _add(use.joined, match["column"])
        else:
            _condition(use, match, owner(match["other_alias"]) if match["other_alias"] else None)
    for match in _FLAG.finditer(sql, area.start() if area else len(sql)):
        if (use := owner(match["alias"])) and not alternative(match.start()):
            _add(use.fixed, match["column"])
    for match in list(_ORDER.finditer(sql))[-1:] or list(_GROUP.finditer(sql))[-1:]:
        _order(match["terms"], owner)
    for use in uses.values():  # a column that is told as it stands needs no value besides
        told = {condition.split(" ")[0] for condition in use.fixed if " = " in condition}
        use.equal = [column for column in use.equal if column not in told]
    return Reading(aliases, uses, " LIMIT " in sql, " GROUP BY " in sql)


def _condition(use: Use, match: re.Match[str], other: Use | None) -> None:
    column, op = match["column"], match["op"]
    if op.startswith("IS ") or (op == "=" and match["literal"]):
        _add(use.fixed, f"{column} {op}" + (f" {match['literal']}" if match["literal"] else ""))
    elif other is not None and op == "=":
        clauses = _CLAUSE.findall(match.string, 0, match.start())
        _add(use.equal if clauses[-1:] == ["WHERE"] else use.joined, column)  # the outer row's is a value to a subquery
        _add(other.joined, match["other_column"])
    elif op in ("=", "IN") and match["mark"]:
        _add(use.equal, column)
        if match["mark"] in ("(", "ANY") and not _ONE.match(match.string, match.end()):
            _add(use.listed, column)
    elif op in ("<", ">", "<=", ">=", "BETWEEN"):
        _add(use.ranges, column)


def _alternatives(sql: str) -> Callable[[int], bool]:
    """Tells of a place in a statement whether what stands there must not hold, because of an OR beside it."""
    spans: list[tuple[int, int, bool]] = []
    opened: list[tuple[int, bool]] = []
    for match in _BRACKET.finditer(sql):
        if match[0] == "(":
            opened.append((match.start(), False))
        elif opened and match[0] == ")":
            start, either = opened.pop()
            if either or sql.startswith("(SELECT", start):
                spans.append((start, match.end(), either))
        elif opened:
            opened[-1] = (opened[-1][0], True)
    # Brackets end from the inside out. What a subquery asks must hold in it, wherever it stands.
    return lambda place: next((either for start, end, either in spans if start < place < end), False)


def _order(terms: str, owner: object) -> None:
    first: Use | None = None
    for term in terms.split(", "):
        match = _TERM.fullmatch(term.strip())
        use = owner(match["alias"]) if match else None  # type: ignore[operator]  # a function of `read`
        if match is None or use is None or (first is not None and use is not first):
            return
        first = use
        use.order.append((match["column"], bool(match["descending"])))


def _add(found: list[str], value: str) -> None:
    if value not in found:
        found.append(value)
