"""The webhook door: read, believe nothing, mark due, answer at once."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.http.deps import Deps
from gateway.http.engine_slot import EngineSlot
from gateway.providers.contract import Handshake, Notification, ReadsNotifications
from gateway.services import watch_states

MAX_BYTES = 256 * 1024
PATIENCE_S = 3.0


def add(app: web.Application, deps: Deps, slot: EngineSlot) -> None:
    """Add the door."""

    async def hook(request: web.Request) -> web.Response:
        """Answer 202 whatever came: a forger learns nothing, and a provider does not repeat."""
        provider = slot.get().registry.providers.get(request.match_info["provider"])
        if provider is None or not isinstance(provider, ReadsNotifications):
            raise web.HTTPNotFound
        body = await _read(request)
        if body is None:
            return web.Response(status=202)
        found = provider.notified(
            Notification(
                headers={name.lower(): value for name, value in request.headers.items()},
                query=dict(request.query),
                body=body,
            )
        )
        if isinstance(found, Handshake):
            return web.Response(
                body=found.body,
                content_type=found.content_type,
                headers={"X-Content-Type-Options": "nosniff"},
            )
        if found:
            await deps.db.awrite(watch_states.heard, found, now=deps.clock())
        return web.Response(status=202)

    app.router.add_post("/hooks/{provider}", hook)


async def _read(request: web.Request) -> bytes | None:
    """Return the whole body, however many pieces it comes in; None for one too large or without an end."""
    data = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for piece in request.content.iter_any():
                data += piece
                if len(data) > MAX_BYTES:
                    return None
    except TimeoutError:
        return None
    return bytes(data)
