"""gzip of answers: quickly, and only where it saves more than it costs.

Radicale compresses every answer at zlib's default level, which takes longer than making a large listing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

_LEVEL = 1
_AT_LEAST_BYTES = 256
_ENCODING = "HTTP_ACCEPT_ENCODING"

Wsgi = Callable[[Any, Callable[..., Any]], Iterable[bytes]]  # Any: PEP 3333


def answered(application: Wsgi, environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """Return the answer of a WSGI application that does not see what the client can decode."""
    can_gzip = _accepts_gzip(environ.pop(_ENCODING, ""))
    begun: list[Any] = []  # what the application would have begun its answer with

    def begin(status: str, headers: list[tuple[str, str]], _info: object = None) -> None:
        begun[:] = [status, headers]

    body = b"".join(application(environ, begin))
    status, headers = begun
    if can_gzip and len(body) >= _AT_LEAST_BYTES:
        packer = zlib.compressobj(_LEVEL, wbits=16 + zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        headers = [*kept, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def _accepts_gzip(header: str) -> bool:
    for part in header.split(","):
        name, _, quality = part.replace(" ", "").lower().partition(";q=")
        if name == "gzip":
            return not quality or quality.strip("0.") != ""
    return False
