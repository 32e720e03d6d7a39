"""The bridge from aiohttp to a WSGI application: bounded are the threads, the body and the wait."""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any

import structlog
from aiohttp import web

from gateway.http.metrics import Metrics

log = structlog.get_logger(__name__)

Environ = dict[str, Any]  # Any: PEP 3333
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
FILE = "calgate.file"  # a handler may leave an open file here instead of a body
_IN_MEMORY = 1024 * 1024
_CHUNK = 256 * 1024
_WAITING_PER_THREAD = 32
# From clients these would rewrite paths and addresses inside the application.
_DROPPED = ("X-SCRIPT-NAME", "X-FORWARDED", "X-REMOTE", "FORWARDED", "PROXY", "AUTHORIZATION")


class TooBig(Exception):
    """The body is larger than the limit."""


class TooBusy(Exception):
    """Every thread is at work and the queue is full, or the answer took too long."""


@dataclass(slots=True)
class Answer:
    """What the application answered."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    file: IO[bytes] | None = None


class Bridge:
    """Runs requests in a WSGI application.

    Args:
        app: the application.
        threads: that run it; each works on one request at a time.
        timeout_s: after it the client is told to come back, while the thread works on to its end.
        metrics: counts the requests inside.
    """

    def __init__(self, app: WsgiApp, *, threads: int, timeout_s: float, metrics: Metrics) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="dav")
        self._room = threads * (1 + _WAITING_PER_THREAD)
        self._timeout_s = timeout_s
        self._gauge = metrics.dav_busy

    async def run(self, environ: Environ, first: Callable[[], bool] | None = None) -> Answer | None:
        """Return the application's answer.

        ``first`` runs before it in the same thread; where it says False nothing else is done, the body is
        untouched, and the answer is None.

        Raises:
            TooBusy: come back later; the request was not begun, or it may still end.
        """
        if self._room <= 0:
            raise TooBusy
        self._room -= 1
        self._gauge.inc()
        # run_in_executor does not copy the context, and log fields would be lost.
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, context.run, self._call, environ, first
        )
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._timeout_s)
        except TimeoutError:
            log.warning("dav.too_slow", method=environ["REQUEST_METHOD"], timeout_s=self._timeout_s)
            raise TooBusy from None

    def close(self) -> None:
        """Wait for the requests that are running."""
        self._pool.shutdown(wait=True)

    def _leave(self, future: asyncio.Future[Answer | None]) -> None:
        self._room += 1
        self._gauge.dec()
        if not future.cancelled() and future.exception() is not None:
            log.error("dav.failed", error=type(future.exception()).__name__)

    def _call(self, environ: Environ, first: Callable[[], bool] | None) -> Answer | None:
        if first is not None and not first():
            return None
        answer = Answer()

        def start_response(status: str, headers: list[tuple[str, str]], _info: object = None) -> None:
            answer.status, answer.headers = int(status.split(" ", 1)[0]), headers

        try:
            answer.body = b"".join(self._app(environ, start_response))
            answer.file = environ.get(FILE)
        finally:
            environ["wsgi.input"].close()
        return answer


async def read_body(request: web.Request, *, limit: int, timeout_s: float) -> tuple[IO[bytes], int]:
    """Return the body as a file, rewound, and its length; chunked bodies too.

    Raises:
        TooBig: more than ``limit`` bytes; the rest was not read.
        TimeoutError: the client sent too slowly.
    """
    if request.content_length is not None and request.content_length > limit:
        raise TooBig
    if not request.can_read_body:
        return io.BytesIO(), 0
    body: IO[bytes] = io.BytesIO()
    if request.content_length is None or request.content_length > _IN_MEMORY:
        body = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the bridge closes it
    try:
        async with asyncio.timeout(timeout_s):
            length = await _copy(request, body, limit)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body, length


async def _copy(request: web.Request, body: IO[bytes], limit: int) -> int:
    length = 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
        if length > limit:
            raise TooBig
        body.write(chunk)
    return length


def environ_of(
    request: web.Request, *, mount: str, path: str, body: IO[bytes], length: int, scheme: str, address: str
) -> Environ:
    """Return the WSGI environment of a request; ``path`` is decoded and begins with ``mount``."""
    host, _, port = (request.host or "localhost").rpartition(":")
    if not port.isdigit():
        host, port = request.host or "localhost", "443" if scheme == "https" else "80"
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": mount,
        "PATH_INFO": path[len(mount) :] or "/",
        "QUERY_STRING": request.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{request.version.major}.{request.version.minor}",
        "REMOTE_ADDR": address,
        "CONTENT_LENGTH": str(length),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        upper = name.upper()
        if not upper.startswith(_DROPPED) and upper not in {"CONTENT-TYPE", "CONTENT-LENGTH"}:
            key = "HTTP_" + upper.replace("-", "_")
            environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ


async def send(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Return the application's answer as aiohttp's; a file is streamed."""
    if answer.file is None:
        response: web.StreamResponse = web.Response(status=answer.status, body=answer.body or None)
        _copy_headers(response, answer, has_body=bool(answer.body))
        return response
    with answer.file as file:
        response = web.StreamResponse(status=answer.status)
        _copy_headers(response, answer, has_body=False)
        response.content_length = file.seek(0, 2)
        # A compressed answer to HEAD would end in the trailer of gzip.
        if "gzip" in request.headers.get("Accept-Encoding", "") and request.method != "HEAD":
            response.content_length = None
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        if request.method != "HEAD":
            file.seek(0)
            while chunk := file.read(_CHUNK):
                await response.write(chunk)
        await response.write_eof()
    return response


def _copy_headers(response: web.StreamResponse, answer: Answer, *, has_body: bool) -> None:
    response.headers["Vary"] = "Accept-Encoding"
    for name, value in answer.headers:
        # aiohttp counts the body itself; the length of an answer to HEAD is the application's word.
        if has_body and name.lower() == "content-length":
            continue
        response.headers[name] = value
