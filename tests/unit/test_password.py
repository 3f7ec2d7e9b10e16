"""Which passwords are good enough, and that hashing them does not stop the others."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from reviva.errors import Invalid
from reviva.services.password import MOST, NOBODY, Passwords, check
from tests.waiting import in_real_time

ABOUT = ("ada.lovelace@example.com", "Ada Lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "password", "Password123!", "P@ssw0rd", "passwordpassword", "12345678", "abcdefgh", "98765432", "aaaaaaaa",
        "abababab", "qwertyuiop", "iloveyou2", "letmein!!", "Summer2025", "11112222", "Liverpool1", "\uff50assword",
        "password1234567", "1qaz@WSX", "!qaz2wsx", "asdfqwer", "09876543", "Drowssap1", "abcabcabc", "25121990",
        "2024-01-31", "TrustNo1!", "Charlotte99", "letmeinplease", "screenrepair", "q7x!q7x!q7x!", "Dr4g0nM0nk3y",
    ],
)  # fmt: skip
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(password, ())
    assert refused.value.faults[0].code == "password-common"


@pytest.mark.parametrize(
    "password", ["lovelace1", "AdaLovelace!", "Reviva2026", "reviva-ada.lovelace", "admin@reviva1"]
)
def test_what_is_made_of_the_person_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(password, ABOUT)
    assert refused.value.faults[0].code == "password-personal"


@pytest.mark.parametrize("password", ["short7!", "x" * 3, "", "ab" * 65])
def test_length_is_eight_to_a_hundred_and_twenty_eight(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(password, ABOUT)
    assert refused.value.faults[0].code == "password-length"


@pytest.mark.parametrize(
    "password",
    [
        "tall blue giraffe",
        "zq8#kd0v",
        "violet-tugboat-73",
        "monkey dragon sunshine",
        "bluexk7q",
        "839201756342",
        "\u00fcber den wolken",
        "x1" + "yz7" * 42,
        "пароль мой длинный",
    ],
)
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    check(password[:MOST], ABOUT)


@pytest.mark.usefixtures("hash_anew")
def test_a_password_typed_on_another_keyboard_is_the_same() -> None:
    passwords = Passwords()
    stored = passwords.hash("caf\u00e9 au lait")
    assert passwords.verify(stored, "cafe\u0301 au lait")
    assert not passwords.verify(stored, "cafe au lait")


@pytest.mark.usefixtures("hash_anew")
def test_nobody_has_a_password_and_its_hash_is_of_the_same_cost() -> None:
    passwords = Passwords()
    assert not passwords.verify(None, "anything")
    assert not passwords.outdated(NOBODY)
    assert not passwords.verify("not a hash", "anything")


GREEN = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from reviva.services.password import Passwords
passwords = Passwords()
stored = passwords.hash("x")
late = []
def beat():
    while True:
        before = time.perf_counter(); gevent.sleep(0.001); late.append(time.perf_counter() - before)
def longest():
    late.clear()
    jobs = [gevent.spawn(passwords.verify, stored, "x") for _ in range(8)]
    gevent.joinall(jobs); assert all(job.value for job in jobs)
    return max(late)
beating = gevent.spawn(beat)
print(min(longest() for _ in range(3)))
"""
"""The best of three rounds: what the hashing stops it stops in each, and what else the machine is doing does not."""


def test_eight_logins_at_once_leave_the_other_greenlets_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", GREEN], capture_output=True, text=True, timeout=60, check=True)
    with in_real_time():
        assert float(ran.stdout) < 0.05


def test_the_list_is_in_order_and_each_word_is_as_it_is_compared() -> None:
    from reviva.services.password_guess import common_passwords

    words = sorted(common_passwords())
    assert len(words) > 1500
    assert all(first < second for first, second in pairwise(words))
    assert all(word == word.casefold() for word in words)
