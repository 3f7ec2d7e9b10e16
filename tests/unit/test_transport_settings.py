"""Settings of the transports: what is wrong stops the start, and says nothing of the password."""

from __future__ import annotations

import pytest

from reviva import config
from reviva.errors import SettingError
from reviva.models.notification import Channel
from reviva.notifications.dispatcher import open_transports
from reviva.notifications.mail import Mail
from reviva.notifications.message import Message, TransportError


@pytest.mark.parametrize(
    "url",
    [
        "http://u:hush@h?from=a@b.c", "smtp://?from=a@b.c", "smtp://u:hush@h", "smtp://u:hush@h:x?from=a@b.c",
        "smtp://u:hush@h?from=shop", "h:25",
    ],
)  # fmt: skip
def test_a_wrong_mail_server_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="REVIVA_SMTP_URL") as refused:
        config.load(smtp_url=url)
    assert "hush" not in refused.value.detail


@pytest.mark.parametrize("url", ["ftp://h", "h", "https://"])
def test_a_wrong_gateway_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="REVIVA_SMS_URL"):
        config.load(sms_url=url)


def test_a_mail_server_is_read_from_its_url() -> None:
    mail = Mail("smtps://me%40x.com:p%2Fw@mail.example?from=Shop%20<shop+a@x.com>")
    assert (mail.host, mail.port, mail.secure) == ("mail.example", 465, True)
    assert (mail.user, mail.password, mail.name, mail.address) == ("me@x.com", "p/w", "Shop", "shop+a@x.com")
    bare = Mail("smtp://me%40x.com:pw@h")
    assert (bare.address, bare.port, bare.seconds) == ("me@x.com", 25, 30)


def test_only_what_is_set_has_a_transport() -> None:
    assert open_transports(config.load()) == {}
    assert set(open_transports(config.load(sms_url="https://sms.example/send"))) == {Channel.SMS}


def test_a_host_that_does_not_exist_is_a_failure_for_now() -> None:
    with pytest.raises(TransportError) as failed:
        Mail("smtp://nowhere.invalid?from=a@x.com").send(Message("k", "a@x.com", "t", "s", "h"))
    assert not failed.value.permanent
