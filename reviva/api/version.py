"""Which version of a thing a change is for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from reviva.api.call import Call
from reviva.errors import VersionConflict

Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="Of what is changed; `If-Match` says the same.")]


def unsent(description: str | None = None) -> Any:
    """The default of a field that may be left out of a change, but not be null."""
    return Field(default_factory=lambda: None, description=description)


UNSENT: Any = unsent()


def sent(call: Call) -> tuple[int | None, dict[str, Any]]:
    """The version that the request names, None where it names none, and the fields that were sent.

    Raises `VersionConflict` for an `If-Match` that is no version, or another one than the body's.
    """
    fields = call.body.model_dump(exclude_unset=True, by_alias=True) if call.body is not None else {}
    named, header = fields.pop("version", None), call.header("If-Match")
    if header is None or header.strip() == "*":
        return named, fields
    number = header.strip().removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdecimal() and len(number) < 10) or named not in (None, int(number)):
        raise VersionConflict
    return int(number), fields
