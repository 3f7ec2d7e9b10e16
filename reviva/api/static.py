"""The static files of `reviva/web`: read once, served with an ETag."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from pydantic import ConfigDict

from reviva.api.call import Answer, Call, Handler
from reviva.api.fields import Query
from reviva.errors import NotFound

_OWN: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors "
)
PAGE_POLICY: Final = _OWN + "'none'"
"""Pages load nothing from elsewhere, run no inline script, and are framed by nobody."""

EVERYWHERE: Final = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""For a script that other sites' pages load. It holds nothing of anybody, so any page may have it."""

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


def folder(name: str) -> Handler:
    """A handler that answers with the file of a folder of `reviva/web` that the path's `file` names."""
    names = [each.name for each in (files("reviva") / "web" / name).iterdir() if each.is_file()]
    handlers = {each: file(f"{name}/{each}") for each in names}

    def serve(call: Call) -> Any:
        try:
            return handlers[call.params["file"]](call)
        except KeyError:
            raise NotFound from None

    return serve


class PageQuery(Query):
    """What stands behind a page's `?` is for its script, or was added by whoever passed the link on."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def file(name: str, policy: str = PAGE_POLICY) -> Handler:
    """A handler that answers with one file of `reviva/web`."""
    content = _read(name)
    kind = _TYPES[name.rpartition(".")[2]]

    def serve(call: Call) -> Answer:
        return Answer(content, headers={"Content-Security-Policy": policy}, content_type=kind)

    serve.__doc__ = f"The file {name}."
    return serve


def framed(name: str) -> Handler:
    """A handler for a page that those sites may frame which may call the API."""
    page = file(name)

    def serve(call: Call) -> Any:
        services = call.services
        sites = sorted({*services.settings.allowed_origins, *services.origins.allowed})
        answer: Answer = page(call)  # type: ignore[assignment]  # a file is always an Answer
        answer.headers["Content-Security-Policy"] = " ".join([_OWN + "'self'", *sites])
        return answer

    serve.__doc__ = page.__doc__
    return serve


def script(*names: str, **headers: str) -> Handler:
    """A handler that answers with one script made of several files in a scope of their own: a page needs one request,
    and never parts of two versions. A style sheet among them becomes the text of a constant of its name.
    """
    parts = [_as_script(name, _read(name).decode()) for name in names]
    content = "\n".join(['(() => {\n"use strict";', *parts, "})();\n"]).encode()

    def serve(call: Call) -> Answer:
        return Answer(content, headers=dict(headers), content_type=_TYPES["js"])

    serve.__doc__ = f"The files {', '.join(names)} as one script."
    return serve


def _as_script(name: str, text: str) -> str:
    stem, _, kind = name.rpartition("/")[2].partition(".")
    return text if kind == "js" else f"const {stem} = {json.dumps(text)};"


def _read(name: str) -> bytes:
    return (files("reviva") / "web" / name).read_bytes()
