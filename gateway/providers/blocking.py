"""One HTTP request, synchronous: what sign-in needs inside its thread. Everything else uses ``client``."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from gateway.providers.addresses import AddressFilter, Target
from gateway.providers.contract import Answer
from gateway.providers.errors import BadAnswer, Misconfigured, Unavailable
from gateway.providers.headers import retry_after_s

MAX_BYTES = 1024 * 1024
TIMEOUT_S = 30.0


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context for outgoing connections; ``ca_file`` adds authorities to those of the system.

    Raises:
        Misconfigured: the file cannot be read.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError):
            raise Misconfigured("The CA file in the settings cannot be read; check ca_file.") from None
    return context


def fetch(
    method: str,
    url: str,
    *,
    addresses: AddressFilter,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    ca_file: str | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """Send one request and return the answer whatever its status; redirects are not followed.

    Raises:
        Unavailable: no answer within ``timeout_s`` altogether.
        BadAnswer: the body was cut off or is larger than ``max_bytes``.
        AddressRefused: the filter does not allow it.
    """
    target = addresses.check(url)
    deadline = time.monotonic() + timeout_s
    sent = {"Accept": "application/json", **(headers or {})}
    if form is not None:
        body = urlencode(form).encode()
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connect(target, addresses, ca_file, deadline)
    try:
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        data = _read(answer, connection.sock, deadline, max_bytes)
    except BadAnswer:
        raise
    except http.client.IncompleteRead:
        raise BadAnswer("The provider's answer was cut off.", maybe_applied=True) from None
    except (OSError, http.client.HTTPException):
        raise Unavailable(
            "The provider did not answer; it will be tried again.", maybe_applied=True
        ) from None
    finally:
        connection.close()
    received = {name.lower(): value for name, value in answer.getheaders()}
    wait_s = retry_after_s(received, now=datetime.now(UTC))
    return Answer(status=answer.status, headers=received, body=data, url=url, retry_after_s=wait_s)


def _connect(
    target: Target, addresses: AddressFilter, ca_file: str | None, deadline: float
) -> http.client.HTTPConnection:
    """Connect to an address that the filter has seen; the name server is not asked again."""
    for family, address in addresses.resolve(target.host, target.port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(min(10.0, max(deadline - time.monotonic(), 0.1)))
            sock.connect((address, target.port))
            if target.scheme == "https":
                sock = tls_context(ca_file).wrap_socket(sock, server_hostname=target.host)
        except OSError as error:
            sock.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise Unavailable("The provider's certificate is not valid; check ca_file.") from None
            continue
        sock.settimeout(max(deadline - time.monotonic(), 0.1))
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = sock
        return connection
    raise Unavailable("The provider cannot be reached; it will be tried again.")


def _read(
    answer: http.client.HTTPResponse, sock: socket.socket | None, deadline: float, max_bytes: int
) -> bytes:
    """Read the body in pieces, so that a server that drips bytes cannot hold the thread."""
    data = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Unavailable("The provider was too slow; it will be tried again.", maybe_applied=True)
        if sock is not None and sock.fileno() >= 0:
            sock.settimeout(left)
        piece = answer.read1(65536)
        if not piece:
            break
        data += piece
        if len(data) > max_bytes:
            raise BadAnswer("The provider's answer is too large.", maybe_applied=True)
    if answer.length:
        raise BadAnswer("The provider's answer was cut off.", maybe_applied=True)
    return bytes(data)
