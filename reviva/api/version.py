"""Which version of a thing a change is for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

from pydantic import Field

from reviva.api.call import Call, Handler
from reviva.errors import MalformedRequest, VersionConflict

Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="Of what is changed; `If-Match` says the same.")]

NO_VERSION: Final = 0
"""Of nothing there is."""
MOST: Final = 10
"""Versions that one request may name."""
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS: Final = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_VERSION: Final = re.compile(r'"([1-9]\d{0,8})"', re.ASCII)


def unsent(description: str | None = None) -> Any:
    """The default of a field that may be left out of a change, but not be null."""
    return Field(default_factory=lambda: None, description=description)


UNSENT: Any = unsent()


def matching(header: str | None) -> Sequence[int | None]:
    """The versions that an `If-Match` names, the newest first: of any of them the change is. None is any version.

    A tag that is weak names its version all the same: a proxy that compresses makes them so. Raises `MalformedRequest`
    for what is no list of entity tags (RFC 9110).
    """
    if header is None or (header := header.strip()) == "*":
        return [None]
    if not _TAGS.fullmatch(header):
        raise MalformedRequest('If-Match must be * or entity tags, such as "3".')
    named = sorted({int(number) for number in _VERSION.findall(header)}, reverse=True)
    if len(named) > MOST:
        raise MalformedRequest(f"If-Match may name {MOST} versions.")
    return named or [NO_VERSION]


def answered(call: Call, handler: Handler) -> Any:
    """What a handler answers for the first of the versions in `If-Match` that is the present one.

    A handler that meets another version has changed nothing.
    """
    *others, last = matching(call.header("If-Match"))
    for call.version in others:
        with suppress(VersionConflict):
            return handler(call)
    call.version = last
    return handler(call)


def sent(call: Call) -> tuple[int | None, dict[str, Any]]:
    """The version that the request names, None where it names none, and the fields that were sent.

    Raises `VersionConflict` where the body and `If-Match` name different ones.
    """
    fields = call.body.model_dump(exclude_unset=True, by_alias=True) if call.body is not None else {}
    named = fields.pop("version", None)
    if None not in (named, call.version) and named != call.version:
        raise VersionConflict
    return named if call.version is None else call.version, fields
