"""`reviva migrate` as a person types it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.command import reviva

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def migrate(new_url: Callable[..., str]) -> Run:
    """`reviva migrate …` on a database that is empty at first."""
    return partial(reviva, "migrate", "--database", new_url(migrated=False))


def test_alone_it_applies_what_is_pending(migrate: Run) -> None:
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


def test_a_failure_is_one_line_and_status_1(migrate: Run) -> None:
    failed = migrate("up", "9999_nothing")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "reviva: There is no migration 9999_nothing.\n"
    assert migrate("sideways").returncode == 2


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/x", "sqlite:////proc/nowhere.db"])
def test_a_database_that_is_away_is_one_line(url: str) -> None:
    failed = reviva("migrate", "--database", url)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "can't be opened" in failed.stderr


@pytest.mark.parametrize(
    "words",
    [
        "audit verify", "copy --to sqlite:///other.db", "backup saved.zip", "migrate status", "migrate check",
        "migrate down", "export models", "indexes", "person a@example.com", "user list", "seed", "work", "doctor",
    ],
)  # fmt: skip
def test_what_only_reads_makes_no_file(tmp_path: Path, words: str) -> None:
    failed = reviva(*words.split(), "--database", "sqlite:///typo.db", folder=tmp_path, REVIVA_SECRET_KEY="x" * 32)
    assert failed.returncode == 1
    assert "There is no file typo.db" in failed.stderr + failed.stdout
    assert not (tmp_path / "typo.db").exists()
    assert not (tmp_path / "other.db").exists()


def test_a_folder_that_is_not_there_is_named_by_every_command(tmp_path: Path) -> None:
    for words in ("serve --port 0", "user list", "migrate"):
        failed = reviva(*words.split(), "--database", f"sqlite:///{tmp_path}/not/here.db", folder=tmp_path)
        assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
        assert failed.stderr.startswith("reviva: REVIVA_DATABASE_URL: the folder of")


@pytest.mark.parametrize(
    "words", ["seed", "user list", "audit verify", "indexes", "export models", "import models setup.cfg"]
)
def test_before_it_a_command_says_that_it_is_needed(new_url: Callable[..., str], words: str) -> None:
    failed = reviva(*words.split(), "--database", new_url(migrated=False))
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
    assert "run `reviva migrate`" in failed.stderr
