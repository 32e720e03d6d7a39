"""Live properties of a calendar that a person may set: their values are checked (RFC 4791, 6638, 7809)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from plugins.radicale import zones
from plugins.radicale.names import caldav
from plugins.radicale.problems import Problem

TRANSPARENCY = caldav("schedule-calendar-transp")
NAMES = frozenset({zones.ZONE, zones.ZONE_ID, TRANSPARENCY})
Changes = Mapping[str, ET.Element | None]


def refused(changes: Changes) -> dict[str, tuple[int, str]]:
    """Return the status and the precondition of each property that cannot have this value."""
    found: dict[str, tuple[int, str]] = {}
    for name, node in changes.items():
        if node is None or name not in NAMES:
            continue
        if name == TRANSPARENCY:
            if [child.tag for child in node] not in ([caldav("opaque")], [caldav("transparent")]):
                found[name] = (409, "")
            continue
        try:
            zones.named(node)
        except Problem as problem:
            found[name] = (problem.status, problem.condition)
    return found


def zone_of(changes: Changes) -> ZoneInfo | None:
    """Return the zone that accepted changes set, the last of them; None where they forget or keep it."""
    nodes = [changes[name] for name in changes if name in {zones.ZONE, zones.ZONE_ID}]
    last = nodes[-1] if nodes else None
    return zones.named(last) if last is not None else None


def touches_zone(changes: Changes) -> bool:
    """Return whether changes set or forget the zone."""
    return zones.ZONE in changes or zones.ZONE_ID in changes
