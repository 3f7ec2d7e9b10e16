"""PostgreSQL whose writes that nobody waits for go with the COMMIT: a trip of their own costs more than they do."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from peewee import __exception_wrapper__

from reviva.database.monitor import current
from reviva.database.monitored import Monitored


class Late(Monitored):
    """Goes before peewee's class."""

    def begin(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is left over from a transaction that was rolled back."""
        self._state.late = []
        super().begin(*args, **kwargs)

    def write_late(self, sql: str, params: Any) -> None:
        """Runs a statement at the end of the transaction; inside a savepoint at once, for that may be undone alone."""
        if self.transaction_depth() == 1:
            self._state.late.append((sql, params))
        else:
            self.execute_sql(sql, params)

    def commit(self) -> None:
        """Commit, with what was left for it: its time is counted as the COMMIT's."""
        late, self._state.late = self._state.late, []
        if not late:
            return super().commit()
        began = perf_counter()
        with __exception_wrapper__:
            cursor = self.cursor()
            cursor.execute(b";".join([*(cursor.mogrify(sql, params) for sql, params in late), b"COMMIT"]))
        self.monitor.note(current(), "COMMIT", None, perf_counter() - began, 0)
        return None
