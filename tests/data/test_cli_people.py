"""`reviva user`, `audit`, `person` and `anonymize` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from subprocess import CompletedProcess

import pytest

from reviva.database.connection import open_database
from reviva.errors import NotAuthenticated
from tests import command
from tests.people import COMMAND, KEY, make_booking, services_over
from tests.workshop import STAFF

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def reviva(database_url: str) -> Run:
    return partial(command.reviva, REVIVA_DATABASE_URL=database_url, REVIVA_SECRET_KEY=KEY)


def test_a_user_is_added_listed_promoted_disabled_and_enabled(reviva: Run) -> None:
    words = ("user", "add", "ada@example.com", "--role", "admin", "--password-stdin")
    made = reviva(*words, stdin="tall blue giraffe 7\n")
    assert (made.returncode, made.stdout) == (0, "ada@example.com is a new admin, number 1.\n")
    assert reviva("user", "add", "ray@example.com", "--role", "technician", "--invite").returncode == 0
    assert reviva("user", "role", "RAY@example.com", "manager").returncode == 0
    assert reviva("user", "disable", "ray@example.com").returncode == 0
    listed = reviva("user", "list").stdout.splitlines()
    assert listed == ["1\tadmin\tactive\tada@example.com\t", "2\tmanager\tdisabled\tray@example.com\t"]
    assert reviva("user", "enable", "ray@example.com").returncode == 0
    assert "active\tray" in reviva("user", "list").stdout
    assert reviva("audit", "verify").stdout == "5 rows are what they were.\n"


def test_a_command_under_another_key_than_the_database_s_says_so_and_goes_on(reviva: Run) -> None:
    words = ("user", "add", "ada@example.com", "--role", "admin", "--password-stdin")
    assert reviva(*words, stdin="tall blue giraffe 7\n").stderr == ""
    elsewhere = reviva("user", "disable", "ada@example.com", REVIVA_SECRET_KEY="k" * 40)
    assert elsewhere.returncode == 1
    warned, failed = elsewhere.stderr.splitlines()
    assert warned.startswith("Warning: REVIVA_SECRET_KEY: it is not the key that this database was used with")
    assert "last admin" in failed
    assert "Warning" not in reviva("user", "list").stderr


def test_what_can_not_be_done_is_one_line_and_exit_1(reviva: Run) -> None:
    reviva("user", "add", "ada@example.com", "--role", "admin", "--password-stdin", stdin="tall blue giraffe 7\n")
    for words, stdin, told in (
        (("user", "add", "ADA@example.com", "--role", "admin", "--password-stdin"), "tall blue giraffe 7\n", "taken"),
        (("user", "add", "b@example.com", "--role", "admin", "--password-stdin"), "password1\n", "first"),
        (("user", "disable", "ada@example.com"), "", "last admin"),
        (("user", "role", "nobody@example.com", "admin"), "", "no user"),
        (("person", "nobody@example.com"), "", "Nothing is held"),
        (("anonymize", "nobody@example.com"), "", "Nothing is held"),
        (("anonymize", "ada@example.com"), "", "last admin"),
    ):
        failed = reviva(*words, stdin=stdin)
        assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1), words
        assert told in failed.stderr
    assert reviva("user", "add", "not an address", "--role", "admin").returncode == 2
    assert reviva("user", "add", "a@example.com", "--role", "king").returncode == 2


def test_a_person_is_printed_and_erased(reviva: Run, database_url: str) -> None:
    database = open_database(database_url)
    with database.connection_context():
        services = services_over(database)
        with database.atomic():
            id = services.customers.customers.find_or_make("ada@example.com", "Ada", None, "en")
        services.customers.change(COMMAND, id, name="Ada L")
    held = json.loads(reviva("person", "Ada@Example.com").stdout)
    assert held["customers"][0]["name"] == "Ada L"
    with database.connection_context():
        make_booking(services, "RV-AAAA1111", id, status="checked_in")
    refused = reviva("anonymize", "ada@example.com")
    assert (refused.returncode, refused.stderr.count("\n"), "RV-AAAA1111" in refused.stderr) == (1, 1, True)
    with database.connection_context():
        services.booking_changes.cancel(STAFF, "RV-AAAA1111")
    assert reviva("anonymize", "ada@example.com").stdout == "Erased.\n"
    assert reviva("person", "ada@example.com").returncode == 1
    assert reviva("audit", "verify").returncode == 0


def test_a_tampered_audit_is_exit_1_and_names_the_rows(reviva: Run, database_url: str) -> None:
    for n in range(3):
        reviva("user", "add", f"u{n}@example.com", "--role", "technician", "--invite")
    database = open_database(database_url)
    with database.connection_context():
        for table in ("audit", "audit_seal"):
            for name in ("no_update", "no_delete", "append_only"):
                on = "" if database_url.startswith("sqlite") else f" ON {table}"
                database.execute_sql(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")
        database.execute_sql("UPDATE audit SET actor = 'somebody else' WHERE id = 2")
    found = reviva("audit", "verify")
    assert (found.returncode, found.stdout) == (1, "row 2: changed\n")


def test_a_forgotten_password_is_set_by_hand_and_ends_every_session(reviva: Run, database_url: str) -> None:
    words = ("ada@example.com", "--password-stdin")
    reviva("user", "add", *words, "--role", "admin", stdin="tall blue giraffe 7\n")
    database = open_database(database_url)
    with database.connection_context():
        services = services_over(database)
        token = services.login.login("ada@example.com", "tall blue giraffe 7", COMMAND)[0].token
        assert services.sessions.resolve(token) is not None
        changed = reviva("user", "password", *words, stdin="small red heron 12\n")
        assert (changed.returncode, changed.stdout) == (0, "ada@example.com has a new password.\n")
        with pytest.raises(NotAuthenticated):
            services.sessions.resolve(token)
        assert services.login.login("ada@example.com", "small red heron 12", COMMAND)
    refused = reviva("user", "password", *words, stdin="password1\n")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert reviva("user", "password", "nobody@example.com", "--password-stdin", stdin="x\n").returncode == 1
