"""One line and one count per request, written after the answer; no middleware on the hot path."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from prometheus_client import Counter, Histogram

from gateway.http.metrics import Metrics
from gateway.logs import redact_path

_log = structlog.get_logger("gateway.http")
_KINDS = 500  # methods are the clients' choice, so that kinds have a bound
METRICS = web.AppKey("metrics", Metrics)


_QUIET = frozenset({"feeds", "health"})  # polled all day
_ASKING = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})  # so is CalDAV, by these methods
_SLOW_S = 1.0


class AccessLog(AbstractAccessLogger):
    """Counts every answer; writes a line for those that changed something, failed or were slow."""

    def __init__(self, *arguments: Any) -> None:  # Any: aiohttp's own signature
        super().__init__(*arguments)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._writes_debug = logging.getLogger("gateway.http").isEnabledFor(logging.DEBUG)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Take note of one answer; ``time`` is in seconds."""
        door = _door(request.raw_path)
        key = (door, request.method, response.status)
        children = self._children.get(key) or self._labelled(request, key)
        if children is not None:
            children[0].inc()
            children[1].observe(time)
        is_quiet = response.status < 500 and (
            door in _QUIET
            or (door == "dav" and request.method in _ASKING and response.status < 400 and time < _SLOW_S)
        )
        if is_quiet and not self._writes_debug:
            return
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

    def _labelled(
        self, request: web.BaseRequest, key: tuple[str, str, int]
    ) -> tuple[Counter, Histogram] | None:
        """Return the counters of a kind of answer; looking labels up costs more than counting."""
        app = getattr(request, "app", None)
        metrics = app.get(METRICS) if app is not None else None
        if metrics is None:
            return None
        found = (metrics.requests.labels(*key), metrics.request_seconds.labels(key[0]))
        if len(self._children) < _KINDS:
            self._children[key] = found
        return found


def logger() -> logging.Logger:
    """Return the logger that the server hands to this class."""
    return logging.getLogger("gateway.http")


def _door(path: str) -> str:
    if path.startswith("/feeds/"):
        return "feeds"
    if path.startswith(("/dav", "/.well-known/")):
        return "dav"
    return "health" if path in {"/healthz", "/readyz", "/metrics"} else "other"
