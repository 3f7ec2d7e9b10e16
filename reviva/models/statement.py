"""What the database was asked, counted: kept over restarts, read by the index advice."""

from __future__ import annotations

from peewee import BigIntegerField, FloatField, TextField

from reviva.database.ddl import Index
from reviva.database.fields import JSONField, UTCField
from reviva.models.base import Base


class StatementCount(Base):
    """One shape of statement on one route."""

    shape = TextField()
    """SHA-256 of the statement's text."""
    route = TextField()
    statement = TextField()
    calls = BigIntegerField(default=0)
    errors = BigIntegerField(default=0)
    rows = BigIntegerField(default=0)
    seconds = FloatField(default=0.0)
    slowest = FloatField(default=0.0)
    """Seconds."""
    histogram = JSONField(default=list)
    """Calls by duration; the bounds are in `reviva.database.monitor`."""
    sample = JSONField(null=True)
    """Masked parameters of one slow call."""
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
