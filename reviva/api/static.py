"""The static files of `reviva/web`: read once, served with an ETag."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from gzip import compress
from importlib.resources import files
from string import Template
from typing import Final

from pydantic import ConfigDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Query
from reviva.errors import NotFound

Serve = Callable[[Call], Answer]

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

_EXPORT: Final = re.compile(r"^export ", re.MULTILINE)
_REMARKS: Final = re.compile(r"^ *(?://[^\n]*|/\*.*?\*/)\n", re.MULTILINE | re.DOTALL)
"""Lines that only people read."""
_GZIP: Final = re.compile(r"gzip(\s*;\s*q=(?!0(\.0*)?$).+)?")


class PageQuery(Query):
    """What stands behind a page's `?` is for its script, or was added by whoever passed the link on."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def file(name: str, policy: str = PAGE_POLICY) -> Serve:
    """A handler that answers with one file of `reviva/web`."""
    return _serving(f"The file {name}.", _read(name), name, {"Content-Security-Policy": policy})


def folder(name: str) -> Serve:
    """A handler that answers with the file of a folder of `reviva/web` that the path's `file` names."""
    names = [each.name for each in (files("reviva") / "web" / name).iterdir() if each.is_file()]
    handlers = {each: file(f"{name}/{each}") for each in names}

    def serve(call: Call) -> Answer:
        try:
            return handlers[call.params["file"]](call)
        except KeyError:
            raise NotFound from None

    return serve


def drawn(title: str, script: str, errand: str) -> Serve:
    """A handler for a page that a script draws; `errand` is what for, to whoever allows none."""
    page = Template(_read("pages/page.html").decode()).substitute(title=title, script=script, errand=errand)
    return _serving(f"The page of {script}.", page.encode(), "a.html", {"Content-Security-Policy": PAGE_POLICY})


def framed(name: str) -> Serve:
    """A handler for a page that those sites may frame which may call the API."""
    page = file(name)

    def serve(call: Call) -> Answer:
        services = call.services
        sites = sorted({*services.settings.allowed_origins, *services.origins.allowed})
        answer = page(call)
        answer.headers["Content-Security-Policy"] = " ".join([_OWN + "'self'", *sites])
        return answer

    serve.__doc__ = page.__doc__
    return serve


def script(*names: str, **headers: str) -> Serve:
    """A handler that answers with one script made of several files in a scope of their own: a page needs one request,
    and never parts of two versions. A style sheet among them becomes the text of a constant of its name; what a part
    exports, for pages that are modules, is in the scope anyway.
    """
    parts = [_as_script(name, _read(name).decode()) for name in names]
    content = "\n".join(['(() => {\n"use strict";', *parts, "})();\n"]).encode()
    return _serving(f"The files {', '.join(names)} as one script.", content, "a.js", headers)


def _serving(what: str, content: bytes, name: str, headers: dict[str, str]) -> Serve:
    """A handler of some bytes, which are packed once and not for each browser."""
    kind = _TYPES[name.rpartition(".")[2]]
    packed = compress(content, mtime=0)
    common = {**headers, "Vary": "Origin, Accept-Encoding"}

    def serve(call: Call) -> Answer:
        if _takes_gzip(call.header("Accept-Encoding") or ""):
            return Answer(packed, headers={**common, "Content-Encoding": "gzip"}, content_type=kind)
        return Answer(content, headers=dict(common), content_type=kind)

    serve.__doc__ = what
    return serve


def _takes_gzip(accepted: str) -> bool:
    return any(_GZIP.fullmatch(each.strip()) for each in accepted.split(","))


def _as_script(name: str, text: str) -> str:
    stem, _, kind = name.rpartition("/")[2].partition(".")
    text = _REMARKS.sub("", text)
    return _EXPORT.sub("", text) if kind == "js" else f"const {stem} = {json.dumps(text)};"


def _read(name: str) -> bytes:
    return (files("reviva") / "web" / name).read_bytes()
