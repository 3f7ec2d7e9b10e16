"""Passwords: which are good enough, and how they are hashed without stopping the other requests."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from gevent import monkey
from gevent.threadpool import ThreadPool

from reviva.errors import Invalid, Unavailable
from reviva.services.password_guess import LEET, common_passwords, is_guessable

LEAST, MOST = 8, 128
"""Characters, as NIST SP 800-63B has it: a minimum, long ones welcome, no rule about kinds of characters."""

QUEUE = 64
"""Hashes that may wait at once; past that a login is told to come back."""

DECORATION = 6
"""Digits and signs before and after a common word that don't make it a better one."""

NOBODY = f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"
"""The hash of no password anybody knows: checking it takes as long as a real one."""

Result = TypeVar("Result")

_TAIL = re.compile(r"^[\W\d_]+|[\W\d_]+$")


class Passwords:
    """argon2id with OWASP's parameters (19 MiB, two passes, one lane): some 20 ms of one core."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
        self._threads: ThreadPool | None = None
        self._waiting = 0

    def hash(self, password: str) -> str:
        """What is stored. Raises `Unavailable` when too many wait."""
        return self._run(lambda: self._hasher.hash(normal(password)))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. Where there is no hash, takes as long and says no."""
        return self._run(lambda: self._check(stored or NOBODY, normal(password))) and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the parameters have changed since this was hashed."""
        return self._hasher.check_needs_rehash(stored)

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _run(self, work: Callable[[], Result]) -> Result:
        """Runs a hash: in threads of its own under gevent, one fewer than cores so that requests keep one."""
        if not monkey.is_module_patched("threading"):
            return work()
        if self._threads is None:
            self._threads = ThreadPool(max(1, min(4, (os.cpu_count() or 2) - 1)))
        if self._waiting >= QUEUE:
            raise Unavailable("Too many people are logging in: try again in a moment.")
        self._waiting += 1
        try:
            answer: Any = self._threads.spawn(work).get()
            return answer  # type: ignore[no-any-return]  # gevent has no types
        finally:
            self._waiting -= 1


def normal(password: str) -> str:
    """NFKC, so that the same password typed on another keyboard is the same."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, about: Iterable[str], field: str = "password") -> None:
    """Raises `Invalid` for a password that is too short, too long, or that anybody would try.

    `about` is what is known of the person (address, name): a password made of it is easily guessed.
    """
    typed = normal(password)
    if not LEAST <= len(typed) <= MOST:
        raise Invalid.field(field, f"must have {LEAST} to {MOST} characters", "password-length")
    bare = typed.casefold()
    if is_decorated(bare) or is_guessable(bare):
        raise Invalid.field(field, "this is one of the passwords that are tried first", "password-common")
    rest = bare
    for word in sorted(context_words(about), key=len, reverse=True):
        rest = rest.replace(word, "")
    if rest != bare and (len(re.sub(r"[\W\d_]", "", rest)) < 4 or is_guessable(rest)):
        raise Invalid.field(field, "must not be made of your name, your address or ours", "password-personal")


def context_words(about: Iterable[str]) -> set[str]:
    """The words of at least four letters in what is known of a person; and our own name."""
    words = {word for text in about for word in re.findall(r"\w{4,}", normal(text).casefold())}
    return {*words, "reviva"}


def is_decorated(bare: str) -> bool:
    """Whether it is a common word, with a few digits and signs around it."""
    core = _TAIL.sub("", bare)
    return len(bare) - len(core) <= DECORATION and not {core, core.translate(LEET)}.isdisjoint(common_passwords())
