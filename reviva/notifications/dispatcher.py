"""Claim, send, settle: in each worker of `reviva serve`, and alone in `reviva work`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from reviva import clock
from reviva.config import Settings
from reviva.database.statement import Row
from reviva.errors import Unavailable
from reviva.models.notification import Channel
from reviva.notifications.lanes import Lane, Lanes
from reviva.notifications.mail import Mail
from reviva.notifications.message import Transport, TransportError
from reviva.notifications.rendering import render
from reviva.notifications.sms import Sms
from reviva.services import Services
from reviva.services.delivery import LEASE, MOST
from reviva.services.letter import Unwanted

log = logging.getLogger(__name__)

LANES: Final = {Channel.EMAIL: 2, Channel.SMS: 1}
"""How many messages of each channel are sent at once: a mail server that hangs must not hold up the text messages."""
FEW: Final = 5
"""Messages that a lane takes at a time, to send one after the other."""
MANY: Final = 200
"""Messages that are taken at a time where they only go to the log."""
LEASED: Final = LEASE.total_seconds()


def open_transports(settings: Settings) -> dict[Channel, Transport]:
    """A transport for each channel whose setting is there; the others' messages go to the log."""
    found: dict[Channel, Transport] = {}
    if settings.smtp_url is not None:
        found[Channel.EMAIL] = Mail(settings.smtp_url.get_secret_value())
    if settings.sms_url is not None:
        found[Channel.SMS] = Sms(settings.sms_url.get_secret_value())
    return found


class Dispatcher:
    """Takes what is due, with a connection only while it claims, reads or settles."""

    def __init__(self, services: Services, transports: Mapping[Channel, Transport] | None = None) -> None:
        self.deliveries, self.letters = services.deliveries, services.letters
        self.transports = open_transports(services.settings) if transports is None else transports
        self.lanes = Lanes()

    def start(self) -> None:
        """Begins in the background; after any fork."""
        mute = [channel for channel in Channel if channel not in self.transports]
        lanes: list[Lane] = [("log", lambda: more_after(self._log(mute), MANY))]
        for channel in self.transports:
            lanes += [(f"{channel}-{n}", partial(self._again, channel)) for n in range(LANES[channel])]
        self.lanes.start(lanes)

    def stop(self) -> None:
        """Lets what is being sent go out, and ends."""
        self.lanes.stop()

    def step(self, channel: Channel) -> int:
        """Sends what is due on a channel, as much as a lane takes at a time; returns how many messages it took."""
        return len(self._send(channel) if channel in self.transports else self._log([channel]))

    def _again(self, channel: Channel) -> bool:
        return more_after(self._send(channel), FEW)

    def _send(self, channel: Channel) -> Sequence[Row]:
        """Sends a few messages one after the other, and gives back those that a slow server leaves no time for."""
        begins_until = clock.monotonic() + LEASED / 3  # so that the last of them has as long again, and to be noted
        rows = self.deliveries.claim([channel], FEW)
        for n, row in enumerate(rows):
            if n and (clock.monotonic() > begins_until or self.lanes.stopped.is_set()):
                self.deliveries.unclaim(rows[n:])
                break
            with ExitStack() as farewells:
                self.lanes.persist(self._deliver(row, self.transports[channel], farewells), LEASED)
        return rows

    def _deliver(self, row: Row, transport: Transport, farewells: ExitStack) -> Callable[[], None]:
        """Sends a claimed message, and returns what says in the database how that went. What is said to the other side
        after that is added to `farewells`."""
        name = name_of(row)
        try:
            if row["attempts"] > MOST:
                raise TransportError("its sender ended while at it, time and again")
            if farewell := transport.send(render(row, self.letters.facts(row))):
                farewells.callback(farewell)
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
        log.info("%s was sent", name)
        return partial(self.deliveries.sent, [row], Channel(row["channel"]))

    def _failure(self, row: Row, name: str, error: str, permanent: bool) -> Callable[[], None]:
        log.warning("%s failed at attempt %d: %s", name, row["attempts"], error)
        return partial(self.deliveries.failed, row, error, permanent)

    def _log(self, channels: Sequence[Channel]) -> Sequence[Row]:
        """Sends what is due on channels without a transport to the log, all together: nothing can keep us waiting."""
        rows = self.deliveries.claim(channels, MANY)
        if rows:
            self.lanes.persist(partial(self._note, rows), LEASED)
        return rows

    def _note(self, rows: Sequence[Row]) -> None:
        unwanted = self.letters.unwanted(rows)
        self.deliveries.sent(rows, Channel.LOG, unwanted)
        for row in rows:
            reason = unwanted.get(row["id"])
            outcome = f"is not sent: {reason}" if reason else "has no transport and goes to the log"
            log.info("%s %s", name_of(row), outcome)


def more_after(rows: Sequence[Row], most: int) -> bool:
    """Whether others likely wait behind some messages: as many came as may, or one whose lease had lapsed, alone."""
    return len(rows) == most or any(row["attempts"] > 1 for row in rows)


def name_of(row: Row) -> str:
    """What the log calls a message: nothing of whom it is for, nor of what it says."""
    return f"notification {row['id']} ({row['template']} by {row['channel']})"
