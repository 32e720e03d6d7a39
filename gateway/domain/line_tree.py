"""Stored calendar objects as trees of raw content lines: quick to read, and a line can be kept as it is.

Only for bytes that ``ical`` has accepted before: nothing is checked again and no value is understood here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from gateway.domain.content_lines import strip_controls

_EMPTY_LINES = re.compile("\n{2,}")
_NAME_END = re.compile("[:;]")


class HasIcal(Protocol):
    """Anything that carries the bytes of one calendar object."""

    @property
    def ical(self) -> bytes:
        """The object as it is stored."""


@dataclass(slots=True)
class LineComponent:
    """One component: its own unfolded lines as (upper-case name, whole line), and what is nested in it."""

    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    children: list[LineComponent] = field(default_factory=list)

    def first(self, name: str) -> str | None:
        """Return the first line with this name."""
        return next((line for own, line in self.lines if own == name), None)

    def every(self, name: str) -> Iterator[str]:
        """Yield the lines with this name."""
        return (line for own, line in self.lines if own == name)

    def word(self, name: str) -> str:
        """Return the first value of a property in upper case and stripped, or an empty text."""
        line = self.first(name)
        return split(line)[1].strip().upper() if line is not None else ""


def read_tree(stored: HasIcal) -> LineComponent:
    """Return the VCALENDAR of a stored object.

    Raises:
        ValueError: the bytes are not those of an object that was accepted.
    """
    text = stored.ical.decode("utf-8-sig").replace("\r\n", "\n")
    if "\n\n" in text:
        text = _EMPTY_LINES.sub("\n", text)
    if "\n " in text or "\n\t" in text:
        text = text.replace("\n ", "").replace("\n\t", "")
    root = LineComponent("")
    stack = [root]
    for line in text.split("\n"):
        found = _NAME_END.search(line)
        if found is None:
            continue
        name = line[: found.start()].upper()
        if name == "BEGIN":
            child = LineComponent(line[6:].strip().upper())
            stack[-1].children.append(child)
            stack.append(child)
        elif name == "END":
            stack.pop()
            if not stack:
                break
        else:
            stack[-1].lines.append((name, line))
    if len(root.children) != 1 or root.children[0].name != "VCALENDAR":
        raise ValueError("this is no stored calendar object")
    return root.children[0]


def split(line: str) -> tuple[str, str]:
    """Return (parameters with their leading semicolon or nothing, value) of a content line."""
    colon = line.find(":")
    head = line[:colon]
    if '"' in head:
        colon = _unquoted_colon(line)
        head = line[:colon]
    semicolon = head.find(";")
    return ("" if semicolon < 0 else head[semicolon:]), line[colon + 1 :]


def text_value(line: str) -> str:
    """Return the TEXT value of a content line, unescaped, without control characters."""
    value = split(line)[1]
    if "\\" in value:
        value = re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)
    return strip_controls(value)


def parameter(parameters: str, name: str) -> str | None:
    """Return one parameter's value without its quotes, from what ``split`` gave."""
    if not parameters:
        return None
    for part in _parts(parameters):
        key, _, value = part.partition("=")
        if key.upper() == name:
            return value.strip('"')
    return None


def _parts(parameters: str) -> Iterator[str]:
    if '"' not in parameters:
        yield from parameters[1:].split(";")
        return
    start, is_quoted = 1, False
    for place, char in enumerate(parameters):
        if char == '"':
            is_quoted = not is_quoted
        elif char == ";" and not is_quoted and place:
            yield parameters[start:place]
            start = place + 1
    yield parameters[start:]


def _unquoted_colon(line: str) -> int:
    is_quoted = False
    for place, char in enumerate(line):
        if char == '"':
            is_quoted = not is_quoted
        elif char == ":" and not is_quoted:
            return place
    return line.find(":")
