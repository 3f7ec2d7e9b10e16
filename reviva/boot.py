"""What must happen in a serving process before anything else is imported."""

from __future__ import annotations

import os
import shutil
import tempfile

MEASURES = "PROMETHEUS_MULTIPROC_DIR"


def patch() -> None:
    """gevent patches the standard library, and the workers get a folder to count in.

    peewee and psycopg2 keep thread-locals and locks from their import on, and prometheus_client decides at its import
    whether it counts for one process or for several.
    """
    from gevent import monkey

    monkey.patch_all()
    os.environ[MEASURES] = tempfile.mkdtemp(prefix="reviva-metrics-")


def clean() -> None:
    """Removes the folder again."""
    folder = os.environ.pop(MEASURES, None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
