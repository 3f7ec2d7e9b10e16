"""Column types that hold, order and read back the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import orjson
from peewee import BigIntegerField, Check, Field, Model, TextField


class UTCField(Field):
    """An instant: TIMESTAMPTZ on PostgreSQL; on SQLite, text of one width in UTC, whose order is the order in time.

    Takes aware datetimes only: a naive one raises ValueError, because nobody can know which instant it means.
    """

    field_type = "UTC"

    def db_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise ValueError(f"{self.name}: an aware datetime is needed, not {type(value).__name__}")
        return write_instant(value)

    def python_value(self, value: Any) -> datetime | None:
        return None if value is None else read_instant(value)


def read_instant(value: str | datetime) -> datetime:
    """What either driver returns for a `UTCField`, as an aware datetime in UTC."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value.astimezone(UTC)


def write_instant(value: datetime) -> str:
    """The text for an instant that both databases understand, in UTC. Raises ValueError for a naive one."""
    if value.tzinfo is UTC:
        return value.isoformat(" ", "microseconds")
    if value.tzinfo is None:
        raise ValueError("a naive datetime is no instant")
    return value.astimezone(UTC).isoformat(" ", "microseconds")


class DayField(Field):
    """A calendar date in some shop's zone: DATE on PostgreSQL, ISO text on SQLite."""

    field_type = "DATE"

    def db_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    def python_value(self, value: Any) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value


class JSONField(TextField):
    """A JSON document as canonical text (keys sorted, no spaces) on both databases.

    Text and not JSONB: JSONB reorders keys and respells numbers, and the audit hashes what was stored.
    """

    def db_value(self, value: Any) -> str | None:
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z).decode()

    def python_value(self, value: Any) -> Any:
        return None if value is None else orjson.loads(value)


class CheckedField(Field):
    """A field that brings its own CHECK, which needs the column's name."""

    def rule(self) -> str:
        """The condition, with {} for the column."""
        raise NotImplementedError(type(self))

    def bind(self, model: type[Model], name: str, set_attribute: bool = True) -> None:
        super().bind(model, name, set_attribute)
        self.constraints = [Check(self.rule().format(self.column_name))]


class AmountField(CheckedField, BigIntegerField):
    """Money in minor units, not negative unless it says so."""

    def __init__(self, *, negative: bool = False, **kwargs: Any) -> None:
        self.negative = negative
        super().__init__(**kwargs)

    def rule(self) -> str:
        floor = -(10**15) if self.negative else 0
        return f"{{}} BETWEEN {floor} AND {10**15}"

    def db_value(self, value: Any) -> Any:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise ValueError(f"{self.name}: minor units are whole numbers, not {value!r}")
        return value


class WordField(CheckedField, TextField):
    """One of a fixed set of words, which the column's CHECK lists."""

    def __init__(self, words: Iterable[str], **kwargs: Any) -> None:
        self.words = tuple(str(word) for word in words)
        super().__init__(**kwargs)

    def rule(self) -> str:
        return "{} IN (" + ", ".join(f"'{word}'" for word in self.words) + ")"

    def db_value(self, value: Any) -> Any:
        return None if value is None else str(value)
