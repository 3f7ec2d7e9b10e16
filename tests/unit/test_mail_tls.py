"""Passwords and mails on their way to the mail server: encrypted, and to nobody who only poses as it."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing, suppress
from typing import Any

import pytest

from reviva.clock import monotonic
from reviva.notifications import mail
from reviva.notifications.mail import Mail
from reviva.notifications.message import Message, TransportError
from tests.mailbox import Mailbox, mailbox
from tests.receiver import authority
from tests.waiting import in_real_time

HOST = "mail.example"
LOGIN = "me%40x.com:p%C3%A4ss@"


@pytest.fixture(autouse=True)
def _dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOST is this machine."""
    look_up = socket.getaddrinfo

    def answer(host: Any, *more: Any, **how: Any) -> Any:
        return look_up("127.0.0.1" if host == HOST else host, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def certified(name: str = HOST) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(tls)
    return tls


MESSAGE = Message("k", "a@x.com", "text", "subject", "<p>html</p>")


def send(box: Mailbox, scheme: str = "smtp", login: str = "", host: str = HOST, trusting: bool = True) -> None:
    mail = Mail(f"{scheme}://{login}{host}:{box.port}?from=s@x.com", seconds=5)
    if trusting:
        authority().configure_trust(mail.tls)
    mail.send(MESSAGE)()


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_encrypted_to_the_server_that_it_is_for(scheme: str) -> None:
    with mailbox(certified()) if scheme == "smtp" else mailbox(tls=certified()) as box:
        send(box, scheme, LOGIN)
        assert box.logins == [("me@x.com", "päss")]
        assert box.encrypted == [True]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize(("name", "trusting"), [("other.example", True), (HOST, False)])
def test_it_goes_to_nobody_who_only_poses_as_that_server(scheme: str, name: str, trusting: bool) -> None:
    with mailbox(certified(name)) if scheme == "smtp" else mailbox(tls=certified(name)) as box:
        with pytest.raises(TransportError, match="CERTIFICATE") as refused:
            send(box, scheme, LOGIN, trusting=trusting)
        assert not refused.value.permanent
        assert box.logins == []
        assert box.mails == []


def test_it_goes_in_clear_to_this_machine_only() -> None:
    with mailbox() as box:
        with pytest.raises(TransportError, match="no TLS") as refused:
            send(box, login=LOGIN)
        assert not refused.value.permanent
        assert box.logins == []
        assert box.mails == []
        send(box, login="me%40x.com@", host="localhost")
        assert box.logins == [], "a name alone is for the sender's address"
        send(box, login=LOGIN, host="localhost")
        assert box.logins == [("me@x.com", "päss")]


def test_without_a_password_a_mail_is_encrypted_where_that_is_offered_whoever_certified_it() -> None:
    with mailbox(certified("other.example")) as box:
        send(box, trusting=False)
        assert (box.logins, box.encrypted) == ([], [True])
    with mailbox() as box:
        send(box)
        assert (box.logins, box.encrypted) == ([], [False])


def test_a_server_that_speaks_tls_from_the_start_has_to_be_certified_also_without_a_password() -> None:
    with mailbox(tls=certified("other.example")) as box:
        with pytest.raises(TransportError, match="CERTIFICATE"):
            send(box, "smtps")
        assert box.mails == []


@pytest.mark.parametrize("reply", ["250 OK", "550 no"])
def test_nothing_of_a_connection_is_left_however_it_went(monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    opened: list[tuple[Any, Any]] = []

    class Kept(mail._Server):
        def __init__(self, mail: Mail, deadline: Any) -> None:
            opened.append((self, deadline))
            super().__init__(mail, deadline)

    monkeypatch.setattr(mail, "_Server", Kept)
    with mailbox() as box:
        box.at_recipient = reply
        with suppress(TransportError):
            send(box)
    ((server, deadline),) = opened
    deadline._timer.join(5)
    assert (server.sock, deadline._line.fileno(), deadline._timer.is_alive()) == (None, -1, False)


@pytest.mark.parametrize("place", ["at_recipient", "at_end"])
@pytest.mark.parametrize(("reply", "permanent"), [("450 busy", False), ("499 odd", False), ("500 what?", True)])
def test_a_refusal_is_for_good_where_the_server_says_so(place: str, reply: str, permanent: bool) -> None:
    with mailbox() as box:
        setattr(box, place, reply)
        with pytest.raises(TransportError, match=f"refused: {reply[:3]}") as refused:
            send(box)
    assert refused.value.permanent is permanent


def test_a_server_that_is_not_at_home_is_asked_again_later() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def refuse() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(b"554 closed\r\n")
                line.recv(100)

        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(TransportError, match="554 closed") as refused:
            Mail(f"smtp://127.0.0.1:{server.getsockname()[1]}?from=s@x.com", seconds=5).send(MESSAGE)
    assert not refused.value.permanent


def test_the_server_is_greeted_in_the_name_of_the_senders_domain() -> None:
    with mailbox() as box:
        send(box)
        assert box.greeted_as == "x.com"


def test_who_has_the_mail_is_left_with_a_word_and_may_take_a_moment_only_to_answer_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with mailbox() as box:
        for answer in ("221 Bye", "500 what?", "hang"):
            box.at_goodbye = answer
            farewell = Mail(f"smtp://{HOST}:{box.port}?from=s@x.com", seconds=60).send(MESSAGE)
            said, begun = box.goodbyes, monotonic()
            monkeypatch.setattr(mail, "GOODBYE", 0.1 if answer == "hang" else 60)
            farewell()
            assert (said, box.goodbyes) == (len(box.mails) - 1, len(box.mails))
            with in_real_time():
                assert monotonic() - begun < 20
