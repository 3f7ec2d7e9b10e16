"""Files that stand beside the one they are to become, readable by us alone, and that outlive nobody who makes them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reviva.database import file_lock

_SUFFIX = ".reviva-part"


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A name beside the final one; what has it at the end is removed, with all whose names begin with it.

    First goes what killed processes have left in that folder: a shop's data, which nobody would look for there.
    """
    folder = path.absolute().parent
    for left in folder.glob(f".*{_SUFFIX}"):
        with left.open("rb") as file:
            if file_lock.take(file):
                _remove(left)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=folder)
    try:
        file_lock.take(descriptor)  # for as long as it is open: it tells that somebody is at work on it
        yield Path(name)
    finally:
        _remove(Path(name))
        os.close(descriptor)


def _remove(path: Path) -> None:
    for part in path.parent.iterdir():
        if part.name.startswith(path.name):
            part.unlink(missing_ok=True)
