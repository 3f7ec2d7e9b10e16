"""What went out just before the process ends is noted, though the database is away at that moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from peewee import Database, OperationalError

from reviva.database.connection import open_database
from reviva.models.notification import Channel, NotificationStatus
from reviva.models.webhook import Told
from reviva.notifications.dispatcher import Dispatcher
from reviva.notifications.webhook import HookTransport
from reviva.notifications.webhook_dispatcher import WebhookDispatcher
from reviva.services import Services
from reviva.services.webhook_delivery import Parcel
from tests.people import COMMAND, services_over
from tests.waiting import until


class Outage:
    """A transport after whose first delivery the database is away until `over`."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database, self.run = database, database.execute_sql
        self.sent, self.over = threading.Event(), threading.Event()
        self.told, self.asked, self.sender = 0, 0, ""
        monkeypatch.setattr(database, "execute_sql", self.execute)

    def send(self, what: Any) -> Any:
        """It went out."""
        self.told, self.sender = self.told + 1, threading.current_thread().name
        self.sent.set()

    def execute(self, sql: str, params: Any = None) -> Any:
        if self.sent.is_set() and not self.over.is_set():
            self.asked += threading.current_thread().name == self.sender
            raise OperationalError("server closed the connection unexpectedly")
        return self.run(sql, params)


class Taken(HookTransport):
    """Every receiver takes what it is told."""

    def __init__(self, outage: Outage) -> None:
        self.outage = outage

    def send(self, parcel: Parcel) -> int:
        self.outage.send(parcel)
        return 204


@pytest.fixture
def services(database: Database) -> Services:
    return services_over(database)


@pytest.fixture
def outage(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(open_database(database_url), monkeypatch)


def stop(driver: Dispatcher | WebhookDispatcher, outage: Outage) -> None:
    """Starts it, and stops it once something went out; the database comes back when it was asked in vain since."""
    driver.start()
    assert outage.sent.wait(9)
    end = threading.Thread(target=driver.stop)
    end.start()
    until(driver.lanes.stopped.is_set)
    asked = outage.asked
    until(lambda: outage.asked > asked + 1, 9)
    outage.over.set()
    end.join(9)
    assert not end.is_alive()


def test_that_a_mail_went_out_is_noted_though_the_process_ends(services: Services, outage: Outage) -> None:
    id = services.login.notifications.queue("k", "account_locked", "a@example.com")
    stop(Dispatcher(services_over(outage.database), {Channel.EMAIL: outage}), outage)
    row = services.login.notifications.get(id)
    assert (row.status, row.attempts, outage.told) == (NotificationStatus.SENT, 1, 1)


def test_that_a_webhook_was_taken_is_noted_though_the_process_ends(services: Services, outage: Outage) -> None:
    services.webhooks.add(COMMAND, "https://hooks.example/")
    services.login.events.add(Told.STATUS, "booking:RV-AAAA2222", {"from": "pending", "to": "confirmed"})
    stop(WebhookDispatcher(services_over(outage.database), Taken(outage)), outage)
    [row] = services.webhook_deliveries.rows.some()
    assert (row.status, row.attempts, outage.told) == (NotificationStatus.SENT, 1, 1)
