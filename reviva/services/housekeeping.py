"""What a server does by itself: seals the audit, keeps the figures of past days, follows origins, forgets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from peewee import Database

from reviva import clock
from reviva.background import Background
from reviva.repositories.idempotency import IdempotencyRepository
from reviva.repositories.one_time import OneTimeRepository
from reviva.repositories.session import SessionRepository
from reviva.repositories.slot import SlotRepository
from reviva.repositories.throttle import ThrottleRepository
from reviva.repositories.webhook import DeliveryRepository
from reviva.services.audit_seal import AuditSeal
from reviva.services.booking_draft import BookingDrafts
from reviva.services.figure import FigureService
from reviva.services.idempotency import KEPT_FOR
from reviva.services.live import LiveService
from reviva.services.origin import OriginService
from reviva.services.privacy import PrivacyService

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two rounds."""
SOON = 0.1
"""Between two while days wait to be counted: after a long past was added there are hundreds."""
ROUNDS = 5
"""Between two looks at the origins that the shops allow: another worker may have changed them."""
MINUTE = 60
"""Rounds between two looks for sockets whose process died."""
HOUR = 3600

KEPT = timedelta(days=30)
"""How long sessions that ended, and webhooks that were sent, can still be looked at."""
BENCH_TIME_KEPT = timedelta(days=60)
"""A shop's largest table would be one of hours that nobody can book: the bookings themselves say when they were."""


class Housekeeping:
    def __init__(
        self,
        database: Database,
        seal: AuditSeal,
        privacy: PrivacyService,
        origins: OriginService,
        drafts: BookingDrafts,
        figures: FigureService,
        live: LiveService,
    ) -> None:
        self.database, self.audit_seal, self.privacy, self.origins = database, seal, privacy, origins
        self.drafts, self.figures, self.live = drafts, figures, live
        self._background = Background("housekeeping", self._tend, EVERY, at_once=True)
        self._rounds = 0
        self._hourly_at = 0.0
        self._behind = False

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self._background.start()

    def stop(self) -> None:
        """Seals what is left, and ends."""
        if self._background.stop():
            self._round(self.audit_seal.seal)

    def _tend(self) -> float:
        if self._rounds % ROUNDS == 0:
            self._round(self.origins.refresh)
        if self._rounds % MINUTE == 0:
            self._round(self.live.bury)
            self._round(self.figures.keep_begun)
        self._rounds += 1
        hourly = clock.monotonic() >= self._hourly_at
        if hourly:
            self._hourly_at = clock.monotonic() + HOUR
        self._round(partial(self.audit_seal.seal, sweep=hourly))
        if hourly:
            self.figures.check_again()
            self._round(self.forget)
            self._round(self.drafts.tidy)
            self._round(self.privacy.forget_the_silent)
        self._round(self.settle)
        return SOON if self._behind else EVERY

    def _round(self, work: Callable[[], Any]) -> None:
        """One piece of work with a connection of its own: one that broke must not break the next."""
        try:
            with self.database.connection_context():
                work()
        except Exception as problem:  # noqa: BLE001  # the next round tries again, whatever it was
            log.warning("housekeeping is put off: %s", problem)

    def settle(self) -> None:
        """Keeps the figures of some days; where there were any, more may be waiting."""
        self._behind = False
        self._behind = bool(self.figures.settle())

    def forget(self) -> None:
        """Removes sessions, links, counts, events, webhook deliveries, kept answers and benches' time that are over."""
        now = clock.now()
        with self.database.atomic():
            SessionRepository(self.database).forget(now - KEPT)
            OneTimeRepository(self.database).forget(now - KEPT)
            ThrottleRepository(self.database).forget(now - timedelta(days=1))
            DeliveryRepository(self.database).forget(now - KEPT)
            IdempotencyRepository(self.database).forget(now - KEPT_FOR)
            self.live.forget()
            SlotRepository(self.database).forget(now - BENCH_TIME_KEPT)
