"""What every table has in common."""

from __future__ import annotations

from peewee import BigAutoField, Model


class Base(Model):
    """Schema only. No database is bound: repositories execute on theirs, and no foreign key is looked up in passing."""

    id = BigAutoField()

    class Meta:
        legacy_table_names = False
