"""The text message gateway: where its URL leads, what it is told, and that nobody else is told it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from reviva.notifications.message import Message, TransportError
from reviva.notifications.sms import Sms
from tests.mailbox import gateway
from tests.receiver import authority, receiver

MESSAGE = Message("key", "+442079460018", "Your phöne is ready.")


@pytest.mark.parametrize(
    ("url", "secure", "host", "port", "target"),
    [
        ("https://sms.example", True, "sms.example", 443, "/"),
        ("http://sms.example/?a=b", False, "sms.example", 80, "/?a=b"),
        ("https://sms.example:8443/v1/send?key=k&x=y", True, "sms.example", 8443, "/v1/send?key=k&x=y"),
    ],
)
def test_a_gateway_is_read_from_its_url(url: str, secure: bool, host: str, port: int, target: str) -> None:
    sms = Sms(url)
    assert (sms.secure, sms.host, sms.port, sms.target, sms.seconds) == (secure, host, port, target, 30)


@pytest.mark.parametrize(
    ("login", "basic"), [("", None), ("user:p%40ss@", "user:p@ss"), ("user@", "user:"), ("a%3Ab@", "a:b:")]
)
def test_a_user_of_its_url_logs_in(login: str, basic: str | None) -> None:
    with gateway() as found:
        Sms(found.url.replace("user:p%40ss@", login)).send(MESSAGE)
        said = found.headers.get("authorization")
    assert (said and base64.b64decode(said.removeprefix("Basic ")).decode()) == basic


def test_it_is_told_whom_what_and_under_which_key_over_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority().cert_pem.write_to_path(trusted := tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with receiver() as other:
        other.status = 202
        Sms(f"https://127.0.0.1:{other.port}/send?key=k", seconds=5).send(MESSAGE)
        ((path, headers, body),) = other.taken
    assert path == "/send?key=k"
    assert (headers["idempotency-key"], headers["content-type"]) == ("key", "application/json")
    assert body.decode() == '{"to":"+442079460018","text":"Your phöne is ready."}'


@pytest.mark.parametrize("trusting", [True, False])
def test_who_only_poses_as_the_gateway_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusting: bool
) -> None:
    if trusting:
        authority().cert_pem.write_to_path(trusted := tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with receiver() as other:
        host = "localhost" if trusting else "127.0.0.1"  # the certificate is for the latter
        with pytest.raises(TransportError, match="SSLCertVerificationError") as refused:
            Sms(f"https://{host}:{other.port}/", seconds=5).send(MESSAGE)
        assert not refused.value.permanent
        assert other.taken == []


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(300, True), (399, True), (499, True), (404, True), (500, False), (503, False), (429, False)],
)
def test_refusals_are_told_apart(status: int, permanent: bool) -> None:
    with gateway() as found:
        found.status = status
        with pytest.raises(TransportError, match=f"answered {status}") as refused:
            Sms(found.url, seconds=5).send(MESSAGE)
    assert refused.value.permanent is permanent
