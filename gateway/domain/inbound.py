"""What comes in from a provider, as it is stored here: guests by policy, nothing of a scheduling message."""

from __future__ import annotations

from gateway.domain.content_lines import escape_text
from gateway.domain.line_edit import drop, events, put, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent, parameter, split
from gateway.domain.link_model import GuestsIn

_MAX_NAMES = 100


def inbound(ical: bytes, *, guests: GuestsIn, uid: str | None = None) -> bytes:
    """Return the object as it is kept here.

    Args:
        ical: the provider's form.
        guests: ``ignore`` drops ATTENDEE and ORGANIZER, ``text`` names the guests in the description.
        uid: instead of its own.
    """
    calendar = tree_of(ical)
    drop(calendar, ("METHOD",))
    for component in events(calendar):
        names = [_name(line) for line in component.every("ATTENDEE")]
        drop(component, ("ATTENDEE", "ORGANIZER"))
        if guests is GuestsIn.TEXT and names:
            _append(component, names[:_MAX_NAMES])
        if uid is not None:
            put(component, "UID", f"UID:{uid}")
        if component.first("DTSTAMP") is None:
            component.lines.append(("DTSTAMP", "DTSTAMP:19700101T000000Z"))
    return to_bytes(calendar)


def _name(line: str) -> str:
    parameters, value = split(line)
    return parameter(parameters, "CN") or value.removeprefix("mailto:").removeprefix("MAILTO:")


def _append(component: LineComponent, names: list[str]) -> None:
    told = "\\n".join(escape_text(name) for name in names)
    description = component.first("DESCRIPTION")
    own = split(description)[1] + "\\n\\n" if description is not None else ""
    put(component, "DESCRIPTION", f"DESCRIPTION:{own}{told}")
