"""Backups by themselves: when one is due, what it is called, and which old ones go."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reviva import clock
from reviva.background import Background
from reviva.config import Settings
from reviva.database import file_lock
from reviva.database.archive import Manifest
from reviva.database.backup import backup
from reviva.database.transfer import Progress
from reviva.errors import TransferError

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0
"""Seconds between two looks at whether a backup is due; ten times as long after one that failed."""
WAY_OUT = "let this user write there, or name another folder in REVIVA_BACKUP_TO"
_NAME = re.compile(r"reviva-(\d{8}T\d{6}Z)\.zip")
_TIME = "%Y%m%dT%H%M%SZ"


def made(folder: Path) -> list[tuple[datetime, Path]]:
    """The backups in a folder that the schedule made, the oldest first. Other files are none of its business."""
    found = [(match[1], path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted((datetime.strptime(stamp, _TIME).replace(tzinfo=UTC), path) for stamp, path in found)


def is_due(settings: Settings) -> bool:
    """True when the newest backup is older than the settings allow."""
    if settings.backup_to is None:
        return False
    folder = Path(settings.backup_to)
    before = made(folder) if folder.is_dir() else []
    return not before or clock.now() - before[-1][0] >= timedelta(hours=settings.backup_every_hours)


def make(settings: Settings, begin: Progress, progress: Progress) -> tuple[Path, Manifest]:
    """Makes a backup in the folder of the settings now, then removes the oldest beyond the number to keep.

    Raises `TransferError`, also while another process is making one there.
    """
    assert settings.backup_to is not None
    folder = Path(settings.backup_to)
    with _alone(folder):
        path = folder / f"reviva-{clock.now():{_TIME}}.zip"
        manifest = backup(settings.database_url, path, begin, progress)
        for _, old in made(folder)[: -settings.backup_keep]:
            old.unlink()
    return path, manifest


@contextmanager
def _alone(folder: Path, what: str = "backup") -> Iterator[None]:
    """Raises `TransferError` while another process is at the same in the folder, which is made where there is none, and
    `OSError` where nothing can be written to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / f".reviva-{what}.lock").open("w")
    except OSError as problem:
        raise OSError(f"{folder} can't be written to ({problem.strerror}): {WAY_OUT}") from problem
    with file:
        if not file_lock.take(file):
            raise TransferError(f"Another {what} is at work in {folder}.")
        yield


class Keeper:
    """Makes the backups that are due, each in a process of its own: gevent's patches would forbid COPY."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._background = Background("backups", self._look, LOOK_EVERY, at_once=True)

    def start(self) -> None:
        """Begins to look, at once and then every minute; does nothing where no folder is set."""
        if self._settings.backup_to is not None:
            self._background.start()

    def stop(self) -> None:
        """Looks no more. A backup that is under way goes on by itself."""
        self._background.stop(0.0)

    def _look(self) -> float:
        folder = Path(str(self._settings.backup_to))
        try:
            with _alone(folder, "keeper"):  # of all workers
                good = not is_due(self._settings) or run(self._settings)
        except TransferError:
            return LOOK_EVERY  # another one is at it
        except OSError as problem:
            log.error("backup: %s", problem)
            good = False
        return LOOK_EVERY if good else 10 * LOOK_EVERY


def run(settings: Settings) -> bool:
    """Makes a backup in another process; returns whether it succeeded, and logs what it said."""
    # The URL may hold a password, which anybody could read among the arguments.
    names = ("database_url", "backup_to", "backup_every_hours", "backup_keep")
    environment = {**os.environ, **{f"REVIVA_{name.upper()}": str(getattr(settings, name)) for name in names}}
    command = [sys.executable, "-m", "reviva", "backup"]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    said = " ".join((done.stdout + done.stderr).split())
    log.log(logging.ERROR if done.returncode else logging.INFO, "backup: %s", said)
    return done.returncode == 0
