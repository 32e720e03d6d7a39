"""A second opinion on occurrences from another library, for ``calgate doctor --deep`` and for tests.

Never used to serve: the library does not bound its work. So only ordinary objects are asked about, and an
object it cannot judge is no finding.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

import recurring_ical_events
from icalendar import Calendar
from icalendar.cal.component import Component

from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject
from gateway.domain.ical_reader import values_of
from gateway.domain.model import Window
from gateway.domain.rrule import Frequency, read_rule
from gateway.domain.timezone import to_instant

MAX_DISTANCE_YEARS = 30
MAX_VALUES = 500


def is_ordinary(obj: ParsedObject, window: Window) -> bool:
    """Return whether the library can be asked: no hostile shape, nothing that it is known not to do.

    Left out are rules more frequent than daily, EXRULE, RANGE=THISANDFUTURE, a DTSTART that the library could
    read otherwise (unknown or own time zones), long lists, and starts far from the window.
    """
    if obj.component != "VEVENT" or obj.master is None or obj.zone_problems or obj.timezones:
        return False
    if obj.floating_zone is not None or len(obj.overrides) > MAX_VALUES:
        return False
    if any("RANGE" in value.params for c in obj.overrides for value in values_of(c, "RECURRENCE-ID")):
        return False
    master = obj.master
    start = values_of(master, "DTSTART")[0].dt
    if abs(window.end.year - start.year) > MAX_DISTANCE_YEARS or values_of(master, "EXRULE"):
        return False
    listed = sum(len(entry.dts) for name in ("RDATE", "EXDATE") for entry in values_of(master, name))
    return listed <= MAX_VALUES and _rules_are_ordinary(master)


def _rules_are_ordinary(master: Component) -> bool:
    recurs = values_of(master, "RRULE")
    try:
        rules = [read_rule(recur) for recur in recurs]
    except TooManyInstances:
        return False
    return len(rules) <= 3 and all(
        rule.freq < Frequency.HOURLY and rule.interval <= 100 and not rule.by_second and not rule.by_set_pos
        for rule in rules
    )


def instants_by_library(
    obj: ParsedObject, zone: tzinfo, window: Window
) -> frozenset[tuple[datetime, datetime]] | None:
    """Return the (start, end) instants of an object as ``recurring-ical-events`` sees them.

    Args:
        obj: the calendar object.
        zone: zone of the resource, for dates and floating times.
        window: instances that overlap it are returned.

    Returns:
        Aware UTC pairs, or None where the object is not ordinary (``is_ordinary``) or beyond the library.
    """
    if not is_ordinary(obj, window):
        return None
    try:
        calendar = Calendar.from_ical(obj.ical)
        components = recurring_ical_events.of(calendar).between(window.start, window.end)
    except Exception:  # noqa: BLE001 - whatever the library stumbles over, it has no opinion then
        return None
    spans = {(_instant(c.start, zone), _instant(c.end, zone)) for c in components}
    return frozenset(span for span in spans if window.overlaps(*span))


def _instant(value: Any, zone: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        day: date = value
        return to_instant(datetime.combine(day, time()), zone)
    return value.astimezone(UTC) if value.tzinfo is not None else to_instant(value, zone)
