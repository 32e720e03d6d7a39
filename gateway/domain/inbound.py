"""What comes in from a provider, as it is stored here: guests by policy, nothing of a scheduling message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.domain.content_lines import escape_text
from gateway.domain.line_edit import drop, events, put, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent, parameter, split
from gateway.domain.link_model import GuestsIn

_MAX_NAMES = 100
_ANSWERS = frozenset({"NEEDS-ACTION", "ACCEPTED", "DECLINED", "TENTATIVE"})


def inbound(
    ical: bytes, *, guests: GuestsIn, people: Mapping[str, str] | None = None, uid: str | None = None
) -> bytes:
    """Return the object as it is kept here.

    Args:
        ical: the provider's form.
        guests: ``ignore`` drops ATTENDEE and ORGANIZER, ``text`` names the guests in the description,
            ``people`` keeps as ATTENDEE those of ``people`` and drops the others.
        people: names by lower-case mail address, of people here.
        uid: instead of its own.
    """
    calendar = tree_of(ical)
    drop(calendar, ("METHOD",))
    for component in events(calendar):
        lines = list(component.every("ATTENDEE"))
        names = [_name(line) for line in lines]
        matched = [
            _attendee(address, (people or {})[address], line) for address, line in _known(lines, people)
        ]
        drop(component, ("ATTENDEE", "ORGANIZER"))
        if guests is GuestsIn.TEXT and names:
            _append(component, names[:_MAX_NAMES])
        if guests is GuestsIn.PEOPLE:
            component.lines += [("ATTENDEE", line) for line in matched]
        if uid is not None:
            put(component, "UID", f"UID:{uid}")
        if component.first("DTSTAMP") is None:
            component.lines.append(("DTSTAMP", "DTSTAMP:19700101T000000Z"))
    return to_bytes(calendar)


def guest_addresses(ical: bytes) -> set[str]:
    """Return the mail addresses of the guests of an object, in lower case."""
    found = {_address(line) for component in events(tree_of(ical)) for line in component.every("ATTENDEE")}
    return {each for each in found if each}


def _known(lines: Iterable[str], people: Mapping[str, str] | None) -> list[tuple[str, str]]:
    return [(address, line) for line in lines if (address := _address(line)) in (people or {})]


def _attendee(address: str, name: str, line: str) -> str:
    """Return a guest by the name that the person has here; of the line only the answer stays."""
    answer = (parameter(split(line)[0], "PARTSTAT") or "").upper()
    told = f";PARTSTAT={answer}" if answer in _ANSWERS else ""
    quoted = "".join(char for char in name if char.isprintable() and char != '"')
    return f'ATTENDEE;CN="{quoted}"{told}:mailto:{address}'


def _address(line: str) -> str:
    value = split(line)[1].strip().lower()
    return value.removeprefix("mailto:") if value.startswith("mailto:") else ""


def _name(line: str) -> str:
    parameters, value = split(line)
    return parameter(parameters, "CN") or value.removeprefix("mailto:").removeprefix("MAILTO:")


def _append(component: LineComponent, names: list[str]) -> None:
    told = "\\n".join(escape_text(name) for name in names)
    description = component.first("DESCRIPTION")
    own = split(description)[1] + "\\n\\n" if description is not None else ""
    put(component, "DESCRIPTION", f"DESCRIPTION:{own}{told}")
