"""What Reviva is measured against: a WSGI function that runs the same statements by hand and returns the same JSON.

It validates nothing, decides nothing and logs nothing; it runs behind the same gunicorn worker and waits for PostgreSQL
in the same way. `python -m tests.bench.bare PORT DATABASE_URL STATEMENTS.json`
"""

from __future__ import annotations

import sys

from reviva import boot

if __name__ == "__main__":
    boot.patch()

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import psycopg2

from reviva import config, server
from reviva.database import green


class Bare:
    """The four requests, each in one function."""

    def __init__(self, url: str, statements: dict[str, list[str]]) -> None:
        self.url, self.sql = url, statements
        self.idle: list[Any] = []

    def start(self) -> None:
        green.install()

    def drain(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        connection = self.idle.pop() if self.idle else self.connect()
        try:
            if path == "/api/catalog/models":
                answer = self.search(connection, dict(parse_qsl(environ["QUERY_STRING"])))
            elif path.startswith("/api/catalog/models/"):
                answer = self.detail(connection, path.rpartition("/")[2])
            else:
                body = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
                answer = self.quote(connection, body) if path == "/api/quotes" else self.book(connection, body)
        finally:
            self.idle.append(connection)
        text = orjson.dumps(answer)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]

    def connect(self) -> Any:
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        return connection

    def search(self, connection: Any, query: dict[str, str]) -> Any:
        words = query["q"].split()
        phrases = [f"% {' '.join(words)}%"] if len(words) > 1 else []
        likes = [*phrases, *(f"% {word} %" for word in words)]
        match = " & ".join(f"(('{word}':*))" for word in words)
        rank = [1000, 1900, *likes, 1000000]
        cursor = connection.cursor()
        cursor.execute(self.sql[f"search{len(words)}"][0], [*rank, match, *rank, 21])
        items = [
            {"slug": r[0], "name": r[1], "brand": {"slug": r[3], "name": r[4]},
             "category": {"slug": r[5], "name": r[6]}, "year": r[2]}
            for r in cursor.fetchall()
        ]  # fmt: skip
        return {"items": items[:20], "next": "more" if len(items) > 20 else None}

    def model(self, connection: Any, statements: list[str], slug: str, *repairs: Any) -> tuple[Any, list[Any]]:
        cursor = connection.cursor()
        cursor.execute(statements[0], [1])
        shop = cursor.fetchone()
        cursor.execute(statements[1], [*repairs, shop[4], slug])
        return shop, cursor.fetchall()

    def detail(self, connection: Any, slug: str) -> Any:
        shop, rows = self.model(connection, self.sql["detail"], slug)
        return {
            **named(rows[0]),
            "model_numbers": orjson.loads(rows[0][8]),
            "specs": orjson.loads(rows[0][9]),
            "repairs": [
                {"slug": r[12], "name": r[13], "minutes": r[14], "price": {"amount": r[15], "currency": shop[4]}}
                for r in rows
            ],
        }

    def lines(self, connection: Any, statements: list[str], body: Any) -> tuple[Any, list[Any], list[Any]]:
        shop, rows = self.model(connection, statements, body["model"], body["repairs"])
        cursor = connection.cursor()
        cursor.execute(statements[2])
        rules = [(r, orjson.loads(r[4])) for r in cursor.fetchall()]
        lines = []
        for row in rows:
            price, steps = row[13], []
            for rule, conditions in rules:
                if len(body["repairs"]) >= conditions.get("repairs_from", 99):
                    effect = round(price * rule[3] / 10_000)
                    price += effect
                    known = {"rule": rule[0], "name": rule[1], "kind": rule[2], "value": rule[3]}
                    steps.append({**known, "effect": effect})
            lines.append((row, price, steps))
        return shop, rows, lines

    def quote(self, connection: Any, body: Any) -> Any:
        shop, _, lines = self.lines(connection, self.sql["quote"], body)
        return {
            "lines": [shown(line, shop[4]) for line in lines],
            "total": {"amount": sum(line[1] for line in lines), "currency": shop[4]},
            "valid_until": "2030-01-01T00:00:00Z",
            "quote": secrets.token_urlsafe(300),
        }

    def book(self, connection: Any, body: Any) -> Any:
        sql = self.sql["book"]
        now, starts = datetime.now(UTC), datetime.fromisoformat(body["starts_at"])
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        shop, rows, lines = self.lines(connection, sql, body)
        minutes, total = sum(line[0][12] for line in lines), sum(line[1] for line in lines)
        steps = [starts + timedelta(minutes=15 * n) for n in range(-(-minutes // 15))]
        ends, who = starts + timedelta(minutes=minutes), body["customer"]
        cursor.execute(sql[3], [[1, 2, 3], steps[0], steps[-1], now])
        bench = next(b for b in (1, 2, 3) if b not in {r[1] for r in cursor.fetchall()})
        found_by = f"{who['name']} {who['email']}".lower()
        cursor.execute(
            sql[4],
            [who["email"], who["email"], who["name"], None, "en", False, "", found_by, now, now, 1, "", ""],
        )
        customer = cursor.fetchone()[0]
        reference = "RV-" + secrets.token_hex(4).upper()
        cursor.execute(
            sql[5],
            [
                reference, shop[0], customer, rows[0][7], bench, "confirmed", "standard", starts, ends, shop[4], total,
                "{}", "", "en", 1, found_by, now, now, 1,
            ],
        )  # fmt: skip
        booking = cursor.fetchone()[0]
        cursor.execute(sql[6], [bench, steps[0], steps[-1], now])
        taking = sql[7].partition("VALUES")[0] + "VALUES " + ", ".join(["(%s, %s, %s, %s)"] * len(steps))
        taking += sql[7].rpartition(")")[2]
        cursor.execute(taking, [value for step in steps for value in (bench, step, booking, None)])
        items = [
            (booking, n, r[9], r[11], r[12], r[13], orjson.dumps(adjustments).decode(), price)
            for n, (r, price, adjustments) in enumerate(lines)
        ]
        cursor.execute(sql[8], [value for item in items for value in item])
        cursor.execute(sql[9], [booking, 1, None, "confirmed", now, "", None])
        data = orjson.dumps({"from": None, "to": "confirmed"}).decode()
        cursor.execute(sql[10], ["booking.status", f"booking:{reference}", now, data])
        about = orjson.dumps({"reference": reference}).decode()
        messages = [
            (
                f"{template}:email:{reference}:1", "email", template, who["email"], "en", about, booking, customer,
                "queued", 0, due, now,
            )
            for template, due in (("booking_confirmed", now), ("booking_reminder", starts - timedelta(hours=24)))
        ]  # fmt: skip
        cursor.execute(sql[11], [value for message in messages for value in message])
        after = orjson.dumps({"starts_at": body["starts_at"], "status": "confirmed", "total": total}).decode()
        personal = orjson.dumps({"address": "127.0.0.1", "salt": secrets.token_hex(16)}).decode()
        audited = [now, "public", "", "booking.create", "booking", reference, None, after, personal, "r", "a"]
        cursor.execute(sql[12], [*audited, secrets.token_hex(32)])
        cursor.execute("COMMIT")
        at = now.isoformat()
        return {
            "reference": reference, "status": "confirmed", "urgency": "standard", "model": named(rows[0]),
            "items": [shown(line, shop[4]) for line in lines], "total": {"amount": total, "currency": shop[4]},
            "starts_at": starts.isoformat(), "shop": {"slug": shop[1], "name": shop[2], "timezone": shop[3]},
            "customer": {**who, "phone": None}, "created_at": at, "updated_at": at, "version": 1,
            "ends_at": ends.isoformat(), "locale": "en", "notes": "",
            "history": [{"from": None, "to": "confirmed", "at": at, "note": ""}],
            "next_statuses": ["checked_in", "cancelled", "no_show"], "token": secrets.token_urlsafe(32),
        }  # fmt: skip


def named(r: Any) -> dict[str, Any]:
    return {
        "slug": r[0], "name": r[1], "brand": {"slug": r[3], "name": r[4]}, "category": {"slug": r[5], "name": r[6]},
        "year": r[2],
    }  # fmt: skip


def shown(line: Any, currency: str) -> dict[str, Any]:
    row, price, steps = line
    return {
        "repair": {"slug": row[10], "name": row[11]}, "minutes": row[12],
        "base": {"amount": row[13], "currency": currency},
        "adjustments": [{**step, "effect": {"amount": step["effect"], "currency": currency}} for step in steps],
        "price": {"amount": price, "currency": currency},
    }  # fmt: skip


if __name__ == "__main__":
    port, url, path = sys.argv[1:]
    statements = orjson.loads(Path(path).read_bytes())
    sys.exit(server.run(config.load(port=int(port), database_url=url), lambda _: Bare(url, statements)))
