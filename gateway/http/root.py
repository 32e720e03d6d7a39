"""The root page for people; DAV clients get their own answers on the same path from the DAV door."""

from __future__ import annotations

from aiohttp import web

from gateway.http.deps import Deps

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Calgate</title>
<style>
 body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 10vh auto; padding: 0 1.2rem;
        color-scheme: light dark; }}
 code {{ padding: .1em .35em; border: 1px solid color-mix(in srgb, currentColor 25%, transparent);
        border-radius: .3em; }}
</style>
<h1>Calgate</h1>
<p>This server publishes schedules on open standards.</p>
<ul>
<li>In a calendar program that speaks <strong>CalDAV</strong>, enter <code>{base}</code>, your login and
 an app password.</li>
<li>To <strong>subscribe</strong> to a schedule, use the feed link that its owner gave you.</li>
</ul>
</html>
"""
_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def add(app: web.Application, deps: Deps) -> None:
    """Add the page at ``/``."""

    async def page(request: web.Request) -> web.Response:
        base = deps.settings.public_url or str(request.url.origin())
        return web.Response(
            text=_PAGE.format(base=base.replace("&", "&amp;").replace("<", "&lt;")),
            content_type="text/html",
            headers={
                "Content-Security-Policy": _CSP,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Robots-Tag": "noindex",
            },
        )

    app.router.add_get("/", page)
