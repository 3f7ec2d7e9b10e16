"""Users: who they are, what they may do, and that there is always an admin."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from peewee import Database

from reviva import clock
from reviva.database.borrow import lent
from reviva.database.statement import Row
from reviva.database.turn import SETTINGS, wait_for_turn
from reviva.errors import Conflict, known
from reviva.identity import email_key
from reviva.models.user import Role, User
from reviva.paging import ListQuery, Page
from reviva.repositories.user import UserRepository
from reviva.services.actor import SYSTEM, Actor
from reviva.services.audit import AuditService
from reviva.services.login import LoginService
from reviva.services.password import Passwords, check
from reviva.services.session import SessionService

INVITATION = timedelta(days=7)
"""How long the link works by which somebody sets their first password."""


class UserService:
    def __init__(
        self, database: Database, audit: AuditService, sessions: SessionService, passwords: Passwords,
        login: LoginService,
    ) -> None:  # fmt: skip
        self.database, self.audit, self.sessions = database, audit, sessions
        self.passwords, self.login = passwords, login
        self.users = UserRepository(database)

    def list(self, wanted: ListQuery) -> Page[Row]:
        """A page of users."""
        return self.users.listed(wanted)

    def get(self, id: int) -> Row:
        """One user. Raises `NotFound`."""
        return known(self.users.one(id), f"There is no user {id}.")

    def by_email(self, email: str) -> Row:
        """One user by address. Raises `NotFound`."""
        return self.get(known(self.users.for_login(email_key(email)), f"There is no user {email}.")["id"])

    def add(self, actor: Actor, email: str, role: Role, name: str = "", password: str | None = None) -> Row:
        """A new user; without a password, a link to set one is mailed. Raises `Invalid`, and `Conflict` for a known
        address."""
        if password is not None:
            check(password, (email, name))
        with lent(self.database):
            hashed = self.passwords.hash(password) if password is not None else None
        now = clock.now()
        with self.database.atomic():
            user = self.users.create(
                email=email, email_key=email_key(email), name=name, role=role, password_hash=hashed, created_at=now,
                updated_at=now,
            )  # fmt: skip
            if role is Role.CUSTOMER:
                self.users.link_customer(user.id, email)
            self.audit.record(
                actor, "user.create", "user", user.id, after={"email": email, "name": name, "role": str(role)}
            )
            if hashed is None:
                self.login.send_link({"id": user.id, "email": email}, "invitation", INVITATION)
            return self.get(user.id)

    def create_admin(self, email: str) -> str | None:
        """An admin with a random password, which is returned, where there is no user yet; else None."""
        password = secrets.token_urlsafe(15)
        with self.database.atomic():
            wait_for_turn(self.database, "first admin")  # machines that are started together
            if self.users.exists(User.id > 0):
                return None
            self.add(SYSTEM, email, Role.ADMIN, "Admin", password)
        return password

    def change(self, actor: Actor, id: int, version: int | None = None, **sent: Any) -> Row:
        """Changes the fields sent, of email, name, role, active. Disabling and a new role end the user's sessions.

        Raises `NotFound`, `VersionConflict`, and `Conflict` for a known address or for the last admin.
        """
        if "role" in sent:
            sent["role"] = str(sent["role"])
        with self.database.atomic():
            wait_for_turn(self.database, SETTINGS)
            before = self.get(id)
            changed = {name: value for name, value in sent.items() if before[name] != value}
            if changed.get("role", "admin") != "admin" or changed.get("active") is False:
                keep_an_admin(self.users.admins(), id)
            keys = {"email_key": email_key(changed["email"])} if "email" in changed else {}
            self.users.update(id, version, **changed, **keys, updated_at=clock.now())
            if "role" in changed or changed.get("active") is False:
                reason = "the user was disabled" if changed.get("active") is False else "the role was changed"
                self.sessions.end_all_of(id, reason)
            if "email" in changed or changed.get("active") is False:
                self._void_links(id)
            if changed.get("role") == Role.CUSTOMER:
                self.users.link_customer(id, changed["email"] if "email" in changed else before["email"])
            if changed:
                was = {name: before[name] for name in changed}
                self.audit.record(actor, "user.change", "user", id, before=was, after=changed)
            return self.get(id)

    def _void_links(self, id: int) -> None:
        """Makes void what was mailed to somebody, perhaps to an address that is a stranger's: whoever has set no
        password yet is invited anew."""
        self.login.void_links(id)
        user = self.users.get(id)
        if user.active and user.password_hash is None:
            self.login.send_link({"id": id, "email": user.email}, "invitation", INVITATION)

    def set_password(self, actor: Actor, id: int, password: str) -> None:
        """Sets somebody's password from the command line, and ends their sessions. Raises `Invalid`."""
        user = self.get(id)
        check(password, (user["email"], user["name"]))
        hashed = self.passwords.hash(password)
        with self.database.atomic():
            self.users.update(id, password_hash=hashed, updated_at=clock.now())
            self.login.void_links(id)
            self.sessions.end_all_of(id, "the password was changed")
            self.audit.record(actor, "user.password", "user", id, after={"password": "changed"})


def keep_an_admin(admins: Collection[int], leaving: int) -> None:
    """Raises `Conflict` where the user who is to be no admin any more is the last of them."""
    if leaving in admins and len(admins) == 1:
        raise Conflict("This is the last admin: make somebody else one first.")
