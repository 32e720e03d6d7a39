"""calendar-availability (RFC 7953 §7.2.4) on the home: when the person may be booked at all.

The standard puts it on the scheduling inbox; without one it is a property of the home, where clients that
look for it on the principal find it. Apple's older name means the same.
"""

from __future__ import annotations

import html
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, tzinfo

from gateway.domain.errors import GatewayError
from gateway.domain.vavailability import Availability, read_property
from plugins.radicale.names import CALSERVER, caldav, element, exact

NAME = caldav("calendar-availability")
OLD_NAME = f"{{{CALSERVER}}}calendar-availability"
NAMES = frozenset({NAME, OLD_NAME})
Changes = Mapping[str, ET.Element | None]


def refused(changes: Changes) -> dict[str, tuple[int, str]]:
    """Return the status and the precondition of a value that is no availability."""
    found: dict[str, tuple[int, str]] = {}
    for name in NAMES & changes.keys():
        node = changes[name]
        if node is None:
            continue
        try:
            read_property(_bytes(node.text or ""), zone=UTC)
        except GatewayError:
            found[name] = (403, "<C:valid-calendar-data/>")
    return found


def kept(changes: Changes) -> dict[str, str | None]:
    """Return both names with the value that was set last, or None for both where it is forgotten."""
    nodes = [node for name, node in changes.items() if name in NAMES]
    if not nodes:
        return {}
    last = nodes[-1]
    return {name: element(name, exact(last.text)) if last is not None else None for name in (NAME, OLD_NAME)}


def read_kept(own: Mapping[str, str], *, zone: tzinfo) -> tuple[Availability, ...]:
    """Return what a person has set, from the properties that she keeps."""
    value = own.get(NAME)
    if value is None:
        return ()
    return read_property(_bytes(html.unescape(value.partition(">")[2].rpartition("<")[0])), zone=zone)


def _bytes(value: str) -> bytes:
    # XML parsers give line ends as LF.
    return value.strip().replace("\r\n", "\n").replace("\n", "\r\n").encode() + b"\r\n"
