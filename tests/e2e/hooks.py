"""The webhook door alone, on loopback, for engines that run without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from gateway.http.webhooks import door
from tests.e2e.office import Office


@asynccontextmanager
async def hooks(office: Office) -> AsyncIterator[str]:
    """Serve the door and let the worker subscribe to it; return its address."""
    app = web.Application()
    deps: Any = SimpleNamespace(db=office.db, clock=office.clock)
    slot: Any = SimpleNamespace(get=lambda: SimpleNamespace(registry=office.accounts.registry))
    door.add(app, deps, slot)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    office.worker.callback_url = address
    try:
        yield address
    finally:
        office.worker.callback_url = None
        await runner.cleanup()
