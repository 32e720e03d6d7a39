"""Trap: an event there has a reminder of 15 minutes unless told to have none, and one at most (§6).

It does not come back: changing it is nobody's edit of the event.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from icalendar.cal.component import Component
from icalendar.prop import vBroken

from gateway.domain.ical_reader import values_of
from gateway.providers.contract import Reminders

MAX_MINUTES = 40_320


def nearest_alarm(component: Component) -> tuple[tuple[str, int], ...]:
    """Return the alarm before the start that rings last, as (method, minutes)."""
    found = []
    for alarm in component.subcomponents:
        triggers = values_of(alarm, "TRIGGER") if alarm.name == "VALARM" else []
        is_broken = not triggers or isinstance(triggers[0], vBroken)
        before = None if is_broken else getattr(triggers[0], "dt", None)
        if (
            not isinstance(before, timedelta)
            or str(triggers[0].params.get("RELATED", "START")).upper() == "END"
        ):
            continue
        minutes = -int(before.total_seconds() // 60)
        if 0 <= minutes <= MAX_MINUTES:
            found.append(minutes)
    return (("popup", min(found)),) if found else ()


def reminder_fields(policy: Reminders, alarms: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Return the reminder of an event; none must be said aloud. DEFAULT leaves what the person has set."""
    if policy is Reminders.DEFAULT:
        return {}
    if policy is Reminders.KEEP and alarms:
        return {"isReminderOn": True, "reminderMinutesBeforeStart": alarms[0][1]}
    return {"isReminderOn": False}
