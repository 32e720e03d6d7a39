"""Reads the values of one calendar object with its zones; the plug-in says how texts are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from icalendar.cal.component import Component
from icalendar.prop import vBroken

from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import text_of, values_of
from gateway.domain.model import Busy, Classification
from gateway.domain.recurrence_faces import busy_of
from gateway.domain.rrule import Rule, read_rule
from gateway.domain.timezone import to_instant
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Content, Guest, Key, at_instant

_DAY = timedelta(days=1)
_STATUSES = {"ACCEPTED", "DECLINED", "TENTATIVE", "NEEDS-ACTION"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What a provider keeps of an object beside its times.

    Attributes:
        line: a title or place as the provider keeps it; also for names of guests.
        text: a description as the provider keeps it.
        guests: ATTENDEE is kept.
        alarms: (method, minutes) of the alarms that are kept; None drops them all.
        has_extras: CATEGORIES and Outlook's kinds of being busy are kept.
    """

    line: Callable[[str], str]
    text: Callable[[str], str]
    guests: bool = False
    alarms: Callable[[Component], tuple[tuple[str, int], ...]] | None = None
    has_extras: bool = False


class Reader:
    """Reads values of one object with its zones."""

    def __init__(self, obj: ParsedObject, zone: ZoneInfo, manner: Manner) -> None:
        """Take the object, the zone of floating times, and how it is to be read."""
        self.obj, self.zone, self._manner = obj, zone, manner
        self.stamp = _stamp(obj)
        strict = {Classification.PRIVATE: "PRIVATE", Classification.CONFIDENTIAL: "CONFIDENTIAL"}
        # Trap: tightening one instance tightens the whole series there; so the strictest counts for all (§4).
        self.visibility = strict.get(obj.classification, "")

    def zone_of(self, tzid: object) -> tzinfo:
        """Return the zone that a TZID means; that of the resource where nobody knows or none is named."""
        if not isinstance(tzid, str):
            return self.obj.floating_zone or self.zone
        return self.obj.zones.get(tzid) or self.zone

    def at(self, moment: date, tzid: object = None) -> At:
        """Return a DATE or DATE-TIME as a value; custom zones become UTC."""
        if not isinstance(moment, datetime):
            return At(moment)
        if moment.tzinfo is not None:
            return At(moment.astimezone(UTC).replace(tzinfo=None), "UTC")
        zone = self.zone_of(tzid)
        if isinstance(zone, ZoneInfo):
            return At(moment, zone_name(zone))
        return At(to_instant(moment, zone).replace(tzinfo=None), "UTC")

    def value(self, component: Component, name: str) -> At | None:
        """Return a date or time property."""
        values = values_of(component, name)
        if not values:
            return None
        return self.at(values[0].dt, values[0].params.get("TZID") if values[0].params else None)

    def span(self, component: Component, default: At | None = None) -> tuple[At, At]:
        """Return start and end; all-day ones take a day at least, timed ones never end before they start."""
        start = self.value(component, "DTSTART") or default
        if start is None:
            raise Rejected("An event needs a start.", code="noStart")
        end = self.value(component, "DTEND")
        if end is None:
            end = self._by_duration(component, start)
        if start.is_date:
            first, last = start.value, end.value if end.is_date else start.value
            return start, At(max(last, first + _DAY))
        if end.is_date or end.instant < start.instant:
            end = start
        return start, end

    def _by_duration(self, component: Component, start: At) -> At:
        durations = values_of(component, "DURATION")
        length: timedelta = durations[0].dt if durations else timedelta()
        if not isinstance(start.value, datetime):
            return At(start.value + timedelta(days=length.days + (1 if length.seconds else 0)))
        date_part = str(getattr(durations[0], "raw", "")).upper().partition("T")[0] if durations else ""
        # Days and weeks of a DURATION are nominal, the rest is exact (RFC 5545 §3.3.6).
        days = length.days if len(date_part.lstrip("+")) > 1 else 0
        rest = length - timedelta(days=days)
        noon = At(start.value + timedelta(days=days), start.zone)
        return at_instant(noon.instant + rest, start.zone) if rest else noon

    def content(self, component: Component) -> Content:
        """Return what is said about an event."""
        status = (text_of(component, "STATUS") or "").upper()
        busy = busy_of(component)
        if status != "CANCELLED":
            status = "TENTATIVE" if status == "TENTATIVE" or busy is Busy.TENTATIVE else ""
        manner = self._manner
        return Content(
            summary=manner.line(text_of(component, "SUMMARY") or ""),
            description=manner.text(text_of(component, "DESCRIPTION") or ""),
            location=manner.line(text_of(component, "LOCATION") or ""),
            status=status,
            is_free=busy is Busy.FREE and status != "CANCELLED",
            guests=_guests(component, manner.line) if manner.guests else (),
            alarms=manner.alarms(component) if manner.alarms is not None else (),
            categories=_categories(component, manner.line) if manner.has_extras else (),
            away=_away(component) if manner.has_extras else "",
        )

    def key(self, at: At, start: At) -> Key:
        """Return the name of an instance in the value type of the series."""
        if start.is_date:
            return at.value.date() if isinstance(at.value, datetime) else at.value
        if at.is_date and isinstance(start.value, datetime):
            return At(datetime.combine(at.value, start.value.time()), start.zone).instant
        return at.instant

    def dates(self, component: Component, name: str) -> Iterable[tuple[At, At | None]]:
        """Yield every value of RDATE or EXDATE, with its own end where it is a period."""
        for entry in values_of(component, name):
            tzid = entry.params.get("TZID") if entry.params else None
            for item in entry.dts:
                if not isinstance(item.dt, tuple):
                    yield self.at(item.dt, tzid), None
                    continue
                first = self.at(item.dt[0], tzid)
                last: Any = item.dt[1]
                if isinstance(last, timedelta):
                    yield first, at_instant(first.instant + max(last, timedelta()), first.zone)
                else:
                    yield first, self.at(last, tzid)

    def rules(self, component: Component, name: str) -> list[Rule]:
        """Return the rules of a component."""
        return [read_rule(recur, property_name=name) for recur in values_of(component, name)]


def zone_name(zone: ZoneInfo) -> str:
    """Return the IANA name; the many names of UTC are one."""
    return (
        "UTC"
        if zone.key in {"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal"}
        else zone.key
    )


def _categories(component: Component, line: Callable[[str], str]) -> tuple[str, ...]:
    names = [str(name) for entry in values_of(component, "CATEGORIES") for name in getattr(entry, "cats", ())]
    return tuple(sorted({text for name in names if (text := line(name.replace(",", " ")))}))


def _away(component: Component) -> str:
    word = (text_of(component, "X-MICROSOFT-CDO-BUSYSTATUS") or "").upper()
    return word if word in {"OOF", "WORKINGELSEWHERE"} else ""


def _guests(component: Component, line: Callable[[str], str]) -> tuple[Guest, ...]:
    found: dict[str, Guest] = {}
    for value in values_of(component, "ATTENDEE"):
        address = str(value).strip()
        if not address.lower().startswith("mailto:") or "@" not in address:
            continue
        address = address[7:].lower()
        params = value.params or {}
        status = str(params.get("PARTSTAT", "NEEDS-ACTION")).upper()
        found[address] = Guest(
            address=address,
            name=line(str(params.get("CN", ""))),
            status=status if status in _STATUSES else "NEEDS-ACTION",
        )
    return tuple(found[address] for address in sorted(found))


def _stamp(obj: ParsedObject) -> str:
    for component in obj.components:
        for value in values_of(component, "DTSTAMP"):
            moment = None if isinstance(value, vBroken) else getattr(value, "dt", None)
            if isinstance(moment, datetime) and moment.tzinfo is not None:
                return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return "19700101T000000Z"
