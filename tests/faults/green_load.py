"""A program as the server is one: patched by gevent, many greenlets over few connections. Prints what happened as JSON.

Run with: URL, seconds, greenlets, the pool's maximum, the statement timeout in seconds.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import json
import time
from contextlib import suppress
from typing import Any

import gevent
import peewee
import psycopg2

from reviva.database import green
from reviva.database.pool import PooledPostgres
from reviva.errors import Unavailable


class Load:
    """Greenlets that ask one short question after the other, and what came of it. Times are monotonic seconds."""

    def __init__(self, pool: PooledPostgres, seconds: float) -> None:
        self.pool = pool
        self.ends = time.monotonic() + seconds
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.wrong: list[str] = []
        self.longest = self.lag = 0.0
        self.most_open = 0

    def ask(self, number: int) -> None:
        """One request."""
        began = time.monotonic()
        try:
            with self.pool.connection_context():
                told = self.pool.execute_sql("SELECT %s, pg_sleep(0.001)", (number,)).fetchone()[0]
            if told != number:
                self.wrong.append(f"asked {number}, told {told}")
            self.answered.append(time.monotonic())
        except Unavailable:
            self.refused.append(time.monotonic())
        except (peewee.PeeweeException, psycopg2.Error) as problem:
            self.wrong.append(repr(problem))
        self.longest = max(self.longest, time.monotonic() - began)

    def work(self, number: int) -> None:
        """Requests until the end. A fifth of the greenlets are killed in the middle of every second one; a tenth take
        a connection now and then, and end without giving it back."""
        while time.monotonic() < self.ends:
            if number % 5 == 0:
                gevent.spawn(self.ask, number).join(timeout=0.5)
                victim = gevent.spawn(self.ask, number)
                gevent.sleep(0.0015)
                victim.kill()
            elif number % 10 == 1:
                gevent.spawn(self.forget).join()
                gevent.sleep(0.2)
            else:
                self.ask(number)

    def forget(self) -> None:
        """A request with a mistake in it."""
        with suppress(Unavailable):
            self.pool.connect()

    def watch(self) -> None:
        """How long the loop stood still, and how many connections there were at most."""
        while time.monotonic() < self.ends:
            began = time.monotonic()
            gevent.sleep(0.01)
            self.lag = max(self.lag, time.monotonic() - began - 0.01)
            self.most_open = max(self.most_open, self.pool.statistics().open)


def main(url: str, seconds: float, greenlets: int, maximum: int, statement_timeout: float) -> dict[str, Any]:
    """Run the load."""
    green.install(statement_timeout)
    pool = PooledPostgres(url, minimum=2, maximum=maximum, timeout=3, connect_timeout=2)
    pool.start()
    load = Load(pool, seconds)
    print("begun", flush=True)
    gevent.joinall([gevent.spawn(load.watch), *(gevent.spawn(load.work, number) for number in range(greenlets))])
    during = len(load.refused)
    gevent.joinall([gevent.spawn(load.ask, number) for number in range(100)])
    statistics = pool.statistics()
    return {
        "answered": load.answered, "refused": load.refused, "refused_at_the_end": len(load.refused) - during,
        "wrong": load.wrong, "longest": load.longest, "lag": load.lag, "most_open": load.most_open,
        "abandoned": statistics.abandoned_total,
        "open": statistics.open, "in_use": statistics.in_use, "waiting": statistics.waiting, "left": pool.stop(2),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))))
