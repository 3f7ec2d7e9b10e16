"""What a query means to someone who knows the catalog's words: what was left out, run together, split or mistyped."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import NamedTuple, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from reviva.words import MOST_WORDS, Alternative, Group, words

K = TypeVar("K")
V = TypeVar("V")

_SIMS = re.compile(r"/(ds|dsn|ss)\b", re.IGNORECASE)
"""What Samsung adds to a model number where it has two SIM cards, or one."""

MANY = 10
"""So many models that have a word are reason enough not to doubt it."""
EVERYWHERE = 8
"""A word on models of so many brands (`pro`, `mini`) only says more of the word before it."""
MOST_ALIKE = 6
"""Words that a mistyped one may mean."""
LONGEST = 40
"""Letters of what may be several words run together."""
MOST_PARTS = 3
"""Parts of a query that are tried."""


class Read(NamedTuple):
    """A word, and what it may mean; itself where nothing is known that is like it."""

    typed: str
    group: Group

    def apart(self) -> Sequence[Read]:
        """A word and a number that may be one, as two."""
        either = self.group[-1]
        if len(either) == 2 and "".join(either) == self.typed and either[1].isdigit() and not either[0].isdigit():
            return [Read(each, ((each,),)) for each in either]
        return [self]


class Part(NamedTuple):
    """Some of a query's words that some model has all of."""

    read: tuple[Read, ...]
    bearers: int
    weight: int
    tells: bool
    """Whether one of them says by itself what is looked for."""


class Vocabulary:
    def __init__(self, texts: list[str], repairs: Iterable[str] = ()) -> None:
        """`texts` are the words of each model, its brand's first; `repairs` those of what is done to them."""
        self.texts, self.repairs = texts, set(repairs)
        self.known: dict[str, list[int]] = {}
        for n, text in enumerate(texts):
            for word in text.split():
                self.known.setdefault(word, []).append(n)
        self.brands = {text.partition(" ")[0] for text in texts}
        self.makers = {word: len({texts[n].partition(" ")[0] for n in ns}) for word, ns in self.known.items()}
        self.ordered = sorted(self.known)
        self.sized: dict[int, list[str]] = {}
        for word in self.ordered:
            if not word.isdigit():
                self.sized.setdefault(len(word), []).append(word)
        self._alike: dict[tuple[str, int], Sequence[str]] = {}
        self._read: dict[tuple[str, bool], list[Read]] = {}

    def begins(self, prefix: str) -> bool:
        """Whether some word begins so."""
        return next(self._beginning(prefix), None) is not None

    def _beginning(self, prefix: str) -> Iterator[str]:
        for at in range(bisect_left(self.ordered, prefix), len(self.ordered)):
            if not self.ordered[at].startswith(prefix):
                return
            yield self.ordered[at]

    def bearers(self, group: Group) -> int:
        """Which models meet a group: a number with a byte of one for each that does."""
        return reduce(or_, map(self._meeting, group))

    def _meeting(self, alternative: Alternative) -> int:
        return reduce(and_, map(self._having, alternative))

    def _having(self, prefix: str) -> int:
        flags = bytearray(len(self.texts))
        for word in self._beginning(prefix):
            for n in self.known[word]:
                flags[n] = 1
        return int.from_bytes(flags, "little")

    def readings(self, query: str) -> Iterator[tuple[Group, ...]]:
        """What a query may mean, the likeliest first, each once: groups that must all be met."""
        told = set()
        for reading in self._likely(query):
            groups = tuple(group for _, group in reading)
            if groups and groups not in told:
                told.add(groups)
                yield groups

    def _likely(self, query: str) -> Iterator[Sequence[Read]]:
        """As typed, with unknown words corrected; without what names a repair and is on no such device; with every word
        open to doubt; then as much of it as some model has."""
        read = self.read(query)
        yield read
        parts = self.parts(read)
        yield from (part for part in parts[:1] if set(self._devices(read)) <= set(part))
        yield self._devices(self.read(query, doubt=True))
        yield from parts

    def _devices(self, read: Sequence[Read]) -> list[Read]:
        return [word for word in read if word.typed not in self.repairs]

    def parts(self, read: Sequence[Read]) -> list[tuple[Read, ...]]:
        """The parts of a query that some model has, at most three, those that say most first; none where only numbers
        and words of one or two letters are left, which are on devices of every kind."""
        apart = [each for word in read for each in word.apart()]
        parts = [*self._parts(read), *(self._parts(apart) if len(apart) > len(read) else ())]
        best = sorted(parts, key=lambda part: (-part.weight, part.bearers.bit_count()))
        return [part.read for part in best[:MOST_PARTS]]

    def _parts(self, read: Sequence[Read]) -> Iterator[Part]:
        parts, named = [Part((), -1, 0, False)], None
        for word in read:
            named = named if all(self.is_everywhere(each.typed) for each in word.apart()) else word
            if weight := sum(map(self.weight, word.apart())):
                bearers, tells = self.bearers(word.group), self.tells(word)
                parts += [
                    Part(
                        (*part.read, word), both, part.weight + weight,
                        part.tells or (tells and (named in (None, word, *part.read))),
                    )
                    for part in parts
                    if (both := part.bearers & bearers)
                ]  # fmt: skip
        return (part for part in parts if part.tells)

    def weight(self, word: Read) -> int:
        """How much it would be missed: a known word more than a likely guess, that more than a number, and what names a
        repair least. Of a number and a short word the beginning says next to nothing."""
        typed, group = word
        if not any(map(self.begins, (start for alternative in group for start in alternative))):
            return 0
        if typed in self.repairs:
            return 1
        if typed.isdigit() or (len(typed) < 3 and typed not in self.brands):
            return 8 if typed in self.known else 3
        if group[0] != (typed,):
            return 10 if len(typed) > 4 else 4
        if typed in self.brands:
            return 13
        return 12 if typed in self.known else 9

    def is_everywhere(self, typed: str) -> bool:
        """Whether a word names nothing by itself, and only says more of what is named before it, known or not."""
        if typed in self.brands:
            return False
        return len(typed) < 3 or typed.isdigit() or typed in self.repairs or self.makers.get(typed, 0) >= EVERYWHERE

    def tells(self, word: Read) -> bool:
        """Whether a word says by itself what it is about. What a short one was mistyped for is anybody's guess."""
        typed = word.typed
        if typed in self.brands:
            return True
        return not (typed.isdigit() or typed in self.repairs) and len(typed) >= (3 if self.begins(typed) else 5)

    def read(self, query: str, *, doubt: bool = False) -> list[Read]:
        """A query's words. With `doubt`, even known words may be mistyped."""
        known = self._read.get((query, doubt))
        return known or remember(self._read, (query, doubt), list(self._reads(query, doubt)))

    def _reads(self, query: str, doubt: bool) -> Iterator[Read]:
        typed = words(_SIMS.sub(" ", query))[:MOST_WORDS]
        while typed:
            pair = "".join(typed[:2])
            if len(typed) > 1 and (group := self.paired(pair, *typed[:2])):
                yield Read(pair, group)
                del typed[:2]
            else:
                yield Read(typed[0], self.meant(typed.pop(0), doubt))

    def paired(self, pair: str, first: str, second: str) -> Group:
        """`mac book` as (macbook), and mistyped; nothing where two words are two."""
        known = self.begins(first), self.begins(second)
        if pair in self.known or (not known[1] and self.begins(pair)):
            return ((pair,), (first, second)) if all(known) else ((pair,),)
        return () if all(known) or not pair.isalpha() else tuple((near,) for near in self.near(pair, 1))

    def meant(self, word: str, doubt: bool = False) -> Group:
        """What one typed word may mean."""
        if self.begins(word):
            doubted = doubt and not (len(word) > 3 and len(self.known.get(word, ())) >= MANY)
            return ((word,), *self.numbered(word), *(self.guesses(word, doubt) if doubted else ()))
        return (word not in self.repairs and self.guesses(word, doubt)) or ((word,),)

    def numbered(self, word: str) -> Group:
        """`iphone13` as (iphone, 13): a known word and a number, typed as one."""
        found = re.fullmatch(r"([^\W\d]{3,})(\d+)", word)
        return (found.groups(),) if found and found[1] in self.known and self.begins(found[2]) else ()

    def guesses(self, word: str, doubt: bool = False) -> Group:
        """Known words for one that is not: run together, or mistyped."""
        apart = tuple(islice(filter(self.fit, self.split(word)), MOST_ALIKE))
        if apart and not word.isalpha():
            return apart
        alike = self.near(word, doubt=doubt)
        if (alike and not apart) or self.one_off(word, alike):  # likelier than a second word not finished
            whole = (parts for parts in apart if all(part in self.known for part in parts))
            return (*whole, *((near,) for near in alike))
        return apart or self.shortened(word) or tuple(self.split_near(word))

    def fit(self, parts: Alternative) -> bool:
        """Whether some model has all the parts of a word; side by side if they are numbers, `101` for 10.1."""
        if "".join(parts).isdigit():
            return any(f" {' '.join(parts)}" in text for text in self.texts)
        return self._meeting(parts) != 0

    def shortened(self, word: str) -> Group:
        """`dw0009na` as (dw000): how a number begins that says more, on a label, than the model's."""
        likely = (word[:end] for end in range(len(word) - 1, 3, -1) if any(c.isdigit() for c in word[:end]))
        return tuple((start,) for start in likely if not start.isdigit() and self.begins(start))[:1]

    def split(self, word: str) -> Iterator[Alternative]:
        """`galaxys21` as (galaxy, s21): a known word of at least three letters, then the beginning of another.

        A number stays whole, or is two: so many digits could be cut in as many ways as two to the power of them.
        """
        for cut in range(len(word) - 1, 0, -1) if len(word) <= LONGEST else ():
            head, tail = word[:cut], word[cut:]
            inside = word[cut - 1 : cut + 1].isdigit()
            if head in self.known and (cut > 2 or head.isdigit()) and (not inside or word.isdigit()):
                if self.begins(tail):
                    yield head, tail
                    yield from ((head, *rest) for rest in self.numbered(tail))
                elif not inside:
                    yield from ((head, *rest) for rest in self.split(tail))

    def split_near(self, word: str) -> Iterator[Alternative]:
        """`macbokair` as (macbook, air): the first part mistyped."""
        for cut in range(len(word) - 2, 4, -1):
            if self.begins(word[cut:]):
                yield from ((head, word[cut:]) for head in self.near(word[:cut], 1))

    def near(self, word: str, most: int = 2, *, doubt: bool = True) -> Sequence[str]:
        """The known words at the smallest distance in insertions, deletions, substitutions and swapped neighbours
        ("optimal string alignment"), those of most models first: at most one from three letters on, two from five.

        Without `doubt` only the likeliest of those at a distance of one: that have a letter more, or two swapped.
        """
        most = min(most, 0 if len(word) < 3 else 1 if len(word) < 6 else 2)
        if not most or word.isdigit():
            return ()
        alike = self._alike.get((word, most))
        if alike is None:
            alike = remember(self._alike, (word, most), self._nearest(word, most)[:50])
        if not doubt and self.one_off(word, alike):
            alike = [known for known in alike if len(known) > len(word) or sorted(known) == sorted(word)] or alike
        return alike[:MOST_ALIKE]

    def _nearest(self, word: str, most: int) -> list[str]:
        sizes = range(len(word) - most, len(word) + most + 1)
        likely = [known for size in sizes for known in self.sized.get(size, ()) if known != word]
        scored = process.extract(word, likely, scorer=OSA.distance, score_cutoff=most, limit=None)
        best = min((distance for _, distance, _ in scored), default=0)
        nearest = sorted(known for known, distance, _ in scored if distance == best)
        return sorted(nearest, key=lambda known: -len(self.known[known]))

    def one_off(self, word: str, alike: Sequence[str]) -> bool:
        """Whether the words nearest to one are at a distance of one."""
        return bool(alike) and OSA.distance(word, alike[0]) == 1


def remember(known: dict[K, V], key: K, value: V) -> V:
    """Keeps a value, among not too many: people type what they like."""
    if len(known) > 10_000:
        known.clear()
    return known.setdefault(key, value)
