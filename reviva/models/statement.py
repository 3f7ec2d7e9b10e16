"""What the database was asked, counted: kept over restarts, read by the index advice."""

from __future__ import annotations

from peewee import BigIntegerField, FloatField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import JSONField, UTCField
from reviva.models.base import Base


class StatementCount(Base):
    """One shape of statement on one route."""

    shape = TextField()
    """The beginning of the SHA-256 of `statement`."""
    route = TextField()
    """Method and path of an endpoint, a command, or `background`."""
    statement = TextField()
    """The text, lists of values shortened."""
    calls = BigIntegerField(default=0)
    errors = BigIntegerField(default=0)
    rows = BigIntegerField(default=0)
    repeated = BigIntegerField(default=0)
    """Requests that ran it so often that it was likely for each row of a list."""
    slow = BigIntegerField(default=0)
    seconds = FloatField(default=0.0)
    slowest = FloatField(default=0.0)
    """Seconds."""
    histogram = JSONField(default=list)
    """Calls by duration; the bounds are in `reviva.database.figures`."""
    sample = JSONField(null=True)
    """One slow call: when, how long, its masked parameters and its plan."""
    since = UTCField()
    updated_at = UTCField()

    class Meta:
        table_name = "statement_count"
        indexes = [
            Index(
                "statement_count_shape",
                "statement_count",
                "shape, route",
                serves="adding to a shape's count",
                unique=True,
            )
        ]
