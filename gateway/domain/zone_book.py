"""Time zones of one rendered file: neutral TZIDs, floating times given a zone, one VTIMEZONE for each TZID.

A TZID is free text, so none is copied: a known zone goes out under its IANA name, any other under a name
made from its offsets. The VTIMEZONE of an object goes out without its names and comments.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from gateway.domain.ical import parse_object
from gateway.domain.line_tree import HasIcal, LineComponent, parameter, split, text_value
from gateway.domain.model import Window
from gateway.domain.timezone import VTimezone, known_zone, to_instant, to_wall_clock, vtimezone_lines

_UTC_NAMES = frozenset({"UTC", "UCT", "Zulu", "Universal", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal"})
_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"\d{8}T\d{6}")
_SAFE_VALUE = re.compile(r"[0-9A-Z+\-;:=,/]*")
_STRUCTURE = ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE")


@dataclass(frozen=True, slots=True)
class Moment:
    """One value of a date or date with time: ``20260105`` or ``20260105T090000`` in a zone."""

    text: str
    zone: tzinfo | None  # None: a date

    @property
    def wall(self) -> datetime:
        """Return the naive wall clock; midnight for a date."""
        text = self.text if self.zone is not None else f"{self.text}T000000"
        return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - wall clock

    def instant(self, day_zone: tzinfo) -> datetime:
        """Return the instant as aware UTC; a date begins at midnight in ``day_zone``."""
        return to_instant(self.wall, self.zone or day_zone)

    def like(self, other: Moment, day_zone: tzinfo) -> Moment:
        """Return the same moment in the form of ``other``: as a date, or in its zone.

        A date stands for the instance of its day at the time of ``other``.
        """
        if other.zone is None:
            return Moment(self.text[:8], None)
        if self.zone is None:
            return Moment(self.text + other.text[8:], other.zone)
        if self.zone is other.zone:
            return self
        return at(self.instant(day_zone), other.zone)


def at(instant: datetime, zone: tzinfo) -> Moment:
    """Return an instant as a wall clock of a zone."""
    return Moment(to_wall_clock(instant, zone).strftime("%Y%m%dT%H%M%S").zfill(15), zone)


def _checked(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError("this is no date with time")
    return text


class ZoneBook:
    """The zones that a file has used so far.

    Args:
        writes_utc: every time goes out in UTC and no VTIMEZONE is needed.
    """

    def __init__(self, *, writes_utc: bool = False) -> None:
        self.writes_utc = writes_utc
        self._names: dict[tzinfo, str] = {}
        self._custom: dict[str, list[str]] = {}
        self._known: dict[str, ZoneInfo] = {}
        self._first_year: dict[str, str] = {}

    def form(self, moment: Moment) -> tuple[str, str]:
        """Return (parameters, value) of a moment and note that its zone is used."""
        zone = moment.zone
        if zone is None:
            return ";VALUE=DATE", moment.text
        if zone is UTC:
            return "", f"{moment.text}Z"
        if self.writes_utc:
            return "", f"{at(moment.instant(zone), UTC).text}Z"
        name = self._names.get(zone) or self._name(zone)
        year = moment.text[:4]
        if year < self._first_year.get(name, "9999"):
            self._first_year[name] = year
        return f";TZID={name}", moment.text

    def _name(self, zone: tzinfo) -> str:
        if not isinstance(zone, ZoneInfo) or zone.key is None:
            raise ValueError("a zone of an object must be introduced first")
        self._names[zone] = zone.key
        self._known[zone.key] = zone
        return zone.key

    def introduce(self, zone: VTimezone, definition: LineComponent) -> None:
        """Take over an object's own zone, named after what it says about offsets."""
        lines = ["BEGIN:VTIMEZONE", ""]
        for observance in definition.children:
            if observance.name in {"STANDARD", "DAYLIGHT"}:
                lines.append(f"BEGIN:{observance.name}")
                lines += [
                    line
                    for name in _STRUCTURE
                    for line in (f"{name}:{split(each)[1].strip()}" for each in observance.every(name))
                    if _SAFE_VALUE.fullmatch(line)
                ]
                lines.append(f"END:{observance.name}")
        lines.append("END:VTIMEZONE")
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
        name = f"Custom-{digest}"
        lines[1] = f"TZID:{name}"
        self._names[zone] = name
        self._custom[name] = lines

    def vtimezones(self, window: Window) -> list[str]:
        """Return a VTIMEZONE for every zone used, from its first event to the end of the window."""
        lines: list[str] = []
        for name in sorted(self._first_year):
            if name in self._custom:
                lines += self._custom[name]
                continue
            year = max(1, min(int(self._first_year[name]), window.start.year) - 1)
            span = Window(start=datetime(year, 1, 1, tzinfo=UTC), end=max(window.end, window.start))
            lines += vtimezone_lines(name, self._known[name], span)
        return lines


class ObjectTimes:
    """Reads the times of one object: what each TZID means in it, and what a time without one means.

    Args:
        zone: the zone of the resource.
    """

    def __init__(self, book: ZoneBook, tree: LineComponent, stored: HasIcal, zone: tzinfo) -> None:
        self.book = book
        self.zone = zone
        self._tree = tree
        self._stored = stored
        self._zones: dict[str, tzinfo] = {}

    def of_line(self, line: str) -> Moment:
        """Return the one moment of a DTSTART, DTEND, DUE or RECURRENCE-ID."""
        parameters, value = split(line)
        return self.moment(value, parameters)

    def moment(self, value: str, parameters: str) -> Moment:
        """Return one value as a moment; raise ValueError where it is none."""
        text = value.strip().upper()
        if len(text) < 10 and _DATE.fullmatch(text.removesuffix("Z")):  # Google has written 20131210Z
            return Moment(text[:8], None)
        if text.endswith("Z"):
            return Moment(_checked(text[:-1]), UTC)
        zone = self._zones.get(parameters) or self._resolve(parameters)
        return Moment(_checked(text), zone)

    def _resolve(self, parameters: str) -> tzinfo:
        tzid = parameter(parameters, "TZID")
        zone = self._floating() if tzid is None else known_zone(tzid) or self._own(tzid)
        if isinstance(zone, ZoneInfo) and zone.key in _UTC_NAMES:
            zone = UTC
        self._zones[parameters] = zone
        return zone

    def _floating(self) -> tzinfo:
        name = self._tree.first("X-WR-TIMEZONE")
        return (known_zone(split(name)[1].strip()) if name is not None else None) or self.zone

    def _own(self, tzid: str) -> tzinfo:
        parsed = parse_object(self._stored.ical, max_bytes=len(self._stored.ical))
        zone = parsed.zones.get(tzid)
        if isinstance(zone, VTimezone):
            for child in self._tree.children:
                name = child.first("TZID") if child.name == "VTIMEZONE" else None
                if name is not None and tzid in {text_value(name).strip(), split(name)[1].strip()}:
                    self.book.introduce(zone, child)
                    return zone
        # A TZID that nobody knows is read in the zone of the resource, as the index does.
        return zone if isinstance(zone, ZoneInfo) else self.zone
