"""The pool under gevent, as the server has it: 50 greenlets over 5 connections while the database fails every way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reviva.database import green
from tests.postgres import Server, execute
from tests.proxy import Proxy
from tests.waiting import in_real_time

SESSIONS = "FROM pg_stat_activity WHERE application_name = 'reviva'"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


class Program:
    """The load, running beside the test."""

    def __init__(self, url: str, seconds: float, statement_timeout: float = 2) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.faults.green_load",
            url,
            str(seconds),
            "50",
            "5",
            str(statement_timeout),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._process.stdout.readline()
        self.began = time.monotonic()
        time.sleep(0.5)

    def result(self) -> dict[str, Any]:
        """What it printed, after the checks that hold whatever happened."""
        printed, complaints = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, complaints
        result: dict[str, Any] = json.loads(printed)
        assert "Traceback" not in complaints, complaints
        assert result["wrong"] == []
        assert result["most_open"] <= 5
        assert result["refused_at_the_end"] == 0
        assert (result["in_use"], result["waiting"], result["left"]) == (0, 0, 0)
        return result


def healing(result: dict[str, Any], back: float) -> float:
    """Seconds from the server's return to the last refusal, or to the first answer after it."""
    first = min(moment for moment in result["answered"] if moment > back)
    return max(first, *result["refused"], back) - back


def test_without_faults_nobody_is_refused_and_the_loop_goes_on(server: Server) -> None:
    result = Program(server.url(), 2).result()
    assert result["refused"] == []
    with in_real_time():
        assert len(result["answered"]) > 500
        assert result["lag"] < 0.3
    assert result["abandoned"] > 0


def test_terminating_every_session_each_200_ms_leaks_nothing(server: Server) -> None:
    program, began = Program(server.url(), 3), time.monotonic()
    for _ in range(10):
        execute(server.url(), f"SELECT pg_terminate_backend(pid) {SESSIONS}")
        time.sleep(0.2)
    ended = time.monotonic()
    result = program.result()
    with in_real_time():
        assert len(result["answered"]) > 500
        assert sum(began < moment < ended for moment in result["answered"]) > 50, "one for each greenlet, in between"
    assert execute(server.url(), f"SELECT count(*) {SESSIONS} AND state <> 'idle'") == [(0,)]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_under_load_heals_within_2_s(server: Server, mode: str) -> None:
    program = Program(server.url(), 6)
    server.stop(mode)
    time.sleep(1)
    server.start()
    back = time.monotonic()
    result = program.result()
    with in_real_time():
        assert healing(result, back) < 2
        assert result["longest"] < 4


def test_a_black_hole_under_load_bounds_every_wait_and_heals_within_2_s(server: Server) -> None:
    proxy = Proxy(server.url())
    program = Program(proxy.url, 12)
    proxy.stall()
    time.sleep(8)  # longer than any wait may be
    back = time.monotonic()
    proxy.resume()
    result = program.result()
    assert result["refused"]
    with in_real_time():
        assert result["longest"] < 2 + 3 + 1.5  # a statement's time, the pool's, and what rolling back may take
        assert healing(result, back) < 2
        assert result["lag"] < 0.5
    proxy.close()


def test_a_silent_host_is_passed_over_and_names_are_found(server: Server) -> None:
    """libpq, waiting through a callback, would stay with the first host for ever."""
    proxy = Proxy(server.url())
    proxy.stall()
    program = Program(f"{proxy.url.rpartition('/')[0]},localhost:{server.port}/postgres", 6)
    result = program.result()
    with in_real_time():
        assert min(result["answered"]) - program.began < 5
        assert max(result["refused"], default=0) - program.began < 5
    proxy.close()


def test_gevent_must_have_patched_before_peewee_is_imported() -> None:
    with pytest.raises(RuntimeError):
        green.install()
