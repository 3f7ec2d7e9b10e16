"""Which other sites' pages may call the API and embed ours: what the shops have listed, kept in memory."""

from __future__ import annotations

from peewee import Database

from reviva.repositories.shop import ShopRepository


class OriginService:
    """`allows` is asked for each request from another site, without a connection; so it never reads the database."""

    def __init__(self, database: Database) -> None:
        self.shops = ShopRepository(database)
        self.allowed: frozenset[str] = frozenset()

    def allows(self, origin: str) -> bool:
        """Whether some shop has listed this origin."""
        return origin in self.allowed

    def refresh(self) -> None:
        """Reads the lists again. Needs a connection."""
        self.allowed = frozenset(self.shops.origins())
