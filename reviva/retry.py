"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first: float, cap: float, factor: float = 2.0) -> Iterator[float]:
    """Seconds to wait between tries: exponential up to `cap`, each with "full jitter" between half and all of it.

    Jitter keeps many clients of one broken server from coming back in step; half of it is kept as a floor so that a try
    never follows at once.
    """
    ceiling = first
    while True:
        yield random.uniform(ceiling / 2, ceiling)
        ceiling = min(cap, ceiling * factor)
