"""Whether clients can use the public address: most of them refuse what is not public and trusted TLS."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.cli.finding import Finding, broken, note, ok, warning

_TIMEOUT_S = 3.0
_NAME = "address"


def check_public_url(url: str | None) -> Iterator[Finding]:
    """The public address is https, resolves to the outside, and has a certificate that clients trust."""
    if url is None:
        yield note(
            _NAME,
            "CALGATE_PUBLIC_URL is not set: links point to this machine only.",
            "Set it to the https address under which clients reach the server.",
        )
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        yield warning(
            _NAME,
            f"{url} has no TLS: passwords travel readable, and Apple's and Google's clients refuse it.",
            "Put nginx or Caddy with a certificate in front (docs/production.md) and set https://.",
        )
    if (reason := _not_public(host)) is not None:
        yield warning(
            _NAME,
            f"{host} {reason}: Google and Outlook on the web fetch feeds from outside and cannot reach it.",
            "Use a name that resolves on the internet; inside your network other clients do work.",
        )
    elif parts.scheme == "https":
        yield _certificate(host, parts.port or 443)


def _not_public(host: str) -> str | None:
    """Return why nobody outside reaches ``host``, or None."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return "does not resolve"
    if all(not ipaddress.ip_address(str(each).partition("%")[0]).is_global for each in found):
        return "is an address of this machine or a private network"
    return None


def _certificate(host: str, port: int) -> Finding:
    try:
        with (
            socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host),
        ):
            return ok(_NAME, f"https://{host} has a certificate that clients trust.")
    except ssl.SSLCertVerificationError as error:
        return broken(
            _NAME,
            f"The certificate of {host} is not trusted ({error.verify_message}):"
            " Outlook, Google and Apple refuse to subscribe.",
            "Use a certificate of a public authority, for example Let's Encrypt.",
        )
    except OSError as error:
        return warning(
            _NAME,
            f"https://{host}:{port} does not answer from here ({error.strerror or type(error).__name__}).",
            "Check the proxy in front; behind some routers only the outside sees it.",
        )
