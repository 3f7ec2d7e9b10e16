"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Late(AssertionError):
    """What was promised took too long, be it ours or a busy machine's fault: pytest tries such a test again (see
    pyproject.toml), and it must hold then."""


@contextmanager
def in_real_time() -> Iterator[None]:
    """What is asserted inside depends on how fast the machine is, too. Nothing else belongs inside: no other fault is
    tried again."""
    try:
        yield
    except AssertionError as missed:
        raise Late(str(missed)) from missed


def until(
    condition: Callable[[], object], seconds: float = 30.0, pause: Callable[[], object] = lambda: time.sleep(0.005)
) -> float:
    """Return when `condition` holds, with the seconds it took; fail when it does not within `seconds`.

    `pause` lets the others go on: what runs in this very thread needs one of its own.
    """
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        pause()
    return time.monotonic() - began
