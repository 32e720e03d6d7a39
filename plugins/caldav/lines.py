"""One spelling for content lines: servers sort, fold, quote and escape in their own ways. Pure."""

from __future__ import annotations

import re

from gateway.domain.content_lines import escape_text, quote_parameter
from gateway.domain.line_tree import LineComponent, parameter, split, text_value
from gateway.domain.timezone import known_zone

TIMES = ("DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "EXDATE", "RDATE")
_TEXTS = frozenset({"SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CONTACT"})
_ORDER = (
    "VERSION", "PRODID", "CALSCALE", "UID", "RECURRENCE-ID", "DTSTAMP", "DTSTART", "DTEND", "DUE", "DURATION",
    "RRULE", "EXRULE", "RDATE", "EXDATE", "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "TRANSP", "CLASS",
)  # fmt: skip
_RANK = {name: place for place, name in enumerate(_ORDER)}
_DEFAULT_TYPES = {"DATE-TIME": TIMES, "TEXT": tuple(_TEXTS), "RECUR": ("RRULE", "EXRULE"), "URI": ("URL",)}
_DATE = re.compile(r"[0-9]{8}")
_PART = re.compile(r'(?:[^;"]|"[^"]*")+')


def spelled(name: str, line: str) -> str:
    """Return a line as we write it: parameters sorted, defaults left out, texts escaped one way."""
    head, value = split(line)
    value = value.strip() if name in TIMES or name in {"RRULE", "EXRULE", "UID"} else value
    # Some write dates without saying that they are dates; servers then take them for times.
    is_date = name in TIMES and all(_DATE.fullmatch(part.strip()) for part in value.split(","))
    parameters = _parameters(name, head, is_date=is_date) if name not in {"RRULE", "EXRULE"} else ""
    if name in _TEXTS:
        # Servers trim, as ``fingerprint`` does.
        value = escape_text("\n".join(part.rstrip() for part in text_value(line).split("\n")).strip())
    elif name in {"RRULE", "EXRULE"}:
        value = rule(value)
    elif name in TIMES or name in {"STATUS", "TRANSP", "CLASS"}:
        value = value.strip().upper()
    return f"{name}{parameters}:{value}"


def _parameters(name: str, head: str, *, is_date: bool) -> str:
    found: list[tuple[str, str]] = [("VALUE", "DATE")] if is_date else []
    for part in _PART.findall(head):
        key, mark, content = part.partition("=")
        key = key.strip().upper()
        if not mark or not key:
            continue
        content = content.strip()
        bare = content[1:-1] if len(content) > 1 and content[0] == content[-1] == '"' else content
        if key in {"TZID", "VALUE"} and is_date:
            continue  # a date has no zone
        if key == "VALUE" and name in _DEFAULT_TYPES.get(bare.upper(), ()):
            continue
        if key == "TZID" and name in TIMES:
            zone = known_zone(bare)
            content = quote_parameter(zone.key if zone else bare)
        elif key == "VALUE":
            content = bare.upper()
        elif '"' not in bare and content != bare and not any(mark in bare for mark in ",;:\\"):
            content = bare
        found.append((key, content))
    return "".join(f";{key}={content}" for key, content in sorted(found))


def rule(value: str) -> str:
    """Return a recurrence rule with FREQ first and the rest by name."""
    parts = sorted(part.strip() for part in value.upper().split(";") if part.strip())
    return ";".join(sorted(parts, key=lambda part: (not part.startswith("FREQ="), part)))


def ordered(component: LineComponent) -> LineComponent:
    """Return a component with every line in our spelling and order; what is nested stays as it is."""
    lines = [(name, spelled(name, line)) for name, line in component.lines]
    lines.sort(key=lambda pair: (_RANK.get(pair[0], len(_RANK)), pair))
    return LineComponent(component.name, lines, component.children)


def tzid(line: str) -> str | None:
    """Return the TZID of a line, None where it has none."""
    return parameter(split(line)[0], "TZID")


def recurrence(component: LineComponent) -> str:
    """Return what tells the components of one object apart: nothing for the master."""
    line = component.first("RECURRENCE-ID")
    if line is None:
        return ""
    shown = spelled("RECURRENCE-ID", line)
    return f"{tzid(shown) or ''}:{split(shown)[1]}"
