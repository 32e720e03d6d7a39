"""Answers whose bytes are made beforehand: the head is written once per state, not once per request.

Only for GET over HTTP/1.1 on a connection that stays open, and for bodies that fit into one write; all other
requests take aiohttp's own way, and a test compares the two.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from aiohttp import ClientConnectionResetError, HttpVersion11, web
from aiohttp.http import SERVER_SOFTWARE

MAX_BODY_BYTES: Final = 64 * 1024  # beyond it, slow readers need flow control

_date: tuple[int, bytes] = (0, b"")


def can_be_ready(request: web.Request) -> bool:
    """Return whether a request may get a ready answer."""
    return request.method == "GET" and request.version == HttpVersion11 and request.keep_alive


def head_of(status: int, headers: Mapping[str, str], length: int | None) -> bytes:
    """Return status line and headers without Date and the empty line; ``length`` of the body or None."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines.append(f"Server: {SERVER_SOFTWARE}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


class ReadyResponse(web.StreamResponse):
    """A whole answer in one write."""

    def __init__(self, status: int, head: bytes, body: bytes = b"") -> None:
        super().__init__(status=status)
        self._head = head
        self._bytes = body
        self._body_length = len(body)
        self._keep_alive = True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write everything."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the client is gone")
        transport.write(b"".join((self._head, _date_line(), self._bytes)))

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the end is written already."""


def _date_line() -> bytes:
    global _date  # noqa: PLW0603 - one text per second and process
    second = int(time.time())
    if _date[0] != second:
        _date = (second, f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode())
    return _date[1]
