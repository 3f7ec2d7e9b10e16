"""A progress bar."""

from __future__ import annotations

from typing import Any

import click


class Bar:
    """A progress bar whose length is known only once the work has begun."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, _: str, rows: int) -> None:
        self._bar = click.progressbar(length=rows, label=f"{rows:,} rows", show_pos=True, update_min_steps=5000)
        self._bar.__enter__()

    def advance(self, table: str, rows: int) -> None:
        self._bar.label = table
        self._bar.update(rows)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
