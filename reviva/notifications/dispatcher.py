"""Claim, send, settle: in each worker of `reviva serve`, and alone in `reviva work`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from reviva import clock
from reviva.config import Settings
from reviva.database.statement import Row
from reviva.errors import Unavailable
from reviva.models.notification import Channel
from reviva.notifications.mail import Mail
from reviva.notifications.message import Transport, TransportError
from reviva.notifications.rendering import render
from reviva.notifications.sms import Sms
from reviva.retry import delays
from reviva.services import Services
from reviva.services.delivery import LEASE, MOST
from reviva.services.letter import Unwanted

log = logging.getLogger(__name__)

LANES: Final = {Channel.EMAIL: 2, Channel.SMS: 1, Channel.LOG: 1}
"""How many messages of each channel are sent at once: a mail server that hangs must not hold up the text messages."""
POLL: Final = 1.0
"""Seconds between two looks at a queue with nothing due."""
GRACE: Final = 10.0
"""Seconds that messages being sent have when the process ends; after that, their leases lapse."""


def open_transports(settings: Settings) -> dict[Channel, Transport]:
    """A transport for each channel whose setting is there; the others' messages go to the log."""
    found: dict[Channel, Transport] = {}
    if settings.smtp_url is not None:
        found[Channel.EMAIL] = Mail(settings.smtp_url.get_secret_value())
    if settings.sms_url is not None:
        found[Channel.SMS] = Sms(settings.sms_url.get_secret_value())
    return found


class Dispatcher:
    """Threads, which gevent makes greenlets, each with a connection only while it claims, reads or settles."""

    def __init__(self, services: Services, transports: Mapping[Channel, Transport] | None = None) -> None:
        self.deliveries, self.letters = services.deliveries, services.letters
        self.transports = open_transports(services.settings) if transports is None else transports
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins in the background; after any fork."""
        self._stopped.clear()
        for channel, lanes in LANES.items():
            for n in range(lanes):
                thread = threading.Thread(target=self._run, args=[channel], name=f"{channel}-{n}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """Lets what is being sent go out, and ends."""
        self._stopped.set()
        until = clock.monotonic() + GRACE
        while self._threads:
            self._threads.pop().join(max(0.0, until - clock.monotonic()))

    def _run(self, channel: Channel) -> None:
        pauses = delays(POLL, 30.0)
        while not self._stopped.is_set():
            try:
                more = self.step(channel)
                pauses = delays(POLL, 30.0)
            except Exception as problem:  # noqa: BLE001  # the queue must flow on, whatever the database does
                log.warning("notifications wait: %s", problem)
                self._stopped.wait(next(pauses))
                continue
            if not more:
                self._stopped.wait(POLL)

    def step(self, channel: Channel) -> bool:
        """Sends the next message of a channel, whatever comes of it; False when none is due."""
        row = self.deliveries.claim(channel)
        if row is None:
            return False
        self._persist(self._deliver(row))
        return True

    def _deliver(self, row: Row) -> Callable[[], None]:
        """Sends a claimed message, and returns what says in the database how that went."""
        name = f"notification {row['id']} ({row['template']} by {row['channel']})"
        channel = Channel(row["channel"])
        transport = self.transports.get(channel)
        try:
            if row["attempts"] > MOST:
                raise TransportError("its sender ended while at it, time and again", permanent=True)
            facts = self.letters.facts(row)
            if transport is not None:
                transport.send(render(row, facts))
        except Unwanted as reason:
            log.info("%s is not sent: %s", name, reason)
            return partial(self.deliveries.dropped, row, reason.detail)
        except TransportError as problem:
            return self._failure(row, name, problem.detail, problem.permanent)
        except Unavailable as problem:
            return self._failure(row, name, problem.detail, False)
        except Exception as problem:  # one message that breaks us must not stop the others
            log.error("%s broke its sender", name, exc_info=problem)
            return self._failure(row, name, type(problem).__name__, False)
        used = channel if transport else Channel.LOG
        log.info("%s %s", name, "was sent" if transport else "has no transport and goes to the log")
        return partial(self.deliveries.sent, row, used)

    def _failure(self, row: Row, name: str, error: str, permanent: bool) -> Callable[[], None]:
        log.warning("%s failed at attempt %d: %s", name, row["attempts"], error)
        return partial(self.deliveries.failed, row, error, permanent)

    def _persist(self, settle: Callable[[], None]) -> None:
        """Settles, for as long as the lease may last: to give up would send the message again."""
        until = clock.monotonic() + LEASE.total_seconds()
        for pause in delays(0.1, 5.0):
            try:
                return settle()
            except Exception as problem:
                if clock.monotonic() + pause > until or self._stopped.is_set():
                    raise
                log.warning("what came of a notification can't be noted yet: %s", problem)
            self._stopped.wait(pause)
