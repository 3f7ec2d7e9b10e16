"""What only this shop's server can make: tokens and signatures under its secret key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import orjson

from reviva.config import Settings
from reviva.errors import SettingError


class Signer:
    """HMAC-SHA256 (RFC 2104) under one key, with a purpose in each message so that no signature serves another's."""

    def __init__(self, key: bytes) -> None:
        self._begun = hmac.new(key, digestmod="sha256")  # and copied for each: the key is taken in once

    def mac(self, purpose: str, *parts: object) -> bytes:
        """32 bytes that nobody can make without the key. Of a JSON list of texts: ("a", "bc") is not ("ab", "c")."""
        begun = self._begun.copy()
        begun.update(orjson.dumps([purpose, *map(str, parts)]))
        return begun.digest()

    def token(self, purpose: str, *parts: object) -> str:
        """The MAC as 43 URL-safe characters: a token that need not be stored, since it can be made again."""
        return encode(self.mac(purpose, *parts))

    def sign(self, purpose: str, content: Any) -> str:
        """A JSON value that can be handed out and comes back unchanged or not at all."""
        body = encode(orjson.dumps(content))
        return f"{body}.{self.token(purpose, body)}"

    def open(self, purpose: str, signed: str) -> Any:
        """What `sign` was given. Raises ValueError where it was not made here, or not for this purpose."""
        body, _, signature = signed.partition(".")
        if not hmac.compare_digest(signature.encode(), self.token(purpose, body).encode()):
            raise ValueError("not signed here")
        return orjson.loads(decode(body))


def encode(data: bytes) -> str:
    """Base64 for URLs (RFC 4648, section 5), without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """What `encode` was given. Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeError) as problem:
        raise ValueError("not base64") from problem


def digest(token: str) -> str:
    """SHA-256 of a text, in hex: of a random token all that is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def load(settings: Settings) -> Signer:
    """The signer under REVIVA_SECRET_KEY, or under a key that is made once and kept beside the database, mode 0600."""
    if settings.secret_key is not None:
        return Signer(settings.secret_key.get_secret_value().encode())
    return Signer(kept_key(key_file(settings)))


def known(settings: Settings) -> Signer | None:
    """The same, without making a key where there is none."""
    made = settings.secret_key is not None or key_file(settings).exists()
    return load(settings) if made else None


def carry(source: Settings, target: Settings) -> Path | None:
    """Keeps a copied shop's key beside its copy: the audit and what was mailed hang on it. Returns the file, if made.

    Raises `SettingError` where another key is kept there.
    """
    here, there = key_file(source), key_file(target)
    if source.secret_key is not None or not here.exists() or there.absolute() == here.absolute():
        return None
    if not there.exists():
        kept_key(there, here.read_text().strip())
        return there
    if there.read_text().strip() != here.read_text().strip():
        raise SettingError(
            f"The rows are copied, but {there} holds another key than {here}, on which the audit and all links in mails"
            " hang: put this one in its place before the copy is used."
        )
    return None


def key_of(settings: Settings) -> str:
    """Where the key is: the setting or the file."""
    return "REVIVA_SECRET_KEY" if settings.secret_key is not None else str(key_file(settings))


def key_file(settings: Settings) -> Path:
    """Where the key is kept when it is not set: beside the SQLite file, else in the working folder."""
    url = settings.database_url
    return Path(url.removeprefix("sqlite:///") + ".key" if url.startswith("sqlite:///") else "reviva.key")


def kept_key(path: Path, new: str = "") -> bytes:
    """The key in this file; `new`, or one that is made, if there is none. Raises `SettingError` where that can't be."""
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_text().strip()
            if len(key) < 32:
                raise SettingError(f"REVIVA_SECRET_KEY: {path} holds no key of 32 characters or more") from None
            return key.encode()
        key = new or secrets.token_urlsafe(32)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(key + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink()  # a full disk leaves it empty, and no later start would find a key or make one
            raise
        return key.encode()
    except OSError as problem:
        raise SettingError(f"REVIVA_SECRET_KEY: {path} can't be read or written ({problem.strerror})") from problem
