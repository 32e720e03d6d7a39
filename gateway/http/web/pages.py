"""What all pages share: the frame, headers that keep them to themselves, and the check of forms."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).with_name("templates")
_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self' {targets};"
    " frame-ancestors 'none'"
)
_SAME = {"same-origin", "none"}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)


def page(
    name: str, *, status: int = 200, targets: str = "", refresh_s: int | None = None, **values: Any
) -> web.Response:
    """Return a page; ``targets`` are origins to which its forms may lead besides our own."""
    html = _environment().get_template(name).render(**values)
    headers = {
        "Content-Security-Policy": _CSP.format(targets=targets),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Cache-Control": "no-store",
    }
    if refresh_s is not None:
        headers["Refresh"] = str(refresh_s)
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def check_form(request: web.Request, base_url: str) -> None:
    """Refuse a form that another site has sent: the browser adds our credentials to that, too.

    Raises:
        web.HTTPForbidden: it did not come from one of our pages.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _SAME:
        raise web.HTTPForbidden(text="This form was sent by another site; open the page anew.\n")
    if origin not in {None, "null"} and urlsplit(str(origin)).netloc not in {
        urlsplit(base_url).netloc,
        request.host,
    }:
        raise web.HTTPForbidden(text="This form was sent by another site; open the page anew.\n")
    if origin is None and site is None:
        raise web.HTTPForbidden(text="The browser does not say where this form comes from; use another.\n")
