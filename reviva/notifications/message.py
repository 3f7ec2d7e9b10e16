"""What a transport is given, and how it says that it failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reviva.errors import RevivaError


class TransportError(RevivaError):
    """The message could not be handed over."""

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        """Whether the same message would be refused again."""
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message. `key` is the same on each attempt; `subject` and `html` are for mail only."""

    key: str
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    sender: str = ""
    """The name it comes from; the address is the transport's."""
    reply_to: str = ""
    unsubscribe: str = ""
    """A link that ends this kind of mail."""


Farewell = Callable[[], None]
"""Takes leave of whoever took a message. It may take a moment, and can't fail."""


class Transport(Protocol):
    """A way out. It may be used by several threads at once."""

    def send(self, message: Message) -> Farewell | None:
        """Hands the message over within its deadline, or raises `TransportError`.

        The farewell is for when it is noted that the message went out: a crash before that sends it again.
        """
