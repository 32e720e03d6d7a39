"""Who really asks: client address, scheme and host, believed from trusted proxies only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import structlog
from aiohttp import web

from gateway.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The far end of a request: ``address`` is an IP or ``unknown``, ``host`` as the client wrote it."""

    address: str
    scheme: str
    host: str


def client_address(request: web.Request, settings: Settings) -> str:
    """Return the address of who asks, ``unknown`` behind a socket file."""
    return of(settings).client(request).address


def of(settings: Settings) -> Proxies:
    """Return the reader of forwarded headers that the settings ask for."""
    return _proxies(settings.trusted_proxies, settings.public_url)


class Proxies:
    """Reads ``X-Forwarded-*`` where the peer is one of the networks of the setting, and nowhere else.

    Args:
        trusted: addresses or networks in CIDR form.
        public_url: where it is https, a request that came in plainly from elsewhere is told to the log once.
    """

    def __init__(self, trusted: Sequence[str], *, public_url: str | None = None) -> None:
        self._networks = tuple(ipaddress.ip_network(name, strict=False) for name in trusted)
        self._expects_tls = (public_url or "").startswith("https://")
        self._has_warned = False

    def is_trusted(self, address: str) -> bool:
        """Return whether this address may speak for others."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self._networks if network.version == ip.version)

    def client(self, request: web.Request) -> Client:
        """Return who asks."""
        peer = request.remote or "unknown"
        host = request.headers.get("Host", "")
        if not self.is_trusted(peer):
            return self._plain(Client(address=peer, scheme=request.scheme, host=host))
        chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        address = peer
        for part in reversed([part for part in chain if part]):
            bare = _bare(part)
            if bare is None:
                break
            address = bare
            if not self.is_trusted(bare):
                break
        scheme = request.headers.get("X-Forwarded-Proto", request.scheme).split(",")[-1].strip().lower()
        return Client(
            address=address,
            scheme=scheme if scheme in {"http", "https"} else request.scheme,
            host=request.headers.get("X-Forwarded-Host", host).split(",")[-1].strip(),
        )

    def _plain(self, client: Client) -> Client:
        """Say once that passwords travel in the clear although the public address is https."""
        if self._expects_tls and client.scheme == "http" and not self._has_warned:
            try:
                is_local = ipaddress.ip_address(client.address).is_loopback
            except ValueError:
                is_local = False
            if not is_local:
                self._has_warned = True
                log.warning(
                    "request.unencrypted",
                    hint="CALGATE_PUBLIC_URL is https, yet requests arrive plainly and from no trusted proxy",
                )
        return client


def _bare(text: str) -> str | None:
    """Return the address of one X-Forwarded-For entry without port and brackets, or None."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


@lru_cache(maxsize=16)
def _proxies(trusted: tuple[str, ...], public_url: str | None) -> Proxies:
    return Proxies(trusted, public_url=public_url)
