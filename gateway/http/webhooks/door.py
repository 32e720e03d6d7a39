"""The webhook door: read, believe nothing, mark due, answer at once."""

from __future__ import annotations

from aiohttp import web

from gateway.http.deps import Deps
from gateway.http.engine_slot import EngineSlot
from gateway.providers.contract import Handshake, Notification, ReadsNotifications
from gateway.services import watch_states

MAX_BYTES = 64 * 1024


def add(app: web.Application, deps: Deps, slot: EngineSlot) -> None:
    """Add the door."""

    async def hook(request: web.Request) -> web.Response:
        """Answer 202 whatever came: a forger learns nothing, and a provider does not repeat."""
        provider = slot.get().registry.providers.get(request.match_info["provider"])
        if provider is None or not isinstance(provider, ReadsNotifications):
            raise web.HTTPNotFound
        body = await request.content.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
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
