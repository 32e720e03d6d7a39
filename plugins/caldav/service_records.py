"""Where a domain says that its CalDAV service is (RFC 6764 §3 and §4): SRV and TXT records, over TLS only.

An answer of a name server proves nothing: whether a password may go there is decided by who asks.
"""

from __future__ import annotations

import ipaddress

import dns.exception
import dns.resolver

from plugins.caldav.hrefs import is_plain

_SERVICE = "_caldavs._tcp"
_PATIENCE_S = 5.0
_MOST = 4
WELL_KNOWN = "/.well-known/caldav"


def named_services(domain: str) -> list[str]:
    """Return the addresses that a domain names for CalDAV, the preferred first; empty where it names none."""
    if not _is_domain(domain):
        return []
    name = f"{_SERVICE}.{domain.rstrip('.')}."
    found = [text.split() for text in records(name, "SRV")]
    places = sorted(
        (int(priority), -int(weight), host.rstrip(".").lower(), int(port))
        for priority, weight, port, host in (one for one in found if len(one) == 4)
        if host != "."
    )
    path = _path(records(name, "TXT")) if places else ""
    return [
        f"https://{host}{'' if port == 443 else f':{port}'}{path or WELL_KNOWN}"
        for _, _, host, port in places[:_MOST]
    ]


def records(name: str, kind: str) -> list[str]:
    """Return the records of a name as text; empty where there are none or nobody answers."""
    try:
        return [record.to_text() for record in dns.resolver.resolve(name, kind, lifetime=_PATIENCE_S)]
    except (dns.exception.DNSException, OSError):
        return []


def _path(texts: list[str]) -> str:
    for text in texts:
        key, _, value = text.strip('"').partition("=")
        if key == "path" and value.startswith("/") and is_plain(value):
            return value
    return ""


def _is_domain(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local"))
    return False
