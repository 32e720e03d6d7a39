"""The filter of a calendar-query, read and checked (RFC 4791 §9.7)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from plugins.radicale.collations import COLLATIONS, folded
from plugins.radicale.names import caldav
from plugins.radicale.problems import Problem
from plugins.radicale.times import TimeRange, read_range

_KNOWN_CHILDREN = {
    "comp-filter": {"is-not-defined", "time-range", "prop-filter", "comp-filter"},
    "prop-filter": {"is-not-defined", "time-range", "text-match", "param-filter"},
    "param-filter": {"is-not-defined", "text-match"},
}
_MAX_PARTS = 200
WITH_TIME = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VALARM", "VAVAILABILITY"})


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Part of a text; ``key`` is what the collation makes of it."""

    value: str
    collation: str
    is_negated: bool
    key: str


@dataclass(frozen=True, slots=True)
class ParamFilter:
    """A condition on a parameter."""

    name: str
    is_not_defined: bool
    text: TextMatch | None


@dataclass(frozen=True, slots=True)
class PropFilter:
    """A condition on a property."""

    name: str
    is_not_defined: bool
    range: TimeRange | None
    text: TextMatch | None
    params: tuple[ParamFilter, ...]


@dataclass(frozen=True, slots=True)
class CompFilter:
    """A condition on a component: one component meets all of it."""

    name: str
    is_not_defined: bool
    range: TimeRange | None
    props: tuple[PropFilter, ...]
    comps: tuple[CompFilter, ...]


def read_filter(root: ET.Element) -> CompFilter:
    """Return the filter of a calendar-query: the comp-filter of VCALENDAR.

    Raises:
        Problem: 403 with valid-filter, supported-filter or supported-collation.
    """
    node = root.find(caldav("filter"))
    if node is None:
        raise _bad("A calendar-query needs a CALDAV:filter.")
    if len(node) != 1 or node[0].tag != caldav("comp-filter"):
        raise _bad("A filter holds one comp-filter, of VCALENDAR.")
    if sum(1 for _ in node.iter()) > _MAX_PARTS:
        raise _unsupported(f"A filter has at most {_MAX_PARTS} parts.")
    found = _comp(node[0])
    if found.name != "VCALENDAR":
        raise _bad("The outermost comp-filter is that of VCALENDAR.")
    if found.range is not None:
        raise _bad("A VCALENDAR has no time of its own; put the time-range into the component.")
    return found


def _comp(node: ET.Element) -> CompFilter:
    parts = _parts(node, "comp-filter")
    ranges, name = parts["time-range"], _name(node)
    if ranges and name not in WITH_TIME and name != "VCALENDAR":
        raise _unsupported(f"A {name[:40]} has no time of its own.")
    return CompFilter(
        name=name,
        is_not_defined=_not_defined(node, parts),
        range=read_range(ranges[0]) if ranges else None,
        props=tuple(_prop(child) for child in parts["prop-filter"]),
        comps=tuple(_comp(child) for child in parts["comp-filter"]),
    )


def _prop(node: ET.Element) -> PropFilter:
    parts = _parts(node, "prop-filter")
    ranges, texts = parts["time-range"], parts["text-match"]
    return PropFilter(
        name=_name(node),
        is_not_defined=_not_defined(node, parts),
        range=read_range(ranges[0]) if ranges else None,
        text=_text(texts[0]) if texts else None,
        params=tuple(_param(child) for child in parts["param-filter"]),
    )


def _param(node: ET.Element) -> ParamFilter:
    parts = _parts(node, "param-filter")
    texts = parts["text-match"]
    return ParamFilter(
        name=_name(node),
        is_not_defined=_not_defined(node, parts),
        text=_text(texts[0]) if texts else None,
    )


def _text(node: ET.Element) -> TextMatch:
    collation = node.get("collation", COLLATIONS[0])
    if collation == "default":
        collation = COLLATIONS[0]
    if collation not in COLLATIONS:
        raise Problem(403, f"Texts are compared by {', '.join(COLLATIONS)}.", "<C:supported-collation/>")
    value = node.text or ""
    return TextMatch(
        value=value,
        collation=collation,
        is_negated=node.get("negate-condition", "no") == "yes",
        key=folded(value, collation),
    )


def _parts(node: ET.Element, kind: str) -> dict[str, list[ET.Element]]:
    known = _KNOWN_CHILDREN[kind]
    parts: dict[str, list[ET.Element]] = {name: [] for name in known}
    for child in node:
        space, _, local = child.tag[1:].partition("}") if child.tag.startswith("{") else ("", "", child.tag)
        if local not in known or caldav(local) != child.tag:
            del space
            raise _unsupported(f"A {kind} cannot hold {local[:40]}.")
        parts[local].append(child)
    for single in ("time-range", "text-match"):
        if len(parts.get(single, ())) > 1:
            raise _bad(f"A {kind} holds one {single}.")
    return parts


def _name(node: ET.Element) -> str:
    name = (node.get("name") or "").strip().upper()
    if not name:
        raise _bad("A filter needs a name.")
    return name


def _not_defined(node: ET.Element, parts: dict[str, list[ET.Element]]) -> bool:
    is_not_defined = bool(parts["is-not-defined"])
    if is_not_defined and len(node) > 1:
        raise _bad("is-not-defined stands alone.")
    return is_not_defined


def _bad(message: str) -> Problem:
    return Problem(403, message, "<C:valid-filter/>")


def _unsupported(message: str) -> Problem:
    return Problem(403, message, "<C:supported-filter/>")
