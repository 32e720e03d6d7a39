"""One HTTP connection at the level of bytes, so that a measurement holds little of the client's own time."""

from __future__ import annotations

import base64
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 1 << 18
_KEPT_S = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return a header, empty where it is missing."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode()
        return ""


class Wire:
    """Requests one after another; a connection is kept where the server keeps it, and made anew where not.

    Args:
        root: address of a calendar, ending in a slash.
        login: of who asks.
        password: of who asks.
        timeout_s: for one answer.
    """

    def __init__(self, root: str, login: str, password: str, *, timeout_s: float = 60) -> None:
        parts = urlsplit(root)
        self.path = parts.path
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        secret = base64.b64encode(f"{login}:{password}".encode()).decode()
        signed = f"Authorization: Basic {secret}\r\n" if login else ""
        self._common = f"Host: {parts.netloc}\r\n{signed}Connection: keep-alive\r\n"
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._used_at = 0.0

    def ask(self, method: str, name: str = "", body: bytes | str = b"", **headers: str) -> Answer:
        """Send one request; ``_`` in header names stands for a hyphen."""
        data = body.encode() if isinstance(body, str) else body
        given = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
        length = f"Content-Length: {len(data)}\r\n" if data or method in {"PUT", "POST"} else ""
        head = f"{method} {self.path}{name} HTTP/1.1\r\n{self._common}{given}{length}\r\n"
        now = time.monotonic()
        if now - self._used_at > _KEPT_S:
            self.close()  # the server may have given up on it while the other side was asked
        self._used_at = now
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(head.encode() + data)
        try:
            return self._read(self._socket, is_head=method == "HEAD")
        finally:
            self._used_at = time.monotonic()

    def _read(self, connection: socket.socket, *, is_head: bool) -> Answer:
        buffer = bytearray()
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            part = connection.recv(_CHUNK)
            if not part:
                raise ConnectionError("the server closed the connection")
            buffer += part
        head = bytes(buffer[:end])
        lower = head.lower()
        status = int(head[9:12])
        has_end = b"\r\ncontent-length:" in lower
        rest = bytes(buffer[end + 4 :])
        if is_head or status in {204, 304}:
            body = b""
        elif has_end:
            total = int(lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
            body = self._exactly(connection, rest, total)
        elif b"transfer-encoding: chunked" in lower:
            body = self._chunked(connection, rest)
        else:
            body = self._to_the_end(connection, rest)
            self.close()
        if lower.startswith(b"http/1.0") or b"connection: close" in lower:
            self.close()
        return Answer(status, head, body)

    def _exactly(self, connection: socket.socket, begun: bytes, total: int) -> bytes:
        parts, have = [begun], len(begun)
        while have < total:
            part = connection.recv(min(_CHUNK, total - have))
            if not part:
                raise ConnectionError("the answer was cut off")
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def _chunked(self, connection: socket.socket, begun: bytes) -> bytes:
        buffer, found = bytearray(begun), []
        while True:
            while (end := buffer.find(b"\r\n")) < 0:
                buffer += connection.recv(_CHUNK)
            size = int(bytes(buffer[:end]).partition(b";")[0], 16)
            while len(buffer) < end + 2 + size + 2:
                buffer += connection.recv(_CHUNK)
            found.append(bytes(buffer[end + 2 : end + 2 + size]))
            del buffer[: end + 2 + size + 2]
            if not size:
                return b"".join(found)

    def _to_the_end(self, connection: socket.socket, begun: bytes) -> bytes:
        parts = [begun]
        while part := connection.recv(_CHUNK):
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
