"""What proves to a receiver that a webhook is from here, and that it is the same one again."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Final

from reviva.database.fields import write_instant
from reviva.database.statement import Row
from reviva.signing import Signer

OVERLAP: Final = timedelta(hours=24)
"""How long the secret before a new one signs too: receivers change over when it suits them."""


def secret(signer: Signer, endpoint: Row, id: int, back: int = 0) -> str:
    """An endpoint's signing secret, or that of `back` renewals ago.

    The time of creation is in it because SQLite gives the id of a removed endpoint away again.
    """
    key = signer.mac("webhook", id, write_instant(endpoint["created_at"]), endpoint["secret_serial"] - back)
    return "whsec_" + base64.b64encode(key).decode()


def secrets(signer: Signer, endpoint: Row, id: int, now: datetime) -> tuple[str, ...]:
    """Those that sign at a time, the present one first."""
    renewed = endpoint["renewed_at"]
    both = renewed is not None and now < renewed + OVERLAP
    return tuple(secret(signer, endpoint, id, back) for back in range(2 if both else 1))


def message_id(signer: Signer, event: int, at: datetime) -> str:
    """`webhook-id`: of the event, so the same at each attempt; not its number, which a restored backup gives again."""
    return "evt_" + signer.token("webhook-id", event, write_instant(at))[:24]
