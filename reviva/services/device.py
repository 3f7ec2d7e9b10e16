"""What a model of a device is called and found by, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from reviva import words


def search_columns(
    category: str, brand: str, brand_aliases: Iterable[str], name: str, aliases: Iterable[str], numbers: Iterable[str]
) -> dict[str, str]:
    """What a model is found by: its title's words, and those with its other names, numbers and category."""
    title = words.joined([brand, name])
    plain = ["".join(words.words(number)) for number in numbers]
    return {
        "title_text": f" {title} ",
        "search_text": words.joined([title, *brand_aliases, *aliases, *numbers, *plain, category]),
    }


def model_slug(brand: str, name: str) -> str:
    """`apple-iphone-13-pro`; the brand is not said twice."""
    slug = "-".join(words.words(name))
    return slug if slug.startswith(f"{brand}-") else f"{brand}-{slug}"
