"""The settings: read from the environment and from `.env`, checked once, at the start."""

from __future__ import annotations

import ipaddress
import os
import re
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from reviva.errors import SettingError
from reviva.validation import misfits

List = Annotated[tuple[str, ...], NoDecode]

_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_HOST = re.compile(r"(?:\[[^]]*\]|[^:[\]]*)(?::\d*)?")
_USUAL_PORT = re.compile(r"(?<=^http:)(//.*):80$|(?<=^https:)(//.*):443$")


def origin(text: str) -> str:
    """An origin as browsers write it, and nothing else: it goes into headers. Raises ValueError."""
    plain = text.lower().removesuffix("/")
    if not _ORIGIN.fullmatch(plain):
        raise ValueError(f"{text!r} is not an origin such as https://shop.example")
    return _USUAL_PORT.sub(lambda found: found[1] or found[2], plain)


def parts(url: str) -> SplitResult:
    """A URL of one server or several in its parts. Raises ValueError that says nothing of it: there may be half a
    password where a port should be."""
    found = urlsplit(url)
    if not all(map(_HOST.fullmatch, found.netloc.rpartition("@")[2].split(","))):
        raise ValueError("a port must be a number; in a password, write / ? # @ : as %2F %3F %23 %40 %3A")
    return found


class Settings(BaseSettings):
    """What the shop can set. Every field is `REVIVA_` and its name in capitals; README.md explains each."""

    model_config = SettingsConfigDict(
        env_prefix="REVIVA_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True,
        env_ignore_empty=True, populate_by_name=True,
    )  # fmt: skip

    database_url: str = Field(
        "sqlite:///reviva.db", validation_alias=AliasChoices("REVIVA_DATABASE_URL", "DATABASE_URL"), repr=False
    )
    pool_min: int = Field(2, ge=0, le=1000)
    pool_max: int = Field(20, ge=1, le=1000)
    pool_timeout: float = Field(5, gt=0, le=600)
    health_interval: float = Field(30, gt=0, le=3600)
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    secret_key: SecretStr | None = None
    public_url: str | None = None
    allowed_origins: List = ()
    trusted_proxies: List = ()
    smtp_url: SecretStr | None = None
    sms_url: SecretStr | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    rate_limit: Literal["on", "off"] = "on"
    slow_query_ms: float = Field(100, ge=0)
    retention_months: int = Field(0, ge=0, le=1200)
    """Customers with no booking for so many months are anonymised by themselves; 0 keeps them."""
    backup_to: str | None = None
    backup_every_hours: float = Field(24, gt=0)
    backup_keep: int = Field(14, ge=1)

    @property
    def secure(self) -> bool:
        """Whether the shop is reached by https."""
        return (self.public_url or "").startswith("https://")

    @field_validator("allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", "log_format", "rate_limit", mode="before")
    @classmethod
    def _small(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        if not value.startswith("sqlite:"):
            parts(value)
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(origin, value))

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value

    @field_validator("pool_max")
    @classmethod
    def _at_least_minimum(cls, value: int, info: Any) -> int:
        if value < info.data.get("pool_min", 0):
            raise ValueError("must not be less than REVIVA_POOL_MIN")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        url = parts(value.get_secret_value()) if value else None
        if url and (url.scheme not in ("smtp", "smtps") or not url.hostname or url.port == 0):
            raise ValueError("must be like smtp://user:password@host:587?from=shop@example.com")
        if url and "@" not in unquote(url.query.partition("from=")[2] or url.username or ""):
            raise ValueError("needs ?from= and the address that mails come from")
        return value

    @field_validator("sms_url")
    @classmethod
    def _gateway(cls, value: SecretStr | None) -> SecretStr | None:
        url = parts(value.get_secret_value()) if value else None
        if url and (url.scheme not in ("http", "https") or not url.hostname or url.port == 0):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("must start with http:// or https://")
        if value and set("?#") & set(value):
            raise ValueError("must end with its path")
        return value.rstrip("/") if value else value


def load(**overrides: Any) -> Settings:
    """Read the settings; `overrides` (command line options) win where they are not None.

    Raises `SettingError` that names the first wrong setting, never its value, which may be a secret.
    """
    try:
        with suppress(FileNotFoundError), open(".env", encoding="utf-8") as file:
            if wrong := next((each.original.line for each in parse_stream(file) if each.error), None):
                raise SettingError(f"Line {wrong} of the file .env can't be understood: NAME=value is.")
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as problem:
        fault = next(misfits(problem))
        name = str(fault.place[0]) if fault.place else "settings"
        name = name if name.isupper() else f"REVIVA_{name.upper()}"
        raise SettingError(f"{name}: {fault.message}") from None
    except UnicodeDecodeError:
        raise SettingError("The file .env is not text in UTF-8: save it as such.") from None


def unknown() -> list[str]:
    """The names in the environment and in `.env` that look like settings and are none."""
    known = {f"REVIVA_{name.upper()}" for name in Settings.model_fields}
    given = {*os.environ, *dotenv_values(".env")} - known
    return sorted(name for name in given if name.startswith("REVIVA_") and not name.startswith("REVIVA_TEST_"))
