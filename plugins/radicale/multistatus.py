"""Multistatus answers as text (RFC 4918 §13): no tree per item, so that 10,000 items cost milliseconds."""

from __future__ import annotations

from collections.abc import Iterable

from plugins.radicale.names import DECLARATIONS
from plugins.radicale.problems import XML_TYPE, Answer

_OPEN = f'<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus {DECLARATIONS}>'
_CLOSE = "</D:multistatus>\n"
_REASONS = {
    200: "OK",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    424: "Failed Dependency",
    507: "Insufficient Storage",
}


def status_line(status: int) -> str:
    """Return a status element."""
    return f"<D:status>HTTP/1.1 {status} {_REASONS.get(status, '')}</D:status>"


def response(href: str, propstats: Iterable[tuple[int, str, str]]) -> str:
    """Return one response; each propstat is (status, XML of the properties, XML of an error or nothing)."""
    parts = "".join(
        f"<D:propstat><D:prop>{inner}</D:prop>{status_line(status)}{error}</D:propstat>"
        for status, inner, error in propstats
        if inner
    )
    # A response without any propstat is not allowed: nothing was asked, so nothing is said.
    parts = parts or f"<D:propstat><D:prop/>{status_line(200)}</D:propstat>"
    return f"<D:response><D:href>{href}</D:href>{parts}</D:response>"


def gone(href: str, status: int = 404, error: str = "") -> str:
    """Return the response for something that is not there."""
    return f"<D:response><D:href>{href}</D:href>{status_line(status)}{error}</D:response>"


def answer(responses: Iterable[str], tail: str = "") -> Answer:
    """Return the whole answer."""
    body = "".join((_OPEN, *responses, tail, _CLOSE)).encode()
    return Answer(207, {"Content-Type": XML_TYPE}, body)


def answer_of(responses: Iterable[bytes]) -> Answer:
    """Return the whole answer from responses that are bytes already."""
    body = b"".join((_OPEN.encode(), *responses, _CLOSE.encode()))
    return Answer(207, {"Content-Type": XML_TYPE}, body)
