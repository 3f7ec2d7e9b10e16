"""A lock that an open file carries: it ends when that is closed, and so with whoever is killed."""

from __future__ import annotations

import fcntl
from typing import IO, Any


def take(file: int | IO[Any]) -> bool:
    """Tries to have the file, or its descriptor, to oneself; whether that is so."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
