"""REPORT: multiget and query (RFC 4791 §7.8, §7.9), sync-collection (RFC 6578)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.lab.caldav import lines, paths, properties
from gateway.lab.caldav.properties import C, D
from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from gateway.lab.caldav.model import Calendar
    from gateway.lab.caldav.world import Dav


def report(dav: Dav, calendar: Calendar, path: str, asked: Element) -> str:
    """Return the multistatus of a report; raises Refusal for one that is not offered."""
    if asked.tag == f"{{{C}}}calendar-multiget":
        return _multiget(dav, calendar, asked)
    if asked.tag == f"{{{C}}}calendar-query":
        return _query(dav, calendar, asked)
    if asked.tag == f"{{{D}}}sync-collection" and dav.lab.settings.dav_sync_collection:
        return _sync(dav, calendar, path, asked)
    raise Refusal(403, "supported-report", "This report is not offered here.")


def names_asked(asked: Element) -> list[str]:
    """Return the Clark names inside the prop element."""
    prop = asked.find(f"{{{D}}}prop")
    return [child.tag for child in prop] if prop is not None else []


def _one(dav: Dav, calendar: Calendar, name: str, asked: list[str]) -> str:
    known = properties.of_resource(dav, calendar.resources[name], data=True)
    return properties.response(paths.resource(calendar.owner, calendar.segment, name), asked, known)


def _multiget(dav: Dav, calendar: Calendar, asked: Element) -> str:
    parts = []
    for node in asked.findall(f"{{{D}}}href"):
        href = (node.text or "").strip()
        place = paths.place_of(urlsplit(href).path)
        is_here = (place.login, place.segment) == (calendar.owner, calendar.segment)
        if is_here and place.name in calendar.resources:
            parts.append(_one(dav, calendar, place.name, names_asked(asked)))
        else:
            parts.append(properties.gone(href))
    return properties.HEAD + "".join(parts) + properties.FOOT


def _query(dav: Dav, calendar: Calendar, asked: Element) -> str:
    """Answer a query for a UID; any other filter matches every event."""
    wanted = [
        (node.find(f"{{{C}}}text-match"), node.get("name")) for node in asked.iter(f"{{{C}}}prop-filter")
    ]
    uids = {(match.text or "") for match, name in wanted if name == "UID" and match is not None}
    found = [
        name
        for name, resource in calendar.resources.items()
        if not uids or {lines.value(one, "UID") for one in lines.components(resource.body)} & uids
    ]
    parts = [_one(dav, calendar, name, names_asked(asked)) for name in found]
    return properties.HEAD + "".join(parts) + properties.FOOT


def _sync(dav: Dav, calendar: Calendar, path: str, asked: Element) -> str:
    """Answer with what has changed; more than ``dav_sync_page`` comes in parts (§3.6)."""
    token = (asked.findtext(f"{{{D}}}sync-token") or "").strip()
    since = dav.seq_of(calendar, token) if token else 0
    changed = [(one.seq, name, True) for name, one in calendar.resources.items() if one.seq > since]
    if token:
        changed += [(seq, name, False) for name, seq in calendar.gone.items() if seq > since]
    changed.sort()
    page = dav.lab.settings.dav_sync_page
    is_part = 0 < page < len(changed)
    parts, last = [], calendar.seq
    for seq, name, lives in changed[:page] if is_part else changed:
        href = paths.resource(calendar.owner, calendar.segment, name)
        if lives:
            known = properties.of_resource(dav, calendar.resources[name], data=True)
            parts.append(properties.response(href, names_asked(asked), known))
        else:
            parts.append(properties.gone(href))
        last = seq if is_part else last
    if is_part:
        parts.append(properties.gone(path, "507 Insufficient Storage"))
    next_token = f"{dav.token(calendar).rpartition('/')[0]}/{last}"
    return f"{properties.HEAD}{''.join(parts)}<D:sync-token>{next_token}</D:sync-token>{properties.FOOT}"
