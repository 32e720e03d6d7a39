"""The one address filter: where requests to addresses that people or providers gave may go.

A name is resolved once, the result is checked, and the connection is made to exactly that address, so that a
second answer of the name server (rebinding) changes nothing. Loopback and private networks only by explicit
setting; clear text only to loopback.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.providers.errors import AddressRefused, Unavailable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an address points to; ``origin`` is ``scheme://host:port`` in lower case."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Return the comparable form."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def target_of(url: str) -> Target:
    """Read an absolute http(s) address.

    Raises:
        AddressRefused: not one, or with a name and password inside.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("This is not a web address.") from None
    if parts.scheme not in _PORTS or not host:
        raise AddressRefused("An address must begin with https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("An address may not carry a name or password; enter them in their own fields.")
    if any(ord(letter) <= 32 or letter in "\\%" for letter in host):
        raise AddressRefused("The host name of this address is not valid.")
    return Target(scheme=parts.scheme, host=host.lower().rstrip("."), port=port or _PORTS[parts.scheme])


class AddressFilter:
    """Decides on addresses; immutable, shared by every outgoing connection."""

    def __init__(self, *, allow_loopback: bool = False, networks: Iterable[str] = ()) -> None:
        """Allow public addresses, and what is named here.

        Args:
            allow_loopback: this machine, also in clear text (tests, the demo).
            networks: further networks such as ``10.0.0.0/8``.
        """
        self.allow_loopback = allow_loopback
        self._networks = tuple(ipaddress.ip_network(text, strict=False) for text in networks)

    @classmethod
    def from_config(cls, config: Mapping[str, str]) -> AddressFilter:
        """Read the settings ``allow_loopback`` (``1``) and ``networks`` (separated by commas)."""
        networks = [part.strip() for part in config.get("networks", "").split(",") if part.strip()]
        return cls(allow_loopback=config.get("allow_loopback", "") in {"1", "true", "yes"}, networks=networks)

    def check(self, url: str) -> Target:
        """Return where the address points to, after everything that needs no name server was checked.

        Raises:
            AddressRefused: see the message.
        """
        target = target_of(url)
        literal = _literal(target.host)
        if literal is not None and not self.permits(literal):
            raise AddressRefused(_message(target.host))
        if target.scheme == "http" and not (
            self.allow_loopback and (target.host == "localhost" or (literal is not None and _loops(literal)))
        ):
            raise AddressRefused("Only https:// addresses are allowed; a password or token must not be seen.")
        return target

    def permits(self, address: Address) -> bool:
        """Return whether a connection to this address may be made."""
        address = _unwrapped(address)
        if any(address in network for network in self._networks if network.version == address.version):
            return True
        if _loops(address):
            return self.allow_loopback
        return address.is_global and not address.is_multicast and not address.is_reserved

    def resolve(self, host: str, port: int) -> list[tuple[int, str]]:
        """Return (family, address) of a host, permitted ones only; asks the name server once, blocking.

        Raises:
            AddressRefused: it has addresses, but none is permitted.
            Unavailable: the name cannot be resolved now.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except (OSError, UnicodeError):
            raise Unavailable(
                "The host name cannot be resolved; check the network and the address."
            ) from None
        addresses = [(int(family), str(place[0])) for family, _type, _proto, _name, place in found]
        allowed = [
            (family, text)
            for family, text in addresses
            if (literal := _literal(text)) is not None and self.permits(literal)
        ]
        if not allowed:
            raise AddressRefused(_message(host))
        return allowed


class FilteredResolver(AbstractResolver):
    """Gives aiohttp the permitted addresses of a name; it connects to them without asking again."""

    def __init__(self, addresses: AddressFilter) -> None:
        """Use this filter."""
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve in a thread; see ``AddressFilter.resolve``."""
        found = await asyncio.to_thread(self._addresses.resolve, host, port)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for kind, address in found
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for: it is where the packets end."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _loops(address: Address) -> bool:
    address = _unwrapped(address)
    return any(address in network for network in _LOOPBACK if network.version == address.version)


def _message(host: str) -> str:
    return (
        f"{host} is an address of this machine or of a private network, which is not allowed."
        " The operator can allow it in the settings (networks, allow_loopback)."
    )
