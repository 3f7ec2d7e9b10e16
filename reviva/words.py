"""Text as search words: what is stored to be found, and what people type to find it, go through the same door."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

Alternative = tuple[str, ...]
"""Words that must all be there."""
Group = tuple[Alternative, ...]
"""Alternatives of which one must be there."""

K = TypeVar("K")
V = TypeVar("V")

_WORD = re.compile(r"[^\W_]+")

_SIMS = re.compile(r"/(ds|dsn|ss)\b", re.IGNORECASE)
"""What Samsung adds to a model number where it has two SIM cards, or one."""

_REFERENCE = re.compile(r"\bRV-", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")

MOST_WORDS = 8
"""Of a query; what follows is ignored."""


def words(text: str) -> list[str]:
    """Lower-case words of letters and digits, without accents; `S21+` is `s21 plus`."""
    text = text.replace("+", " plus ")
    if text.isascii():  # most are, and need none of the rest
        return _WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))


def addresses(text: str) -> list[str]:
    """The e-mail addresses in a text, each run together to one word: its parts alone are in too many others."""
    return ["".join(words(address)) for address in _ADDRESS.findall(text)] if "@" in text else []


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


class Vocabulary:
    """The words of a catalog, to read a query by: what was left out, run together, split or mistyped."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.known = {word for text in texts for word in text.split()}
        self.ordered = sorted(self.known)
        self._guesses: dict[str, Group] = {}
        self._readings: dict[tuple[str, bool], tuple[Group, ...]] = {}

    def begins(self, prefix: str) -> bool:
        """Whether some word begins so."""
        at = bisect_left(self.ordered, prefix)
        return at < len(self.ordered) and self.ordered[at].startswith(prefix)

    def groups(self, query: str, *, doubt: bool = False) -> tuple[Group, ...]:
        """What a query may mean: groups that must all be met. With `doubt`, even known words may be mistyped."""
        known = self._readings.get((query, doubt))
        if known is None:
            known = remember(self._readings, (query, doubt), tuple(self._groups(query, doubt)))
        return known

    def _groups(self, query: str, doubt: bool) -> list[Group]:
        typed = words(_SIMS.sub(" ", query))[:MOST_WORDS]
        found: list[Group] = []
        while typed:
            pair = "".join(typed[:2])
            if len(typed) > 1 and (pair in self.known or (not self.begins(typed[1]) and self.begins(pair))):
                apart = (tuple(typed[:2]),) if all(map(self.begins, typed[:2])) else ()
                found.append(((pair,), *apart))
                del typed[:2]
                continue
            found.append(self.read(typed.pop(0), doubt))
        return found

    def read(self, word: str, doubt: bool) -> Group:
        """What one typed word may mean; itself where nothing is known that is like it."""
        if self.begins(word):
            return ((word,), *self.numbered(word), *(self.guesses(word) if doubt else ()))
        return self.guesses(word) or ((word,),)

    def numbered(self, word: str) -> Group:
        """`iphone13` as (iphone, 13): a known word and a number, typed as one."""
        found = re.fullmatch(r"([^\W\d]{3,})(\d+)", word)
        return (found.groups(),) if found and found[1] in self.known and self.begins(found[2]) else ()

    def guesses(self, word: str) -> Group:
        """Known words for one that is not: run together, or mistyped."""
        if (known := self._guesses.get(word)) is not None:
            return known
        apart = tuple(self.split(word))
        alike = () if apart else tuple((near,) for near in self.near(word))
        return remember(self._guesses, word, apart or alike or self.shortened(word) or tuple(self.split_near(word)))

    def shortened(self, word: str) -> Group:
        """`dw0009na` as (dw000): how a number begins that says more, on a label, than the model's."""
        likely = (word[:end] for end in range(len(word) - 1, 3, -1) if any(c.isdigit() for c in word[:end]))
        return tuple((start,) for start in likely if not start.isdigit() and self.begins(start))[:1]

    def split(self, word: str) -> Iterator[Alternative]:
        """`galaxys21` as (galaxy, s21): a known word of at least three letters, then the beginning of another."""
        for cut in range(len(word) - 1, 0, -1):
            head, tail = word[:cut], word[cut:]
            if head in self.known and (cut > 2 or head.isdigit()):
                if self.begins(tail):
                    yield head, tail
                    yield from ((head, *rest) for rest in self.numbered(tail))
                else:
                    yield from ((head, *rest) for rest in self.split(tail))

    def split_near(self, word: str) -> Iterator[Alternative]:
        """`macbokair` as (macbook, air): the first part mistyped."""
        for cut in range(len(word) - 2, 4, -1):
            if self.begins(word[cut:]):
                yield from ((head, word[cut:]) for head in self.near(word[:cut], 1))

    def near(self, word: str, most: int | None = None) -> list[str]:
        """The known words at the smallest distance in insertions, deletions, substitutions and swapped neighbours
        ("optimal string alignment"): at most one from three letters on, two from five."""
        most = (0 if len(word) < 3 else 1 if len(word) < 5 else 2) if most is None else most
        if not most or word.isdigit():
            return []
        likely = [known for known in self.ordered if abs(len(known) - len(word)) <= most and not known.isdigit()]
        scored = process.extract(word, likely, scorer=OSA.distance, score_cutoff=most, limit=12)
        best = min((distance for _, distance, _ in scored), default=0)
        return [known for known, distance, _ in scored if distance == best and known != word][:6]


def remember(known: dict[K, V], key: K, value: V) -> V:
    """Keeps a value, among not too many: people type what they like."""
    if len(known) > 10_000:
        known.clear()
    return known.setdefault(key, value)


def tsquery(groups: Iterable[Group], *, every: bool = True) -> str:
    """The groups as PostgreSQL's tsquery, each word a prefix. `every`: all groups must be met, else one."""
    return _boolean(groups, "'{}':*", " & ", " | ", every)


def fts5(groups: Iterable[Group], *, every: bool = True) -> str:
    """The same as FTS5's query."""
    return _boolean(groups, '"{}" *', " AND ", " OR ", every)


def _boolean(groups: Iterable[Group], prefix: str, both: str, either: str, every: bool) -> str:
    def all_of(alternative: Alternative) -> str:
        return "(" + both.join(prefix.format(word) for word in alternative) + ")"

    return (both if every else either).join("(" + either.join(map(all_of, group)) + ")" for group in groups)
