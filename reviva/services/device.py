"""What a model of a device is called and found by, wherever it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reviva import words

_ASIDE = re.compile(r"\([^)]*\)")
"""What tells models of one name apart: a size, a year, a generation."""


def search_columns(
    category: str, brand: str, brand_aliases: Iterable[str], name: str, aliases: Iterable[str], numbers: Iterable[str]
) -> dict[str, str | int]:
    """What a model is found by: the words of its names, how plain its name is, and every word there is for it."""
    title = words.words(" ".join([brand, name, *aliases]))
    plain = ["".join(words.words(number)) for number in numbers]
    base, whole = (len(words.words(text)) for text in (_ASIDE.sub(" ", name), name))
    return {
        "title_text": f" {' '.join(title)} ",
        "title_weight": 4 * base + (whole - base),
        "search_text": words.joined([*title, *brand_aliases, *numbers, *plain, category]),
    }


def model_slug(brand: str, name: str) -> str:
    """`apple-iphone-13-pro`; the brand is not said twice."""
    slug = "-".join(words.words(name))
    return slug if slug.startswith(f"{brand}-") else f"{brand}-{slug}"
