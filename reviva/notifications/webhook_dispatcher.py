"""Fan out, claim, send, settle: what the notifications' dispatcher does for messages, done for webhooks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from reviva.database.statement import Row
from reviva.notifications.lanes import Lanes
from reviva.notifications.webhook import HookTransport, NotTaken
from reviva.services import Services
from reviva.services.delivery import LEASE, MOST
from reviva.services.letter import Unwanted

log = logging.getLogger(__name__)

LANES: Final = 4
"""How many endpoints are told something at once."""


class WebhookDispatcher:
    """One lane looks for work; the others sleep until it found some."""

    def __init__(self, services: Services, transport: HookTransport | None = None) -> None:
        self.deliveries, self.transport = services.webhook_deliveries, transport or HookTransport()
        self.lanes, self._due = Lanes(), threading.Event()

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self.lanes.start([("webhooks", self._look), *((f"webhook-{n}", self._help) for n in range(LANES))])

    def stop(self) -> None:
        """Lets what is being sent go out, and ends."""
        self.lanes.stopped.set()
        self._due.set()
        self.lanes.stop()

    def _look(self) -> bool:
        more = self.deliveries.fan_out()
        if self.deliveries.waits():
            self._due.set()
        return more

    def _help(self) -> bool:
        self._due.wait()
        if not self.lanes.stopped.is_set() and not self.step():
            self._due.clear()
        return True

    def step(self) -> bool:
        """Sends the next webhook, whatever comes of it; False when none is due."""
        row = self.deliveries.claim()
        if row is None:
            return False
        self.lanes.persist(self._deliver(row), LEASE.total_seconds())
        return True

    def _deliver(self, row: Row) -> Callable[[], None]:
        """Sends a claimed webhook, and returns what says in the database how that went."""
        name = f"delivery {row['id']} to webhook {row['endpoint_id']}"
        try:
            if row["attempts"] > MOST:
                raise NotTaken("its sender ended while at it, time and again")
            status = self.transport.send(self.deliveries.parcel(row))
        except Unwanted as reason:
            log.info("%s is not sent: %s", name, reason)
            return partial(self.deliveries.dropped, row, reason.detail)
        except NotTaken as problem:
            log.warning("%s failed at attempt %d: %s", name, row["attempts"], problem)
            if problem.answered == HTTPStatus.GONE:
                return partial(self.deliveries.gone, row, problem.answered)
            return partial(self.deliveries.failed, row, problem.detail, problem.answered, problem.wait)
        except Exception as problem:  # one webhook that breaks us must not stop the others
            log.error("%s broke its sender", name, exc_info=problem)
            return partial(self.deliveries.failed, row, type(problem).__name__)
        log.info("%s was taken", name)
        return partial(self.deliveries.sent, row, status)
