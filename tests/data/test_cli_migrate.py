"""`reviva migrate` as a person types it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from reviva.cli import cli, register
from reviva.errors import SchemaError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def migrate(new_url: Callable[..., str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`reviva migrate …` on a database that is empty at first."""
    url = new_url(migrated=False)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reviva", "migrate", "--database", url, *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return run


def test_alone_it_applies_what_is_pending(migrate: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert "pending" in migrate("status").stdout
    first = migrate()
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == "applied 0001_people"
    assert migrate("up").stdout == "nothing is pending\n"
    assert "pending" not in migrate("status").stdout
    checked = migrate("check")
    assert (checked.returncode, checked.stdout) == (0, "models, migrations and database agree\n")
    last = first.stdout.split()[-1]
    assert migrate("down").stdout == f"reverted {last}\n"
    assert migrate("check").stdout == f"pending: {last}\nthey can be applied\n"


def test_a_failure_is_one_line_and_status_1(migrate: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    failed = migrate("up", "9999_nothing")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "reviva: There is no migration 9999_nothing.\n"
    assert migrate("sideways").returncode == 2


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/x", "sqlite:////proc/nowhere.db"])
def test_a_database_that_is_away_is_one_line(url: str) -> None:
    command = [sys.executable, "-m", "reviva", "migrate", "--database", url]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "can't be opened" in failed.stderr


@pytest.mark.parametrize(
    "words", ["seed", "user list", "audit verify", "indexes", "export models", "import models setup.cfg"]
)
def test_before_it_a_command_says_that_it_is_needed(new_url: Callable[..., str], words: str) -> None:
    register()
    outcome = CliRunner().invoke(cli, [*words.split(), "--database", new_url(migrated=False)])
    assert isinstance(outcome.exception, SchemaError)
    assert "run `reviva migrate`" in outcome.exception.detail
