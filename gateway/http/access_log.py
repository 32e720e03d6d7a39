"""One line and one count per request, written after the answer; no middleware on the hot path."""

from __future__ import annotations

import logging

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from gateway.http.metrics import Metrics
from gateway.logs import redact_path

_log = structlog.get_logger("gateway.http")
METRICS = web.AppKey("metrics", Metrics)


class AccessLog(AbstractAccessLogger):
    """Counts every answer; writes a line for those that changed something, failed or were slow."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Take note of one answer; ``time`` is in seconds."""
        app = getattr(request, "app", None)
        metrics = app.get(METRICS) if app is not None else None
        door = _door(request.path)
        if metrics is not None:
            metrics.requests.labels(door, request.method, response.status).inc()
            metrics.request_seconds.labels(door).observe(time)
        is_quiet = door in {"feeds", "health"} and response.status < 500
        level = logging.WARNING if response.status >= 500 else logging.DEBUG if is_quiet else logging.INFO
        _log.log(
            level,
            "request.answered",
            door=door,
            method=request.method,
            path=redact_path(request.path)[:200],
            status=response.status,
            ms=round(time * 1000, 1),
            bytes=response.body_length,
        )


def logger() -> logging.Logger:
    """Return the logger that the server hands to this class."""
    return logging.getLogger("gateway.http")


def _door(path: str) -> str:
    if path.startswith("/feeds/"):
        return "feeds"
    if path.startswith(("/dav", "/.well-known/")):
        return "dav"
    return "health" if path in {"/healthz", "/readyz", "/metrics"} else "other"
