"""Whether the process lives, whether it can work, and its metrics."""

from __future__ import annotations

import ipaddress

from aiohttp import web
from prometheus_client import exposition

from gateway.domain.errors import GatewayError
from gateway.http.deps import Deps
from gateway.http.proxies import client_address
from gateway.services import readiness

_TEXT = "text/plain; charset=utf-8"


def add(app: web.Application, deps: Deps) -> None:
    """Add ``/healthz``, ``/readyz`` and ``/metrics``; none of them needs a login."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        try:
            problem = await deps.db.aread(readiness.problem)
        except GatewayError as error:
            problem = str(error)
        if problem is None:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready", "reason": problem}, status=503)

    async def metrics(request: web.Request) -> web.Response:
        if not deps.settings.metrics_public and not _is_local(client_address(request, deps.settings)):
            raise web.HTTPForbidden(
                text="Metrics are served to this machine only; see CALGATE_METRICS_PUBLIC.\n"
            )
        body = exposition.generate_latest(deps.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": exposition.CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
