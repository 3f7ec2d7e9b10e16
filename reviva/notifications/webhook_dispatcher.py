"""Fan out, claim, send, settle: what the notifications' dispatcher does for messages, done for webhooks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from reviva import clock
from reviva.database.statement import Row
from reviva.notifications.dispatcher import GRACE, POLL
from reviva.notifications.webhook import HookTransport, NotTaken
from reviva.retry import delays
from reviva.services import Services
from reviva.services.delivery import LEASE, MOST
from reviva.services.letter import Unwanted

log = logging.getLogger(__name__)

LANES: Final = 4
"""How many endpoints are told something at once."""


class WebhookDispatcher:
    """One thread looks for work; the others sleep until it found some. gevent makes them greenlets."""

    def __init__(self, services: Services, transport: HookTransport | None = None) -> None:
        self.deliveries, self.transport = services.webhook_deliveries, transport or HookTransport()
        self._stopped, self._due = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self._stopped.clear()
        for name, work in (("webhooks", self._look), *((f"webhook-{n}", self._help) for n in range(LANES))):
            thread = threading.Thread(target=self._run, args=[work], name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Lets what is being sent go out, and ends."""
        self._stopped.set()
        self._due.set()
        until = clock.monotonic() + GRACE
        while self._threads:
            self._threads.pop().join(max(0.0, until - clock.monotonic()))

    def _run(self, work: Callable[[], None]) -> None:
        pauses = delays(POLL, 30.0)
        while not self._stopped.is_set():
            try:
                work()
                pauses = delays(POLL, 30.0)
            except Exception as problem:  # noqa: BLE001  # the queue must flow on, whatever the database does
                log.warning("webhooks wait: %s", problem)
                self._stopped.wait(next(pauses))

    def _look(self) -> None:
        more = self.deliveries.fan_out()
        if self.deliveries.waits():
            self._due.set()
        if not more:
            self._stopped.wait(POLL)

    def _help(self) -> None:
        self._due.wait()
        if not self._stopped.is_set() and not self.step():
            self._due.clear()

    def step(self) -> bool:
        """Sends the next webhook, whatever comes of it; False when none is due."""
        row = self.deliveries.claim()
        if row is None:
            return False
        self._persist(self._deliver(row))
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

    def _persist(self, settle: Callable[[], None]) -> None:
        """Settles, for as long as the lease may last: to give up would send the webhook again."""
        until = clock.monotonic() + LEASE.total_seconds()
        for pause in delays(0.1, 5.0):
            try:
                return settle()
            except Exception as problem:
                if clock.monotonic() + pause > until or self._stopped.is_set():
                    raise
                log.warning("what came of a webhook can't be noted yet: %s", problem)
            self._stopped.wait(pause)
