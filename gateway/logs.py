"""Structured logs: one line per happening, named ``noun.verb``, ids as fields.

Nothing private reaches a line: values under tell-tale keys are dropped, feed secrets in paths are
cut, and an exception is told by its type and its frames, never by its message, which may quote a
client's data. Messages of our own errors are written for people and hold nothing private.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from gateway.domain.errors import GatewayError

_PRIVATE = frozenset(
    {"attendee", "attendees", "authorization", "body", "cookie", "description", "ical", "location"}
    | {"organizer", "password", "secret", "summary", "title", "token"}
)
_FEED_SECRET = re.compile(r"(/(?:feeds|invite)/)[^/\s\"'?#]+")
Event = MutableMapping[str, Any]  # Any: structlog's own type of an event


def redact_path(path: str) -> str:
    """Return a request path without the secret of a feed in it."""
    return _FEED_SECRET.sub(r"\1***", path)


def _drop_private(_logger: object, _method: str, event: Event) -> Event:
    for key in _PRIVATE.intersection(event):
        event[key] = "***"
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact_path(value)
    return event


def _tell_exception(_logger: object, _method: str, event: Event) -> Event:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if not isinstance(error, BaseException):
        return event
    event["error"] = type(error).__name__
    if isinstance(error, GatewayError):
        event["reason"] = str(error)
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    event["frames"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    if error.__cause__ is not None:
        event["cause"] = type(error.__cause__).__name__
    return event


def configure(*, level: str, log_format: str) -> None:
    """Send all logs of the process to standard error; call it once, at start.

    Args:
        level: debug, info, warning or error.
        log_format: json, text, or auto: text on a terminal, json elsewhere.
    """
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_exception,
        _drop_private,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared, _only_template],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_number(level))
    for chatty in ("radicale", "aiohttp.access", "asyncio", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, _number(level)))


def _only_template(_logger: object, _method: str, event: Event) -> Event:
    """Keep the template of a foreign library's line and drop what it was filled with."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and not record.name.startswith("gateway"):
        event["event"] = f"{record.name}.logged"
        event["template"] = str(record.msg)[:200] if record.args else record.funcName
    return event


def _number(level: str) -> int:
    return logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
