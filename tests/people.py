"""Services over a test's database, with a key of their own."""

from __future__ import annotations

from typing import Any

from peewee import Database

from reviva.config import Settings
from reviva.models.audit import ActorKind
from reviva.services import Services
from reviva.services.actor import Actor

KEY = "a key that only these tests know, long enough"
COMMAND = Actor(ActorKind.COMMAND, "test")


def services_over(database: Database, **settings: Any) -> Services:
    """Everything that the API calls, over one database."""
    return Services(Settings(secret_key=KEY, **settings), database)
