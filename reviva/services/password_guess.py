"""How few guesses a password takes: of how few things that anybody would try it is put together."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import Final

ENOUGH: Final = 6
"""What a password must cost. A part that is tried early (a word, a run of keys, a date) costs as much as two signs."""
PART, SIGN, REPEATED = 2, 1, 1
LONGEST: Final = 24
"""Characters of the longest part that is looked for."""

LEET: Final = str.maketrans("013457@$!", "oieastasi")
_UNSHIFTED: Final = str.maketrans("!@#$%^&*()", "1234567890")
_ROWS: Final = (
    "1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz",
    *(a + b + c + d for a, b, c, d in zip("1234567", "qwertyu", "asdfghj", "zxcvbnm", strict=True)),
)  # fmt: skip
"""Keys side by side, and those below one another."""
_RUNS: Final = " ".join((*_ROWS, *(row[::-1] for row in _ROWS)))
_DATE: Final = re.compile(
    r"(19|20)\d\d|(0?[1-9]|[12]\d|3[01])(?P<a>[./-]?)(0[1-9]|1[0-2])(?P=a)(19|20)\d\d"
    r"|(0[1-9]|1[0-2])(?P<b>[./-]?)(0[1-9]|[12]\d|3[01])(?P=b)(19|20)\d\d"
    r"|(19|20)\d\d(?P<c>[./-]?)(0[1-9]|1[0-2])(?P=c)(0[1-9]|[12]\d|3[01])"
)


def is_guessable(bare: str) -> bool:
    """Whether a password, in small letters, is put together of too little."""
    unit = _repeated(bare)
    return cost(unit) + (REPEATED if unit != bare else 0) < ENOUGH


def cost(text: str) -> int:
    """What the cheapest way to put a text together costs."""
    costs = [0]
    for end in range(1, len(text) + 1):
        costs.append(
            min(
                [costs[end - 1] + SIGN]
                + [costs[start] + PART for start in range(max(0, end - LONGEST), end - 2) if _is_part(text[start:end])]
            )
        )
    return costs[-1]


def _is_part(part: str) -> bool:
    """Whether three characters or more are something that is tried early."""
    unshifted = part.translate(_UNSHIFTED)
    words = {part, part[::-1], part.translate(LEET), unshifted}
    return (
        bool(words & common_passwords())
        or unshifted in _RUNS
        or len(set(part)) == 1
        or _DATE.fullmatch(part) is not None
    )


def _repeated(text: str) -> str:
    """The unit of which a text is made by saying it again and again, or the text itself."""
    return text[: (text + text).find(text, 1)] if text else text


@cache
def common_passwords() -> frozenset[str]:
    """The list, a word on each line."""
    with (files("reviva.data") / "common_passwords.csv").open(encoding="utf-8") as file:
        return frozenset(row["password"] for row in csv.DictReader(file))
