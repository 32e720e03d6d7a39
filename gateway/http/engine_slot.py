"""Where doors find the engine: it lives as long as the application's loop, doors are made before."""

from __future__ import annotations

from aiohttp import web

from gateway.sync.engine import Engine


class EngineSlot:
    """Holds the engine while the application runs."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def get(self) -> Engine:
        """Return the engine; before the start and after the end there is none."""
        if self.engine is None:
            raise web.HTTPServiceUnavailable(text="The server is starting or stopping; try again.\n")
        return self.engine
