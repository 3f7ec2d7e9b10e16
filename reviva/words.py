"""Text as search words: what is stored to be found, and what people type to find it, go through the same door."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

Alternative = tuple[str, ...]
"""Words that must all be there."""
Group = tuple[Alternative, ...]
"""Alternatives of which one must be there."""

_WORD = re.compile(r"[^\W_]+")

_STROKED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
"""Letters whose strokes are no accents to Unicode, as people type them who lack the keys."""

_REFERENCE = re.compile(r"\bRV-", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
SHORTEST_OPENING = 3
"""Letters. Shorter ones are in so many words that a list which is searched for them is just walked through."""
_LETTERS = re.compile(rf"([a-z]{{{SHORTEST_OPENING},}})[^a-z]")
_ASCII = re.compile(r"([a-z0-9]+)[^a-z0-9]")

MOST_WORDS = 8
"""Of a query; what follows is ignored."""


def words(text: str) -> list[str]:
    """Lower-case words of letters and digits, without accents; `S21+` is `s21 plus`."""
    text = text.replace("+", " plus ")
    if text.isascii():  # most are, and need none of the rest
        return _WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_STROKED)
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))


def addresses(text: str) -> list[str]:
    """The e-mail addresses in a text, each run together to one word: its parts alone are in too many others. The word
    begins with a 0, lest everybody's address be among what begins with their name."""
    return ["0" + "".join(words(address)) for address in _ADDRESS.findall(text)] if "@" in text else []


def asked(query: str) -> list[str]:
    """The words that a query looks for, without knowing what there is; of a booking's reference what tells it apart."""
    rest = _REFERENCE.sub(" ", _ADDRESS.sub(" ", query))
    return [*addresses(query), *words(rest)][:MOST_WORDS]


def called(brand: str, model: str) -> str:
    """What people call a device: some models carry their brand in their name."""
    return model if model.casefold().startswith(f"{brand.casefold()} ") else f"{brand} {model}"


def joined(texts: Iterable[str]) -> str:
    """The distinct words of some texts between single spaces, in order: what a `search_text` column holds."""
    return " ".join(dict.fromkeys(word for text in texts for word in (*words(text), *addresses(text))))


def openings(word: str) -> list[str]:
    """What a word begins with besides, as a word: its letters up to a digit, its ASCII up to something else.

    So every other word that begins with some letters from a to z goes on with such a letter; one that begins with
    letters and digits, with either (see `common_words`).
    """
    return [found[1] for found in (_LETTERS.match(word), _ASCII.match(word)) if found]


def searchable(texts: Iterable[str]) -> str:
    """The words of some texts and their openings, each once: what a person or a booking is found by."""
    found = joined(texts).split(" ")
    return " ".join(dict.fromkeys([*found, *(opening for word in found for opening in openings(word))]))


def tsquery(groups: Iterable[Group]) -> str:
    """The groups as PostgreSQL's tsquery, each word a prefix."""
    return _boolean(groups, "'{}':*", " & ", " | ")


def fts5(groups: Iterable[Group]) -> str:
    """The same as FTS5's query."""
    return _boolean(groups, '"{}" *', " AND ", " OR ")


def _boolean(groups: Iterable[Group], prefix: str, both: str, either: str) -> str:
    def all_of(alternative: Alternative) -> str:
        return "(" + both.join(prefix.format(word) for word in alternative) + ")"

    return both.join("(" + either.join(map(all_of, group)) + ")" for group in groups)
