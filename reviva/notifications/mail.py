"""Mail by SMTP: one connection for each message, over TLS where the server can."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
from contextlib import ExitStack, suppress
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from email_validator import EmailNotValidError, validate_email

from reviva import clock
from reviva.notifications.deadline import Deadline
from reviva.notifications.message import Farewell, Message, TransportError

SECONDS = 30.0
"""What one message may take in all."""
GOODBYE = 2.0
"""Seconds that a server has to say goodbye: it has the mail by then."""


class Whole(UnstructuredHeader, BaseHeader):
    """A header on one line: email's own would write a long link as an encoded word, which no mail program follows."""

    def fold(self, *, policy: Any) -> str:
        """The line; a link of ours is far from the 998 characters that one may have."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", Whole)
POLICY = SMTP.clone(header_factory=_HEADERS)
_HERE = ("localhost", "127.0.0.1", "::1")


class Mail:
    """`url` is REVIVA_SMTP_URL, which the settings have checked."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        self.seconds, self.secure = seconds, parts.scheme == "smtps"
        self.host, self.port = parts.hostname or "", parts.port or (465 if self.secure else 25)
        self.user, self.password = unquote(parts.username or ""), unquote(parts.password or "")
        # Not parse_qs, which would read the + of shop+mails@example.com as a space.
        self.name, address = parseaddr(unquote(parts.query.partition("from=")[2].partition("&")[0]) or self.user)
        self.address = plain(address)
        self.domain = self.address.rpartition("@")[2]
        if self.secure or self.user:
            self.tls = ssl.create_default_context()
        else:
            # Nothing to steal by posing as the server but the mail itself, which would otherwise go in clear. So nobody
            # has to vouch for it either, and whoever could is not read from the disk, which takes a while.
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def send(self, message: Message) -> Farewell:
        """Raises `TransportError`; permanent where the server refuses this recipient or this content."""
        mail = self.compose(message)
        deadline = Deadline(self.seconds)
        server = _Server(self, deadline)
        with ExitStack() as opened:
            opened.callback(deadline.close)
            opened.callback(server.close)
            try:
                server.open(self)
                self._hand_over(server, mail, plain(message.recipient))
            except (OSError, smtplib.SMTPException) as problem:
                raise TransportError(f"{self.host}:{self.port}: {_said(problem)}") from problem
            return partial(_part, server, deadline, opened.pop_all())

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage, recipient: str) -> None:
        try:
            server.send_message(mail, self.address, [recipient])
        except smtplib.SMTPRecipientsRefused as problem:
            code, text = problem.recipients[recipient]
            raise TransportError(f"the recipient was refused: {code} {_text(text)}", permanent=code >= 500) from problem
        except smtplib.SMTPDataError as problem:
            permanent = problem.smtp_code >= 500
            raise TransportError(f"the mail was refused: {_said(problem)}", permanent=permanent) from problem
        except smtplib.SMTPNotSupportedError as problem:
            raise TransportError("the server takes no such address", permanent=True) from problem

    def compose(self, message: Message) -> EmailMessage:
        """The mail. Raises a permanent `TransportError` where a header would hold a line break."""
        mail = EmailMessage(POLICY)
        try:
            # Not formataddr, whose name email would take apart again at a comma, and write what no server reads.
            mail["From"] = Address(message.sender or self.name, addr_spec=self.address)
            mail["To"] = plain(message.recipient)
            mail["Subject"] = message.subject
            if message.reply_to:
                mail["Reply-To"] = plain(message.reply_to)
            if len(mail["To"].addresses) != 1:
                raise ValueError("not one address")
        except (ValueError, IndexError, MessageError) as problem:
            raise TransportError(f"the mail can't be addressed: {problem}", permanent=True) from problem
        mail["Date"] = format_datetime(clock.now())
        mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@{self.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        if message.unsubscribe:
            mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        if message.unsubscribe.startswith("https:"):
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058, which wants https
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        return mail


class _Server(smtplib.SMTP):
    """smtplib's client over a socket that is cut at the deadline."""

    def __init__(self, mail: Mail, deadline: Deadline) -> None:
        # Without a name of our own, smtplib would ask the DNS for one, without a bound.
        super().__init__(local_hostname=mail.domain)
        self._mail, self._deadline = mail, deadline
        self._host = mail.host

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        line = self._deadline.connect(host, port)
        return self._mail.tls.wrap_socket(line, server_hostname=host) if self._mail.secure else line

    def open(self, mail: Mail) -> None:
        """Connects, goes over to TLS where that is offered, and logs in."""
        code, text = self.connect(mail.host, mail.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self.ehlo_or_helo_if_needed()
        secure = mail.secure
        if not secure and self.has_extn("starttls"):
            self.starttls(context=mail.tls)  # after which whatever comes next says EHLO anew
            secure = True
        if mail.user and not secure and mail.host not in _HERE:
            raise smtplib.SMTPException("the server offers no TLS, and the password does not go without")
        if mail.user and mail.password:
            self.login(_Utf8(mail.user), _Utf8(mail.password))

    def auth_plain(self, challenge: Any = None) -> str:
        """As RFC 4616 says, in UTF-8."""
        return _Utf8(super().auth_plain(challenge))


class _Utf8(str):
    """Text that is UTF-8 also where smtplib asks for ASCII, which a password need not be."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Its bytes, whatever encoding was asked for."""
        return super().encode("utf-8", errors)


def _part(server: smtplib.SMTP, deadline: Deadline, opened: ExitStack) -> None:
    """Says goodbye to a server, however it answers that, and closes what was `opened`."""
    deadline.shorten(GOODBYE)
    with suppress(OSError, smtplib.SMTPException), opened:
        server.quit()


def plain(address: str) -> str:
    """An address as any mail server takes it: the domain of ann@müller.example as xn--…, all else as it is."""
    if not address.isascii():
        with suppress(EmailNotValidError):
            return validate_email(address, check_deliverability=False).ascii_email or address
    return address


def _said(problem: BaseException) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"{problem.smtp_code} {_text(problem.smtp_error)}"
    return str(problem) or type(problem).__name__


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
