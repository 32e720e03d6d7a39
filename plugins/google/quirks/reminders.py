"""Trap: at most 5 reminders, 0 to 40320 minutes before the start, of the signed-in person (§4).

They do not come back: changing one moves the etag but not ``updated``, and is nobody's edit of the event. A
412 after it is answered by reading again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from icalendar.cal.component import Component
from icalendar.prop import vBroken

from gateway.domain.ical_reader import text_of, values_of
from gateway.providers.contract import Reminders

MAX_REMINDERS = 5
MAX_MINUTES = 40_320


def minutes_before(component: Component) -> tuple[tuple[str, int], ...]:
    """Return (method, minutes) of the alarms that Google can hold, sorted; others are left out."""
    found: set[tuple[str, int]] = set()
    for alarm in component.subcomponents:
        if alarm.name != "VALARM":
            continue
        triggers = values_of(alarm, "TRIGGER")
        is_broken = not triggers or isinstance(triggers[0], vBroken)
        before = None if is_broken else getattr(triggers[0], "dt", None)
        if (
            not isinstance(before, timedelta)
            or str(triggers[0].params.get("RELATED", "START")).upper() == "END"
        ):
            continue
        minutes = -int(before.total_seconds() // 60)
        if 0 <= minutes <= MAX_MINUTES:
            method = "email" if (text_of(alarm, "ACTION") or "").upper() == "EMAIL" else "popup"
            found.add((method, minutes))
    return tuple(sorted(found, key=lambda each: (each[1], each[0]))[:MAX_REMINDERS])


def reminders_body(policy: Reminders, alarms: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Return the ``reminders`` of an event; none must be said aloud, or the calendar's default rings."""
    if policy is Reminders.DEFAULT:
        return {"useDefault": True}
    kept = alarms if policy is Reminders.KEEP else ()
    return {
        "useDefault": False,
        "overrides": [{"method": method, "minutes": minutes} for method, minutes in kept],
    }
