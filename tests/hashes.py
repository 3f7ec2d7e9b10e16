"""Passwords are hashed once: each time takes as much as most tests, and it is always the same few passwords."""

from __future__ import annotations

from dataclasses import astuple
from functools import cache
from typing import Any

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import VerifyMismatchError


class Remembering(PasswordHasher):
    """argon2's hasher, with the parameters that it is given, which knows what it has hashed and compared before."""

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert salt is None
        return _hashed(astuple(self._parameters), password)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        if not _agree(hash, password):
            raise VerifyMismatchError
        return True


@cache
def _hashed(parameters: tuple[Any, ...], password: str | bytes) -> str:
    return PasswordHasher.from_parameters(Parameters(*parameters)).hash(password)


@cache
def _agree(hash: str | bytes, password: str | bytes) -> bool:
    """Raises what argon2 raises for what is no hash."""
    try:
        return PasswordHasher().verify(hash, password)
    except VerifyMismatchError:
        return False
