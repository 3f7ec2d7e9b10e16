"""What must happen in a serving process before anything else is imported."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEASURES = "PROMETHEUS_MULTIPROC_DIR"

_PREFIX = "reviva-metrics-"


def patch() -> None:
    """gevent patches the standard library, and the workers get a folder to count in.

    peewee and psycopg2 keep thread-locals and locks from their import on, and prometheus_client decides at its import
    whether it counts for one process or for several.
    """
    from gevent import monkey

    monkey.patch_all()
    sweep()
    os.environ[MEASURES] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def clean() -> None:
    """Removes the folder again, where this process made it: a worker that ends leaves it to the others."""
    folder = os.environ.pop(MEASURES, "")
    if Path(folder).name.startswith(f"{_PREFIX}{os.getpid()}-"):
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Removes what processes left behind that were killed. A number that is in use again only delays that."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and _is_gone(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, and alive
        return False
    return False
