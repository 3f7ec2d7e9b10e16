"""Logging in, and changing or forgetting one's password. What is wrong with an attempt can't be told from outside."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from peewee import Database

from reviva import clock
from reviva.database.borrow import borrowed, lent
from reviva.database.statement import Row
from reviva.errors import Invalid, TooManyRequests, WrongLogin
from reviva.identity import email_key, household
from reviva.models.audit import ActorKind
from reviva.models.user import Role
from reviva.repositories.event import EventRepository
from reviva.repositories.notification import NotificationRepository
from reviva.repositories.user import UserRepository
from reviva.services.actor import Actor
from reviva.services.audit import AuditService
from reviva.services.one_time import OneTimeLinks
from reviva.services.password import Passwords, check
from reviva.services.session import NewSession, SessionService
from reviva.services.throttle import ACCOUNT, ADDRESS, Throttle


class Try(NamedTuple):
    """An attempt that was let through and counted."""

    user: Row | None
    account: str
    address: str


class LoginService:
    """Holds no connection while it hashes: that takes a hundred times as long as its queries."""

    def __init__(
        self, database: Database, audit: AuditService, sessions: SessionService, passwords: Passwords,
        throttle: Throttle, links: OneTimeLinks,
    ) -> None:  # fmt: skip
        self.database, self.audit, self.sessions, self.passwords = database, audit, sessions, passwords
        self.throttle, self.links = throttle, links
        self.users = UserRepository(database)
        self.notifications = NotificationRepository(database)
        self.events = EventRepository(database)

    def login(self, email: str, password: str, who: Actor, device: str = "") -> tuple[NewSession, Row]:
        """A new session and its user. Raises `WrongLogin`, and `TooManyRequests` after many failures."""
        tried = self._admit(email_key(email), who)
        stored = tried.user["password_hash"] if tried.user and tried.user["active"] else None
        if not self.passwords.verify(stored, password) or tried.user is None or stored is None:
            raise WrongLogin
        hashed = self.passwords.hash(password) if self.passwords.outdated(stored) else stored
        with borrowed(self.database), self.database.atomic():
            if not self.users.note_login(tried.user["id"], stored, clock.now(), hashed):
                raise WrongLogin  # it was changed, or its user disabled, while it was hashed: all sessions have ended
            self.throttle.counts.clear(tried.account)
            self.throttle.counts.uncount(tried.address)
            return self._start(tried.user, who, device), tried.user

    def _start(self, user: Row, who: Actor, device: str) -> NewSession:
        session = self.sessions.start(user["id"], device, who.address)
        actor = Actor(ActorKind.USER, str(user["id"]), user["id"], Role(user["role"]), who.request_id, who.address)
        self.audit.record(actor, "session.start", "session", session.id, after={"device": device[:200]})
        return session

    def _admit(self, key: str, who: Actor) -> Try:
        account, address = self.throttle.key("account", key), self.throttle.key("address", household(who.address))
        with borrowed(self.database):
            with self.database.atomic():
                self.throttle.admit(address, ADDRESS)
                locks = self.throttle.admit(account, ACCOUNT)
                user = self.users.for_login(key)
                if locks:
                    self._tell_owner(user, account)
            return Try(user, account, address)

    def _tell_owner(self, user: Row | None, account: str) -> None:
        """An event and a message that somebody guesses; for nobody's account, the same work and no trace."""
        hour = clock.now().strftime("%Y%m%d%H")
        with self.database.atomic() as attempt:
            id = user["id"] if user else None
            self.events.add("account.locked", f"user:{id}", {"user": id})
            self.notifications.queue(
                f"account-locked:{account}:{hour}", "account_locked", user["email"] if user else "nobody", user=id
            )
            if user is None:
                attempt.rollback()

    def change_password(self, actor: Actor, current: str, new: str) -> None:
        """Changes one's own password and ends one's other sessions. Raises `Invalid`, `TooManyRequests`."""
        assert actor.user_id is not None
        user = self.users.get(actor.user_id)
        tried = self._admit(user.email_key, actor)
        with lent(self.database):
            if not self.passwords.verify(user.password_hash, current) or user.password_hash is None:
                raise not_yours()
            check(new, (user.email, user.name), "new")
            hashed = self.passwords.hash(new)
        with self.database.atomic():
            if not self.users.replace_password(user.id, user.password_hash, clock.now(), hashed):
                raise not_yours()  # it was changed while this one was hashed: what was verified is not it any more
            self.throttle.counts.clear(tried.account)
            self.throttle.counts.uncount(tried.address)
            self._note_change(actor, user.id, but=actor.session_id)

    def ask_reset(self, email: str) -> None:
        """Queues a mail with a link, where there is such a user; else does the same work in vain."""
        with borrowed(self.database), self.database.atomic():
            user = self.users.for_login(email_key(email))
            known = user is not None and bool(user["active"])
            key = self.throttle.key("reset", email_key(email))
            if self.throttle.counts.tried(key, clock.now(), clock.now() - timedelta(hours=1)) > 5:
                raise TooManyRequests(3600, "A link was asked for too often: look into your mail, or try again later.")
            self.send_link(user if known else None, "password_reset")

    def send_link(self, user: Row | None, template: str, lifetime: timedelta = timedelta(hours=1)) -> None:
        """Queues a mail with a one-time link to set a password; the caller has the transaction open.

        The payload names the link by its nonce; whoever sends the mail makes the token: `OneTimeLinks.token`.
        """
        nonce = self.links.make(user["id"] if user else None, lifetime)
        with self.database.atomic() as attempt:
            recipient, id = (user["email"], user["id"]) if user else ("nobody", None)
            self.notifications.queue(f"{template}:{nonce}", template, recipient, payload={"link": nonce}, user=id)
            if user is None:
                attempt.rollback()

    def reset(self, token: str, password: str, who: Actor) -> None:
        """Sets a password by a one-time link and ends every session. Raises `Invalid`."""
        check(password, ())
        hashed = self.passwords.hash(password)
        with borrowed(self.database), self.database.atomic():
            id = self.links.use(token)
            user = self.users.get(id) if id is not None else None
            if user is None or not user.active:
                raise Invalid.field("token", "this link is wrong, was used, or is too old", "link-expired")
            check(password, (user.email, user.name))
            actor = Actor(ActorKind.USER, str(user.id), user.id, Role(user.role), who.request_id, who.address)
            self.throttle.counts.clear(self.throttle.key("account", user.email_key))
            self.users.update(user.id, password_hash=hashed, updated_at=clock.now())
            self._note_change(actor, user.id)

    def void_links(self, id: int) -> None:
        """Makes every link void by which a user could set a password; the caller has the transaction open."""
        self.links.links.void(id, clock.now())

    def _note_change(self, actor: Actor, id: int, but: int | None = None) -> None:
        self.void_links(id)
        ended = self.sessions.end_all_of(id, "the password was changed", but)
        self.audit.record(actor, "user.password", "user", id, after={"password": "changed", "sessions_ended": ended})


def not_yours() -> Invalid:
    return Invalid.field("current", "this is not your password", "password-wrong")
