"""The wall clock jumps an hour, forth or back: nobody is locked out for it, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from peewee import Database

from reviva import clock
from reviva.errors import NotAuthenticated, TooManyRequests
from reviva.models.audit import ActorKind
from reviva.models.notification import Channel
from reviva.models.user import Role
from reviva.notifications.dispatcher import Dispatcher
from reviva.notifications.message import Message
from reviva.services import Services
from reviva.services.actor import Actor
from tests.people import COMMAND, services_over

Freeze = Callable[[datetime], None]
EMAIL, GOOD = "ada@example.com", "tall blue giraffe 7"
SOMEBODY = Actor(ActorKind.PUBLIC, address="192.0.2.1")
JUMPS = pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["forth", "back"])


class Counting:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.fixture
def services(database: Database) -> Services:
    services = services_over(database)
    services.users.add(COMMAND, EMAIL, Role.ADMIN, "Ada", GOOD)
    return services


@JUMPS
def test_who_is_logged_in_stays_so(services: Services, freeze: Freeze, jump: timedelta) -> None:
    session, _ = services.login.login(EMAIL, GOOD, SOMEBODY)
    freeze(clock.now() + jump)
    assert services.sessions.resolve(session.token).role == Role.ADMIN


@JUMPS
def test_who_guessed_a_few_times_waits_no_longer_than_without_the_jump(
    services: Services, freeze: Freeze, jump: timedelta
) -> None:
    for _ in range(9):
        with pytest.raises(NotAuthenticated):
            services.login.login(EMAIL, "a wrong one", SOMEBODY)
    with pytest.raises(TooManyRequests):
        services.login.login(EMAIL, GOOD, SOMEBODY)
    freeze(clock.now() + jump)
    services.login.login(EMAIL, GOOD, SOMEBODY)


@JUMPS
def test_what_was_sent_is_not_sent_again(services: Services, freeze: Freeze, jump: timedelta) -> None:
    mail, now = Counting(), clock.now()
    dispatcher = Dispatcher(services, {Channel.EMAIL: mail})
    for n in range(3):
        services.login.notifications.queue(f"k{n}", "account_locked", EMAIL)
    while dispatcher.step(Channel.EMAIL):
        pass
    for moment in (now + jump, now, now + jump):
        freeze(moment)
        while dispatcher.step(Channel.EMAIL):
            pass
    assert len(mail.sent) == 3
