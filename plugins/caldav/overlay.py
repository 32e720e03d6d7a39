"""Writing into an event that a person made: what we know is replaced, all the rest stays hers. Pure."""

from __future__ import annotations

from gateway.domain.fingerprint import FIELD_PROPERTIES
from gateway.domain.line_edit import events, put, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent, split
from plugins.caldav.lines import recurrence
from plugins.caldav.zones import with_zones

_MANAGED = frozenset(name for names in FIELD_PROPERTIES.values() for name in names) | {"RECURRENCE-ID"}


def overlaid(theirs: bytes, ours: bytes) -> bytes:
    """Return their object with our fields: UID, alarms, attachments and X- properties stay as they are."""
    calendar, wanted = tree_of(theirs), events(tree_of(ours))
    there = {recurrence(one): one for one in events(calendar)}
    first = events(calendar)[0]
    uid = first.first("UID") or "UID:"
    sequence = 1 + max(_number(one) for one in events(calendar))
    written = [_merged(there.get(recurrence(one)), one, uid, sequence) for one in wanted]
    zones = [child for child in calendar.children if child.name == "VTIMEZONE"]
    zones += [child for child in tree_of(ours).children if child.name == "VTIMEZONE"]
    calendar.lines = [pair for pair in calendar.lines if pair[0] != "METHOD"]
    calendar.children = [*zones, *written]
    with_zones(calendar)
    return to_bytes(calendar)


def _merged(theirs: LineComponent | None, ours: LineComponent, uid: str, sequence: int) -> LineComponent:
    if theirs is None:
        made = LineComponent(ours.name, list(ours.lines), [])
    else:
        kept = [pair for pair in theirs.lines if pair[0] not in _MANAGED]
        own = [pair for pair in ours.lines if pair[0] in _MANAGED]
        made = LineComponent(theirs.name, [*kept, *own], theirs.children)
    put(made, "UID", uid)
    put(made, "SEQUENCE", f"SEQUENCE:{sequence}")
    return made


def _number(component: LineComponent) -> int:
    line = component.first("SEQUENCE")
    text = split(line)[1].strip() if line is not None else ""
    return int(text) if text.isdigit() and len(text) < 9 else 0
