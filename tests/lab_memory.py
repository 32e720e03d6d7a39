"""What aiohttp remembers of applications that have ended, and how to make it forget them."""

from __future__ import annotations

from aiohttp import web_app


def forget_applications() -> None:
    """Empty aiohttp's cache of handlers, which holds on to whole applications; without one, do nothing."""
    cached = getattr(web_app, "_cached_build_middleware", None)
    if cached is not None:
        cached.cache_clear()
