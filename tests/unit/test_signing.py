"""Tokens and signatures: made here, for one purpose, or not accepted."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviva.errors import SettingError
from reviva.signing import Signer, decode, digest, encode, kept_key

SIGNER = Signer(b"k" * 32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_was_signed_comes_back_unchanged(content: object) -> None:
    signed = SIGNER.sign("quote", content)
    assert SIGNER.open("quote", signed) == content
    assert set(signed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(st.data())
def test_whatever_was_changed_on_the_way_is_refused(data: st.DataObject) -> None:
    signed = SIGNER.sign("quote", {"total": 24_900})
    at = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != signed[at]))
    for wrong in (signed[:at] + other + signed[at + 1 :], signed[:at], signed + other, ""):
        with pytest.raises(ValueError, match="not signed here"):
            SIGNER.open("quote", wrong)


def test_another_purpose_or_another_key_makes_another_signature() -> None:
    signed = SIGNER.sign("quote", 1)
    for signer, purpose in ((SIGNER, "unsubscribe"), (Signer(b"l" * 32), "quote")):
        with pytest.raises(ValueError, match="not signed here"):
            signer.open(purpose, signed)
    tokens = [SIGNER.token(*parts) for parts in (("a", "bc"), ("ab", "c"), ("a", "b", "c"), ("abc",), ("a", "b c"))]
    assert len(set(tokens)) == len(tokens)
    assert {len(token) for token in tokens} == {43}


@given(st.binary())
def test_base64_for_urls_has_no_padding_and_comes_back(data: bytes) -> None:
    assert "=" not in encode(data)
    assert decode(encode(data)) == data


@pytest.mark.parametrize("text", ["a", "é", "ab\N{SNOWMAN}"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not base64"):
        decode(text)


def test_of_a_token_only_its_digest_is_stored() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_program_comes_with_nobodys_secrets() -> None:
    """A shop that runs where the program was cloned would sign with a key that is there, which all can read."""
    root = Path(__file__).parents[2]
    kept = subprocess.run(
        ["git", "ls-files", "*.key", ".env", "*.db", "*.zip"], cwd=root, capture_output=True, text=True
    )
    if kept.returncode:
        pytest.skip("this is no git repository")
    assert kept.stdout == ""


def test_a_key_that_a_full_disk_did_not_take_is_made_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingError, match="No space left"):
        kept_key(tmp_path / "reviva.key")
    monkeypatch.undo()
    assert kept_key(tmp_path / "reviva.key") == kept_key(tmp_path / "reviva.key")
