"""No secret that was used in a whole run is written down anywhere: not in the log, the database, the metrics."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from reviva.database.connection import open_database
from reviva.models import TABLES
from tests.api.conftest import ROOT, free_port
from tests.people import KEY, services_over

PASSWORDS = ("tall blue giraffe 7", "small green walrus 8", "old yellow ostrich 9", "wrong red panda 10")


class Shop:
    """A server process, and every secret that was told to it or by it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.log, self.secrets = url, folder / "log", {*PASSWORDS, KEY}
        self.at = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "reviva", "serve", "--port", self.at.rpartition(":")[2], "--database", url]
        settings = {"REVIVA_SECRET_KEY": KEY, "REVIVA_LOG_LEVEL": "debug", "REVIVA_SLOW_QUERY_MS": "0"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)} | settings, text=True,
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        told = iter(self.process.stdout or ())
        self.password = next(found[1] for line in told if (found := re.search(r"with the password (\S+)", line)))
        self.secrets.add(self.password)
        while not self.answers():
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.at}/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.request(method, self.at + path, json=body, headers=headers, timeout=30)
        told = answer.json() if answer.content and "json" in answer.headers["Content-Type"] else {}
        self.secrets |= {told[name] for name in ("token", "csrf", "secret") if name in told}
        self.secrets |= {value for name, value in answer.cookies.items() if name.startswith("reviva_")}
        return told

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(40)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def shop(new_url: Callable[..., str], tmp_path: Path) -> Iterator[Shop]:
    # Its catalog is there already, which holds no secret and is much to write down; nobody who could log in is.
    shop = Shop(new_url(seeded=True), tmp_path)
    yield shop
    shop.stop()


def book(shop: Shop) -> tuple[str, str]:
    """Books something; returns the reference and the token."""
    model = shop.call("GET", "/api/catalog/models?q=iphone")["items"][0]["slug"]
    repair = shop.call("GET", f"/api/catalog/models/{model}")["repairs"][0]["slug"]
    slots = shop.call("GET", f"/api/availability?model={model}&repairs={repair}&days=7")["slots"]
    wish = {
        "model": model, "repairs": [repair], "starts_at": slots[0]["starts_at"],
        "customer": {"name": "Ada", "email": "ada@example.com"},
    }  # fmt: skip
    made = shop.call("POST", "/api/bookings", wish)
    return made["reference"], made["token"]


def live_through_a_day(shop: Shop) -> None:
    """Logs in and out, right and wrong, with header and cookie; changes and resets passwords; books and looks."""
    admin = {"email": "admin@example.com", "password": shop.password}
    token = shop.call("POST", "/api/auth/login", admin)["token"]
    shop.call("POST", "/api/auth/login", {**admin, "cookie": True})
    shop.call("POST", "/api/auth/login", {**admin, "password": PASSWORDS[3]})
    shop.call("POST", "/api/auth/login", {"email": PASSWORDS[3], "password": PASSWORDS[3]})
    user = {"email": "ray@example.com", "role": "manager", "password": PASSWORDS[0]}
    shop.call("POST", "/api/users", user, token)
    ray = shop.call("POST", "/api/auth/login", {"email": "ray@example.com", "password": PASSWORDS[0]})["token"]
    shop.call("POST", "/api/auth/password", {"current": PASSWORDS[0], "new": PASSWORDS[1]}, ray)
    hook = shop.call("POST", "/api/webhooks", {"url": "https://localhost/"}, ray)["id"]
    shop.call("POST", f"/api/webhooks/{hook}/secret", token=ray)
    shop.call("POST", f"/api/webhooks/{hook}/test", token=ray)
    shop.call("POST", "/api/auth/password-reset", {"email": "ray@example.com"})
    database = open_database(shop.url)
    with database.connection_context():
        services = services_over(database)
        link = next(mail.payload["link"] for mail in services.login.notifications.some() if "link" in mail.payload)
        reset = services.links.token(link)
    shop.secrets |= {reset, reset.partition(".")[2]}
    shop.call("POST", "/api/auth/password-reset/confirm", {"token": reset, "password": PASSWORDS[2]})
    assert shop.call("POST", "/api/auth/login", {"email": "ray@example.com", "password": PASSWORDS[2]})["token"]
    reference, booking = book(shop)
    shop.secrets |= {booking, booking.partition(".")[2]}
    assert shop.call("GET", f"/api/bookings/{reference}?token={booking}")["reference"] == reference
    shop.call("POST", f"/api/bookings/{reference}/token", token=booking)
    shop.call("POST", "/api/bookings/find", {"email": "ada@example.com"})
    shop.call("GET", f"/api/no-such-thing?token={token}&password={PASSWORDS[3]}")
    shop.call("POST", "/api/auth/logout", token=ray)


def everywhere(shop: Shop) -> dict[str, str]:
    """All that was written down, by place."""
    token = shop.call("POST", "/api/auth/login", {"email": "admin@example.com", "password": shop.password})["token"]
    places = {
        "audit": str(shop.call("GET", "/api/audit?limit=200", token=token)),
        "statements": str(shop.call("GET", "/api/database/queries?limit=200", token=token)),
        "metrics": requests.get(f"{shop.at}/metrics", timeout=30).text,
    }
    shop.stop()
    places["log"] = shop.log.read_text()
    database = open_database(shop.url)
    with database.connection_context():
        rows = [database.execute_sql(f"SELECT * FROM {model._meta.table_name}").fetchall() for model in TABLES]
    places["rows"] = str(rows)
    if shop.url.startswith("sqlite"):
        path = Path(shop.url.removeprefix("sqlite:///"))
        files = [file for file in path.parent.glob(path.name + "*") if file.suffix != ".key"]
        places["file"] = "".join(file.read_bytes().decode("latin-1") for file in files)
    places["backup"] = backed_up(shop)
    return places


def backed_up(shop: Shop) -> str:
    """Everything in a backup, unpacked."""
    path = shop.log.parent / "backup.zip"
    command = [sys.executable, "-m", "reviva", "backup", str(path), "--database", shop.url]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(path) as archive:
        return "".join(archive.read(name).decode("latin-1") for name in archive.namelist())


def test_no_secret_of_a_whole_run_is_written_down(shop: Shop) -> None:
    live_through_a_day(shop)
    places = everywhere(shop)
    assert len([secret for secret in shop.secrets if secret.startswith("whsec_")]) == 2
    shop.secrets |= {secret.removeprefix("whsec_") for secret in shop.secrets}
    assert len(shop.secrets) > 15
    assert "/api/auth/login" in places["log"]
    assert "session.start" in places["rows"]
    found = [(secret, place) for secret in shop.secrets for place, text in places.items() if secret in text]
    assert found == []
