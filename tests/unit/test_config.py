"""The settings: what may stand in the environment and in `.env`, and what a wrong one is told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reviva import config, signing
from reviva.errors import SettingError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and nothing of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in config.Settings.model_fields:
        monkeypatch.delenv(f"REVIVA_{name.upper()}", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_without_any_setting_a_shop_starts_on_sqlite() -> None:
    settings = config.load()
    assert settings.database_url == "sqlite:///reviva.db"
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
    assert (settings.pool_min, settings.pool_max, settings.pool_timeout, settings.health_interval) == (2, 20, 5, 30)
    assert (settings.log_level, settings.log_format, settings.rate_limit) == ("info", "text", "on")


def test_an_option_wins_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("REVIVA_PORT=8001\nREVIVA_WORKERS=3\nSOMEBODY_ELSES=1\n")
    assert (config.load().port, config.load().workers) == (8001, 3)
    monkeypatch.setenv("REVIVA_PORT", "8002")
    assert config.load().port == 8002
    assert config.load(port=8003, workers=None).port == 8003
    monkeypatch.setenv("REVIVA_WORKERS", "")
    assert config.load().workers == 3  # empty is as if it were not there


def test_our_own_name_of_the_database_wins_over_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://there/shop")
    assert config.load().database_url == "postgres://there/shop"
    monkeypatch.setenv("REVIVA_DATABASE_URL", "sqlite:///here.db")
    assert config.load().database_url == "sqlite:///here.db"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "mysql://x/y", "must start with sqlite:/// or postgresql://"),
        ("POOL_MIN", "-1", "must be at least 0"),
        ("POOL_MAX", "lots", "must be a whole number"),
        ("POOL_MAX", "1", "not be less than REVIVA_POOL_MIN"),
        ("POOL_TIMEOUT", "0", "must be more than 0"),
        ("PORT", "65536", "must be at most 65535"),
        ("WORKERS", "0", "must be at least 1"),
        ("SECRET_KEY", "too-short", "at least 32 characters"),
        ("PUBLIC_URL", "shop.example", "must start with http:// or https://"),
        ("PUBLIC_URL", "https://shop.example/?x", "must end with its path"),
        ("ALLOWED_ORIGINS", "https://a.example,*", "is not an origin"),
        ("ALLOWED_ORIGINS", "https://a.example/book", "is not an origin"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "does not appear to be"),
        ("SMTP_URL", "http://mail", "must be like smtp://"),
        ("SMTP_URL", "smtp://mail.example:25", "needs ?from="),
        ("SMTP_URL", "smtp://mail.example:0?from=shop@example.com", "must be like smtp://"),
        ("SMS_URL", "https://sms.example:70000", "ort out of range"),
        ("SMS_URL", "ftp://x", "must start with http:// or https://"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "'text' or 'json'"),
        ("RATE_LIMIT", "maybe", "'on' or 'off'"),
        ("SLOW_QUERY_MS", "-5", "must be at least 0"),
        ("BACKUP_KEEP", "0", "must be at least 1"),
    ],
)
def test_a_wrong_setting_is_named_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"REVIVA_{name}", value)
    with pytest.raises(SettingError) as refused:
        config.load()
    assert refused.value.detail.startswith(f"REVIVA_{name}: ")
    assert told in refused.value.detail
    assert "\n" not in refused.value.detail
    if name in ("SECRET_KEY", "SMTP_URL", "SMS_URL", "DATABASE_URL"):
        assert value not in refused.value.detail


@pytest.mark.parametrize("sign", ["/", "#", "?"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "SMTP_URL", "SMS_URL"])
def test_no_part_of_a_password_is_repeated_that_ends_the_address(
    monkeypatch: pytest.MonkeyPatch, name: str, sign: str
) -> None:
    scheme = {"DATABASE_URL": "postgresql", "SMTP_URL": "smtp", "SMS_URL": "https"}[name]
    monkeypatch.setenv(f"REVIVA_{name}", f"{scheme}://ann:Hunter{sign}2@host.example/x?from=a@b.example")
    with pytest.raises(SettingError, match=f"REVIVA_{name}: .*in a password, write") as refused:
        config.load()
    assert "Hunter" not in refused.value.detail


@pytest.mark.parametrize(
    "url", ["//u:p%2F@[::1]:5432/d", "//a:1,b:2,[::1]/d", "///d?host=/run", "//%2Frun%2Fpg/d", "//u:p:p@h/d?user=a@b"]
)
def test_any_address_of_a_server_is_taken(url: str) -> None:
    assert config.load(database_url=f"postgresql:{url}").database_url == f"postgresql:{url}"


def test_words_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIVA_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("REVIVA_RATE_LIMIT", "Off")
    assert (config.load().log_level, config.load().rate_limit) == ("debug", "off")


@pytest.mark.parametrize("text", [b"\xff\xfe", "REVIVA_PORT=1\n".encode("utf-16"), b"REVIVA_PUBLIC_URL=\xe9\n"])
def test_a_file_that_is_no_utf_8_is_told(text: bytes) -> None:
    Path(".env").write_bytes(text)
    with pytest.raises(SettingError, match="UTF-8"):
        config.load()


@pytest.mark.parametrize("line", ['REVIVA_PUBLIC_URL="https://x.example', "nonsense line"])
def test_a_line_that_is_none_is_told(line: str) -> None:
    Path(".env").write_text(f"# ours\nREVIVA_PORT=8001\n{line}\n")
    with pytest.raises(SettingError, match=r"Line 3 of the file \.env"):
        config.load()


def test_what_looks_like_a_setting_and_is_none_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.unknown() == []
    Path(".env").write_text("REVIVA_PORT=8001\nREVIVA_POOL_MAXX=3\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("REVIVA_WORKER", "2")
    assert config.unknown() == ["REVIVA_POOL_MAXX", "REVIVA_WORKER"]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(text: str, origin: str) -> None:
    assert config.load(allowed_origins=f" {text} ,").allowed_origins == (origin,)


def test_secrets_are_not_shown_with_the_settings() -> None:
    secret = "s3cret-" * 6
    settings = config.load(
        secret_key=secret, smtp_url=f"smtp://u:{secret}@mail.example?from=shop@example.com",
        sms_url=f"https://sms.example/?key={secret}", database_url=f"postgresql://u:{secret}@db/shop",
    )  # fmt: skip
    assert secret not in repr(settings) + str(settings)
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == secret


def test_a_copy_of_a_shop_gets_the_key_of_the_shop_and_no_other(tmp_path: Path) -> None:
    shop, copy = (config.load(database_url=f"sqlite:///{tmp_path}/{name}.db") for name in ("shop", "copy"))
    assert signing.known(shop) is None
    assert signing.carry(shop, copy) is None  # there is none yet
    token = signing.load(shop).token("purpose", 1)
    made = signing.carry(shop, copy)
    assert made == tmp_path / "copy.db.key"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert signing.load(copy).token("purpose", 1) == token
    assert signing.carry(shop, copy) is None
    assert signing.carry(shop, config.load(database_url="postgresql://db/shop")) == Path("reviva.key")
    made.write_text("x" * 40)
    with pytest.raises(SettingError, match="holds another key"):
        signing.carry(shop, copy)
    assert signing.carry(config.load(secret_key="x" * 40), copy) is None


def test_a_key_is_made_once_beside_the_database_for_its_owner_alone(tmp_path: Path) -> None:
    settings = config.load(database_url=f"sqlite:///{tmp_path}/shop.db")
    token = signing.load(settings).token("purpose", 1)
    kept = tmp_path / "shop.db.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert signing.load(settings).token("purpose", 1) == token
    assert signing.load(config.load(secret_key=kept.read_text().strip())).token("purpose", 1) == token
    assert signing.key_file(config.load(database_url="postgresql://db/shop")) == Path("reviva.key")
    kept.write_text("short\n")
    with pytest.raises(SettingError, match="holds no key"):
        signing.load(settings)
    with pytest.raises(SettingError, match="can't be read or written"):
        signing.kept_key(tmp_path / "no such folder" / "key")
