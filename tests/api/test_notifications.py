"""Messages from the outside: what the staff see and do, a forgotten password, and `reviva work` as a process."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from reviva.database.connection import open_database
from reviva.models.notification import Channel, NotificationStatus
from reviva.notifications.dispatcher import Dispatcher
from reviva.repositories.notification import NotificationRepository
from tests.api.people import MINE, PASSWORD, Town, build_town
from tests.mailbox import Mailbox, mailbox
from tests.people import KEY, services_over
from tests.waiting import until

ROOT = Path(__file__).parents[2]
NEW = "small green walrus 8"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def town(database_url: str, box: Mailbox) -> Town:
    return build_town(database_url, smtp_url=box.url, public_url="https://shop.example")


def queue(town: Town, key: str, **more: object) -> int:
    with town.services.database.connection_context(), town.services.database.atomic():
        return town.services.login.notifications.queue(key, "account_locked", f"{key}@example.com", **more)  # type: ignore[arg-type]


def settle(town: Town, id: int, status: NotificationStatus) -> None:
    with town.services.database.connection_context(), town.services.database.atomic():
        town.services.login.notifications.update(id, status=status)


def test_the_staff_see_filter_sort_and_page_them(town: Town) -> None:
    ids = [queue(town, "a"), queue(town, "b", channel=Channel.SMS), queue(town, "c")]
    settle(town, ids[2], NotificationStatus.DEAD)
    page = town.ask("technician", "GET", "/api/notifications?limit=2")
    assert [item["id"] for item in page.json["items"]] == [ids[2], ids[1]]
    rest = town.ask("technician", "GET", f"/api/notifications?limit=2&after={page.json['next']}").json
    assert [item["id"] for item in rest["items"]] == [ids[0]]
    assert "payload" not in rest["items"][0]
    assert "dedupe_key" not in rest["items"][0]
    for query, expected in (
        ("status=dead", [ids[2]]), ("status=queued,dead&sort=id", ids), ("channel=sms", [ids[1]]),
        (f"reference={MINE}", []), ("template=other", []),
    ):  # fmt: skip
        items = town.ask("technician", "GET", f"/api/notifications?{query}").json["items"]
        assert [item["id"] for item in items] == expected, query
    for wrong in ("status=lost", "channel=pigeon", "sort=payload", "limit=0", "nonsense=1"):
        assert town.ask("technician", "GET", f"/api/notifications?{wrong}").status == 422, wrong


def test_only_a_queued_one_is_cancelled_and_only_an_ended_one_tried_again(town: Town, box: Mailbox) -> None:
    id = queue(town, "a")
    path = f"/api/notifications/{id}"
    assert town.ask("manager", "POST", f"{path}/retry").status == 409
    assert town.ask("manager", "POST", f"{path}/cancel").json["status"] == "cancelled"
    assert town.ask("manager", "POST", f"{path}/cancel").status == 409
    assert not Dispatcher(town.services).step(Channel.EMAIL)
    again = town.ask("manager", "POST", f"{path}/retry").json
    assert (again["status"], again["attempts"]) == ("queued", 0)
    assert Dispatcher(town.services).step(Channel.EMAIL)
    assert [mail["To"] for mail in box.mails] == ["a@example.com"]
    assert town.ask("manager", "POST", f"{path}/retry").status == 409
    rows = town.ask("manager", "GET", "/api/audit?entity=notification").json["items"]
    assert [(row["action"], row["before"], row["after"]) for row in rows] == [
        ("notification.retry", {"status": "cancelled"}, {"status": "queued"}),
        ("notification.cancel", {"status": "queued"}, {"status": "cancelled"}),
    ]


def test_what_was_for_an_erased_person_stays_cancelled(town: Town) -> None:
    id = queue(town, "a", customer=town.customers["mine"])
    town.ask("manager", "POST", f"/api/customers/{town.customers['mine']}/anonymize")
    assert town.ask("manager", "POST", f"/api/notifications/{id}/retry").status == 409


def test_a_forgotten_password_is_set_anew_by_the_mailed_link(
    town: Town, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = town.web.post("/api/auth/password-reset", {"email": "ADMIN@example.com"})
    assert asked.status == 202
    assert Dispatcher(town.services).step(Channel.EMAIL)
    mail = box.mails[0]
    body = mail.get_body(("plain",))
    assert mail["To"] == "admin@example.com"
    assert body is not None
    found = re.search(r"https://shop\.example/reset#token=(\S+)", body.get_content())
    assert found
    token = unquote(found[1])
    answer = town.web.post("/api/auth/password-reset/confirm", {"token": token, "password": NEW})
    assert answer.status == 204
    login = {"email": "admin@example.com", "password": NEW}
    assert town.web.post("/api/auth/login", {**login, "password": PASSWORD}).status == 401
    assert town.web.post("/api/auth/login", login).status == 200
    secret = token.partition(".")[2]
    assert secret not in caplog.text
    with town.services.database.connection_context():
        for table in ("notification", "one_time_token", "audit", "event"):
            assert secret not in str(town.services.database.execute_sql(f"SELECT * FROM {table}").fetchall())


def test_somebody_finds_their_booking_by_mail(town: Town, box: Mailbox) -> None:
    assert town.web.post("/api/bookings/find", {"email": "mine@example.com"}).status == 202
    assert Dispatcher(town.services).step(Channel.EMAIL)
    body = box.mails[0].get_body(("plain",))
    assert body is not None
    found = re.search(rf"https://shop\.example/track/{MINE}\?token=(\S+)", body.get_content())
    assert found
    assert town.web.get(f"/api/bookings/{MINE}", found[1]).status == 200


def work(url: str, box: Mailbox, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REVIVA_SECRET_KEY": KEY, "REVIVA_SMTP_URL": box.url}
    return subprocess.Popen(
        [sys.executable, "-m", "reviva", "work", "--database", url],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_work_sends_until_it_is_told_to_end(database_url: str, box: Mailbox, tmp_path: Path) -> None:
    database = open_database(database_url)
    with database.connection_context(), database.atomic():
        for n in range(5):
            NotificationRepository(database).queue(f"k{n}", "account_locked", f"a{n}@example.com")
    process = work(database_url, box, tmp_path)
    try:
        until(lambda: len(box.mails) == 5, 20)
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    with database.connection_context():
        rows = database.execute_sql("SELECT status, attempts FROM notification").fetchall()
    assert [tuple(row) for row in rows] == [("sent", 1)] * 5


def test_a_killed_worker_loses_no_mail(
    database_url: str, box: Mailbox, tmp_path: Path, travel: Callable[..., None]
) -> None:
    database = open_database(database_url)
    with database.connection_context(), database.atomic():
        id = NotificationRepository(database).queue("k", "account_locked", "a@example.com")
    box.at_end = "hang"
    process = work(database_url, box, tmp_path)
    try:
        assert box.arrived.wait(20)
    finally:
        process.kill()
        process.communicate(timeout=20)
    box.at_end = "250 OK"
    services = services_over(database, smtp_url=box.url)
    assert not Dispatcher(services).step(Channel.EMAIL)
    travel(seconds=91)
    assert Dispatcher(services).step(Channel.EMAIL)
    with database.connection_context():
        row = NotificationRepository(database).get(id)
    assert (row.status, row.attempts) == ("sent", 2)
    assert list(box.ids.values()) == [2], "the same Message-ID, so that a mail reader shows one"


def test_work_refuses_a_schema_that_is_not_ready(new_url: Callable[..., str], box: Mailbox, tmp_path: Path) -> None:
    process = work(new_url(migrated=False), box, tmp_path)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "reviva migrate" in output
    assert output.count("\n") == 1
