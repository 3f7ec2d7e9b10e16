"""The server with the timing of statements left out: what `python -m tests.bench timing` measures the real one against.

`python -m tests.bench.untimed serve …` takes what `python -m reviva serve …` takes.
"""

from __future__ import annotations

import sys

from reviva import boot

if __name__ == "__main__":
    boot.patch()

from typing import Any

from reviva.cli import run
from reviva.database import monitor
from reviva.database.monitored import Monitored, MonitoredSQLite
from reviva.services.statement import StatementService


def leave_out() -> None:
    """Statements go to peewee as if nobody counted them, and nothing is kept of them."""
    for owner, name in ((Monitored, "execute_sql"), (Monitored, "commit"), (MonitoredSQLite, "cursor")):
        delattr(owner, name)
    monitor.Monitor.note = lambda *told, **more: None  # type: ignore[method-assign]
    nobody = monitor.Activity("")

    def begin(route: str, **how: Any) -> monitor.Activity:
        return nobody

    monitor.begin = begin
    StatementService.start = lambda self: None  # type: ignore[method-assign]


if __name__ == "__main__":
    leave_out()
    sys.exit(run())
