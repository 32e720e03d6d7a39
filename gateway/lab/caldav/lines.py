"""Content lines as the laboratory reads them: just enough of RFC 5545, with nothing of the gateway's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone

_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^;:]*)')
_SPAN = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
Line = tuple[str, dict[str, str], str]
"""Name in capitals, parameters, value."""


def unfolded(body: str) -> list[str]:
    """Return the lines without folds."""
    return [line for line in re.sub(r"\r?\n[ \t]", "", body).splitlines() if line]


def read(line: str) -> Line:
    """Return a line's parts; a line without a value raises Refusal."""
    match = re.match(
        r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:]*)(?:,(?:"[^"]*"|[^";:]*))*)*):(.*)', line
    )
    if match is None:
        raise Refusal(403, "valid-calendar-data", "A line is no content line.")
    found = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(match[2])}
    return match[1].upper(), found, match[3]


def components(body: str, name: str = "VEVENT") -> Iterator[list[Line]]:
    """Yield the lines of each component of a kind, those of nested ones left out."""
    depth: list[str] = []
    current: list[Line] = []
    for text in unfolded(body):
        line = read(text)
        if line[0] == "BEGIN":
            depth.append(line[2].upper())
            if depth[-1] == name:
                current = []
        elif line[0] == "END":
            if not depth or depth.pop() != line[2].upper():
                raise Refusal(403, "valid-calendar-data", "BEGIN and END do not match.")
            if line[2].upper() == name:
                yield current
        elif depth and depth[-1] == name:
            current.append(line)
    if depth:
        raise Refusal(403, "valid-calendar-data", "A component has no end.")


def value(lines: list[Line], name: str) -> str:
    """Return the first value of a property, or nothing."""
    return next((line[2] for line in lines if line[0] == name), "")


def uid(body: str) -> str:
    """Return the UID of an object."""
    return next((line[4:] for line in unfolded(body) if line.upper().startswith("UID:")), "")


def text(lines: list[Line], name: str) -> str:
    """Return a TEXT value, unescaped."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value(lines, name))


def moment(line: Line, view: ZoneInfo) -> date | datetime:
    """Return the date or aware time of a property; floating times lie in ``view``."""
    _, parameters, content = line
    if len(content) == 8:
        return datetime.strptime(content, "%Y%m%d").replace(tzinfo=UTC).date()
    plain = datetime.strptime(content[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - the zone comes next
    if content.endswith("Z"):
        return plain.replace(tzinfo=UTC)
    return plain.replace(tzinfo=zone(parameters.get("TZID", "")) or view)


def extent(lines: list[Line], view: ZoneInfo) -> tuple[date | datetime, date | datetime]:
    """Return start and end of one component."""
    start = moment(next(line for line in lines if line[0] == "DTSTART"), view)
    for line in lines:
        if line[0] == "DTEND":
            return start, moment(line, view)
        if line[0] == "DURATION" and (found := _SPAN.fullmatch(line[2].lstrip("+"))):
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return start, start + timedelta(
                weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds
            )
    return start, start if isinstance(start, datetime) else start + timedelta(days=1)
