"""Reads what a request carries, strictly: the body with a cap and a deadline, and the query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from email.message import Message
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import gevent
import orjson
from gevent import monkey
from pydantic import BaseModel, ValidationError

from reviva.errors import BodyTooLarge, Fault, Invalid, MalformedRequest, NotJSON, RequestTimeout
from reviva.validation import misfits

CAP: Final = 64 * 1024
"""Bytes: the contract's 64 KiB."""

MOST_PARAMETERS: Final = 100

Model = TypeVar("Model", bound=BaseModel)


def read_body(environ: Mapping[str, Any], deadline: float) -> bytes:
    """The raw JSON body, b"" when there is none.

    `deadline` is in seconds and bounds the whole body: without it a client that sends half of one keeps its place among
    the worker's connections for ever. Raises the errors 400, 408, 413 and 415.
    """
    length = _length(environ)
    if length == 0:
        return b""
    _must_be_json(environ)
    if length is not None and length > CAP:
        raise BodyTooLarge
    body = _read(environ["wsgi.input"], CAP + 1 if length is None else length, deadline)
    if len(body) > CAP:
        raise BodyTooLarge
    if length is not None and len(body) < length:
        raise MalformedRequest("The body is shorter than its Content-Length.")
    return body


def _length(environ: Mapping[str, Any]) -> int | None:
    """The declared length; None for a chunked body, whose length shows only at its end."""
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    declared = environ.get("CONTENT_LENGTH") or "0"
    if not (declared.isascii() and declared.isdigit()):
        raise MalformedRequest("Content-Length is not a number.")
    return int(declared)


def _must_be_json(environ: Mapping[str, Any]) -> None:
    declared = environ.get("CONTENT_TYPE") or ""
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise NotJSON("A compressed body is not accepted.")
    if declared == "application/json":
        return
    header = Message()
    header["content-type"] = declared
    if not declared or header.get_content_type() != "application/json":
        raise NotJSON
    if str(header.get_param("charset", "utf-8")).lower() not in ("utf-8", "utf8"):
        raise NotJSON("The body must be UTF-8.")


def _read(stream: Any, size: int, deadline: float) -> bytes:
    """Up to `size` bytes; gunicorn raises OSErrors and its own exceptions for a body that breaks off or is garbled."""
    timeout = gevent.Timeout(deadline) if monkey.is_module_patched("socket") else None
    try:
        if timeout:
            timeout.start()
        return bytes(stream.read(size))
    except gevent.Timeout as fired:
        if fired is not timeout:
            raise
        stream.failed = True  # tells gunicorn not to wait for the rest, and to close the connection
        raise RequestTimeout("The body took too long to arrive.") from None
    except Exception as problem:
        raise MalformedRequest("The body can't be read.") from problem
    finally:
        if timeout:
            timeout.close()


def parse_body(raw: bytes, model: type[Model]) -> Model:
    """`raw` as `model`. Raises 400 for what is not strict JSON, 422 with every fault for what does not fit."""
    if not raw:
        raise MalformedRequest("A JSON body is needed.")
    try:
        orjson.loads(raw)  # refuses NaN, infinite numbers, lone surrogates, wrong UTF-8 and deep nesting
        json.loads(raw, object_pairs_hook=_unique)  # which orjson lets pass, keeping the last
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    except ValueError as problem:
        raise MalformedRequest(f"The body is not valid JSON: {problem}.") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as problem:
        raise Invalid(faults(problem, "body")) from None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice in one object")


def parse_query(text: str, model: type[Model]) -> Model:
    """The query as `model`. An empty value counts as not sent; `token` is for `Call.bearer`. Raises 400 and 422."""
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise MalformedRequest("The query can't be read: it must be percent-encoded UTF-8.") from None
    values: dict[str, str] = {}
    repeated: list[Fault] = []
    for name, value in pairs:
        if name in values:
            repeated.append(Fault(name, "must be given once", "repeated"))
        elif name != "token":
            values[name] = value
    try:
        query = model.model_validate(values)
    except ValidationError as problem:
        raise Invalid([*repeated, *(named_as_sent(each, values) for each in faults(problem, "query"))]) from None
    if repeated:
        raise Invalid(repeated)
    return query


def named_as_sent(fault: Fault, values: Mapping[str, str]) -> Fault:
    """A fault of a query, without the place in a list of a value that was sent alone: nobody sees it as a list."""
    name, _, place = fault.field.partition(".")
    return replace(fault, field=name) if place and "," not in values.get(name, "") else fault


@cache
def empty_query(model: type[BaseModel]) -> Any:
    """What nothing behind the `?` means to `model`: made once, for most requests have none and queries never change.

    Raises 422 where the model needs something, and keeps nothing then.
    """
    return parse_query("", model)


def faults(problem: ValidationError, whole: str) -> list[Fault]:
    """pydantic's errors as ours, without the values; `whole` names a fault that no single field has."""
    return [Fault(".".join(map(str, found.place)) or whole, found.message, found.code) for found in misfits(problem)]
