"""Some services keep an account's calendars on another host than the one people enter (iCloud: p34-caldav).

A password follows only within the same domain, over https, and never to where a shared ending such as
``co.uk`` would be the only thing in common.
"""

from __future__ import annotations

from gateway.providers.addresses import Target

_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org", "sch"}
)


def may_follow(here: Target, there: Target) -> bool:
    """Return whether the password entered for one host may be sent to another."""
    if there.origin == here.origin:
        return True
    if there.scheme != "https":
        return False
    return (
        there.host == here.host
        or there.host.endswith(f".{here.host}")
        or _domain(here.host) == _domain(there.host)
    )


def _domain(host: str) -> str:
    labels = host.split(".")
    if len(labels) < 3 or labels[-1].isdigit():
        return host
    is_shared = len(labels[-1]) == 2 and (labels[-2] in _SECOND_LEVEL or len(labels[-2]) == 2)
    return ".".join(labels[-3:] if is_shared else labels[-2:])
