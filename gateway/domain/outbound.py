"""What leaves for a provider: the object as one link's policy shows it.

An allow-list, as everywhere: what is not named here never leaves. ATTENDEE and ORGANIZER are always left
out unless the audited switch of the link is on (rules.md, *Nobody is mailed*). What the provider then makes
of it is the plug-in's ``project``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.content_lines import PRODID, escape_text, strip_controls
from gateway.domain.line_edit import events, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent, parameter, split
from gateway.domain.link_model import FIELD_NAMES, LinkPolicy, Privacy, ReminderMode
from gateway.domain.model import CalendarObject, Classification, ObjectKind
from gateway.domain.templates import render

_TIMES = (
    "UID",
    "RECURRENCE-ID",
    "DTSTAMP",
    "DTSTART",
    "DTEND",
    "DUE",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXRULE",
    "EXDATE",
    "SEQUENCE",
    "TRANSP",
)
_FIELDS = {
    "location": "LOCATION",
    "categories": "CATEGORIES",
    "url": "URL",
    "geo": "GEO",
    "priority": "PRIORITY",
    "conference": "CONFERENCE",
    "color": "COLOR",
}
_GUESTS = ("ATTENDEE", "ORGANIZER")
_MAX_PEOPLE = 100
_ESCAPES = {"n": "\n", "N": "\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one link knows when it shows an object; ``shows_all`` masks nothing, whatever its CLASS."""

    policy: LinkPolicy
    resource_name: str
    back_link: str | None = None
    shows_all: bool = False

    def of_theirs(self) -> Sight:
        """Return the sight for an event that came from that very calendar: nothing of it is hidden there.

        A mask would overwrite the person's own text with our placeholder.
        """
        plain = LinkPolicy(
            fields=FIELD_NAMES,
            reminders=self.policy.reminders,
            placeholder=self.policy.placeholder,
            kinds=self.policy.kinds,
        )
        return Sight(policy=plain, resource_name=self.resource_name, back_link=None, shows_all=True)


def outbound(stored: CalendarObject, sight: Sight) -> bytes:
    """Return the object as it may leave.

    Raises:
        ValueError: the stored bytes cannot be read.
    """
    calendar = tree_of(stored.ical)
    found = events(calendar)
    if not found:
        raise ValueError("there is nothing in it")
    master = next((one for one in found if one.first("RECURRENCE-ID") is None), None)
    master_class = _class_of(master) if master is not None else Classification.PUBLIC
    out = LineComponent("VCALENDAR", [("VERSION", "VERSION:2.0"), ("PRODID", f"PRODID:{PRODID}")], [])
    out.lines += [(name, line) for name, line in calendar.lines if name == "X-WR-TIMEZONE"]
    out.children += [child for child in calendar.children if child.name == "VTIMEZONE"]
    for component in found:
        strictest = max(master_class, _class_of(component))
        out.children.append(_shown(component, stored, strictest, sight))
    return to_bytes(out)


def wanted(stored: CalendarObject, policy: LinkPolicy) -> bool:
    """Return whether a link copies this object at all, its time apart."""
    if stored.component != "VEVENT" or stored.kind not in policy.kinds:
        return False
    found = events(tree_of(stored.ical))
    master = next((one for one in found if one.first("RECURRENCE-ID") is None), None)
    if master is None:
        return any(one.word("STATUS") != "CANCELLED" for one in found)
    return master.word("STATUS") != "CANCELLED"


def untakeable(policy: LinkPolicy, *, is_masked: bool) -> frozenset[str]:
    """Return the fields that a copy shows differently, so that an edit there cannot come back as it is."""
    found = {"class"}
    shown = set(policy.fields) if policy.privacy_out is Privacy.FULL else set()
    if is_masked or policy.privacy_out is Privacy.BUSY:
        return frozenset({*_FIELDS, "title", "description", "class", "status"})
    if policy.title != "{title}":
        found.add("title")
    if policy.description != "{description}" or "description" not in shown:
        found.add("description")
    found |= {name for name in _FIELDS if name not in shown}
    return frozenset(found)


def _class_of(component: LineComponent) -> Classification:
    word = component.word("CLASS")
    if word in {"", "PUBLIC"}:
        return Classification.PUBLIC
    return Classification.CONFIDENTIAL if word == "CONFIDENTIAL" else Classification.PRIVATE


def _shown(
    component: LineComponent, stored: CalendarObject, strictest: Classification, sight: Sight
) -> LineComponent:
    policy = sight.policy
    shown = LineComponent(component.name, [], [])
    shown.lines = [(name, line) for name, line in component.lines if name in _TIMES]
    is_private = strictest is not Classification.PUBLIC and not sight.shows_all
    is_masked = policy.privacy_out is Privacy.BUSY or is_private
    _status(shown, component, stored)
    if strictest is not Classification.PUBLIC:
        shown.lines.append(("CLASS", f"CLASS:{strictest.name}"))
    if is_masked:
        shown.lines.append(("SUMMARY", f"SUMMARY:{escape_text(policy.placeholder)}"))
    else:
        _texts(shown, component, stored, sight)
    if policy.reminders is ReminderMode.KEEP and not is_masked:
        shown.children = [child for child in component.children if child.name == "VALARM"]
    return shown


def _status(shown: LineComponent, component: LineComponent, stored: CalendarObject) -> None:
    status = component.word("STATUS")
    if stored.kind is ObjectKind.HOLD and status != "CANCELLED":
        status = "TENTATIVE"
    if status in {"TENTATIVE", "CONFIRMED", "CANCELLED"}:
        shown.lines.append(("STATUS", f"STATUS:{status}"))


def _texts(shown: LineComponent, component: LineComponent, stored: CalendarObject, sight: Sight) -> None:
    policy = sight.policy
    is_full = policy.privacy_out is Privacy.FULL
    values = {
        "title": _text(component, "SUMMARY"),
        "description": _text(component, "DESCRIPTION") if is_full and "description" in policy.fields else "",
        "location": _text(component, "LOCATION") if is_full and "location" in policy.fields else "",
        "resource": sight.resource_name,
        "kind": stored.kind.value,
        "link": sight.back_link or "",
        # People in a text are invited by nobody, and count against no provider's limit (behaviours.md 15).
        "guests": ", ".join(_people(component)) if is_full else "",
    }
    title = render(policy.title, values) or policy.placeholder
    shown.lines.append(("SUMMARY", f"SUMMARY:{escape_text(title)}"))
    description = render(policy.description, values)
    if description:
        shown.lines.append(("DESCRIPTION", f"DESCRIPTION:{escape_text(description)}"))
    if is_full:
        allowed = {_FIELDS[name] for name in policy.fields if name in _FIELDS}
        shown.lines += [(name, strip_controls(line)) for name, line in component.lines if name in allowed]
    if policy.sends_guests:
        shown.lines += [(name, line) for name, line in component.lines if name in _GUESTS]


def _people(component: LineComponent) -> list[str]:
    found = []
    for line in component.every("ATTENDEE"):
        parameters, value = split(line)
        address = value.strip()
        name = parameter(parameters, "CN") or (address[7:] if address.lower().startswith("mailto:") else "")
        if name := " ".join(strip_controls(name).split()):
            found.append(name)
    return found[:_MAX_PEOPLE]


def _text(component: LineComponent, name: str) -> str:
    line = component.first(name)
    if line is None:
        return ""
    value = split(line)[1]
    parts = []
    chars = iter(value)
    for char in chars:
        if char == "\\":
            following = next(chars, "")
            parts.append(_ESCAPES.get(following, following))
        else:
            parts.append(char)
    return strip_controls("".join(parts)).strip()
