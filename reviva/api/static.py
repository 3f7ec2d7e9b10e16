"""The static files of `reviva/web`: read once, served with an ETag."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from reviva.api.call import Answer, Call, Handler
from reviva.errors import NotFound

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Pages load nothing from elsewhere, run no inline script, and are framed by nobody."""

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


def file(name: str, policy: str = PAGE_POLICY) -> Handler:
    """A handler that answers with one file of `reviva/web`."""
    content = (files("reviva") / "web" / name).read_bytes()
    kind = _TYPES[name.rpartition(".")[2]]

    def serve(call: Call) -> Answer:
        return Answer(content, headers={"Content-Security-Policy": policy}, content_type=kind)

    serve.__doc__ = f"The file {name}."
    return serve
