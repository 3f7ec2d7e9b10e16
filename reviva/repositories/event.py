"""Things that happened, for those who listen."""

from __future__ import annotations

from typing import Any

from reviva import clock
from reviva.database import statement
from reviva.models.event import Event
from reviva.repositories.base import Repository


class EventRepository(Repository[Event]):
    model = Event

    def add(self, type: str, topic: str, data: Any = None) -> int:
        """Adds an event in the caller's transaction; returns its id."""
        return statement.insert_one(self.database, Event, type=type, topic=topic, at=clock.now(), data=data or {})
