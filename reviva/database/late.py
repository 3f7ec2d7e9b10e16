"""PostgreSQL whose writes that nobody waits for go with the COMMIT: a trip of their own costs more than they do."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from reviva.database.monitor import current
from reviva.database.monitored import Monitored


class Late(Monitored):
    """Goes before peewee's class.

    What waits for the COMMIT is `_state.late`. That is None after a savepoint: what comes then may be undone alone.
    """

    def begin(self, *args: Any, **kwargs: Any) -> None:
        """Nothing waits yet; what a transaction left that was rolled back is forgotten."""
        self._state.late = []
        super().begin(*args, **kwargs)

    def savepoint(self) -> Any:
        """Write what waits, and let nothing wait any more."""
        late, self._state.late = self._state.late or (), None
        for sql, params in late:
            self.execute_sql(sql, params)
        return super().savepoint()

    def write_late(self, sql: str, params: Sequence[Any]) -> None:
        """Run a statement whose outcome nobody waits for with the COMMIT; without a transaction at once."""
        late = self._state.late if self.in_transaction() else None
        if late is None:
            self.execute_sql(sql, params)
        else:
            late.append((sql, params))

    def commit(self) -> None:
        """Commit, with what waits for it: its time is counted as the COMMIT's."""
        late, self._state.late = self._state.late, []
        if not late:
            return super().commit()
        began = perf_counter()
        text = "; ".join([*(self.spelt(sql) for sql, _ in late), "COMMIT"])
        self._execute_cursor(text, [value for _, params in late for value in params])
        self.monitor.note(current(), "COMMIT", None, perf_counter() - began, 0)
        return None
