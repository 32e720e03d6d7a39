"""Writing what ``line_tree`` reads: the same lines back, folded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.domain.content_lines import write
from gateway.domain.line_tree import LineComponent, read_tree

EVENTS = ("VEVENT", "VTODO", "VJOURNAL")


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes of one calendar object."""

    ical: bytes


def tree_of(ical: bytes) -> LineComponent:
    """Return the VCALENDAR of an object that was accepted before."""
    return read_tree(Raw(ical))


def to_bytes(calendar: LineComponent) -> bytes:
    """Return a component and everything in it as a stream."""
    return write(_lines(calendar))


def events(calendar: LineComponent) -> list[LineComponent]:
    """Return the components that are neither zones nor anything else beside."""
    return [child for child in calendar.children if child.name in EVENTS]


def drop(component: LineComponent, names: Iterable[str]) -> None:
    """Remove the lines with these names."""
    unwanted = frozenset(names)
    component.lines = [(name, line) for name, line in component.lines if name not in unwanted]


def put(component: LineComponent, name: str, line: str) -> None:
    """Replace the lines with this name by one line."""
    drop(component, (name,))
    component.lines.append((name, line))


def _lines(component: LineComponent) -> Iterator[str]:
    yield f"BEGIN:{component.name}"
    for _, line in component.lines:
        yield line
    for child in component.children:
        yield from _lines(child)
    yield f"END:{component.name}"
