"""Dates and times as Graph has them: a wall clock beside a zone's name, seven fraction digits in answers.

Stored form: {"local": "2026-12-01T10:00:00", "zone": IANA name, "name": the name that was sent}.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone
from gateway.lab.microsoft import zones

_WALL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)?")
_ZONELESS = "UTC"


def read(value: Any, where: str) -> dict[str, str]:
    """Return the stored form of a dateTimeTimeZone; raises Refusal 400."""
    if not isinstance(value, dict) or not value.get("dateTime"):
        raise Refusal(400, "ErrorInvalidRequest", f"{where}: dateTime is required.")
    info = zones.wanted(value.get("timeZone") or _ZONELESS, where)
    match = _WALL.fullmatch(value["dateTime"])
    try:
        local = datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        local = None
    if match is None or local is None:
        raise Refusal(400, "ErrorInvalidParameter", f"{where}: not a date and time.")
    if match[2]:
        offset = datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))
        local = offset.astimezone(info).replace(tzinfo=None)
    return written(local.replace(tzinfo=info), str(value.get("timeZone") or _ZONELESS))


def written(value: datetime, name: str | None = None) -> dict[str, str]:
    """Return the stored form of an aware time."""
    info = value.tzinfo
    key = info.key if isinstance(info, ZoneInfo) else "UTC"
    return {"local": f"{value:%Y-%m-%dT%H:%M:%S}", "zone": key, "name": name or key}


def aware(stored: dict[str, str]) -> datetime:
    """Return the stored time with its zone."""
    return datetime.fromisoformat(stored["local"]).replace(tzinfo=zone(stored["zone"]) or ZoneInfo("UTC"))


def instant(stored: dict[str, str]) -> datetime:
    """Return the stored time as a UTC instant."""
    return aware(stored).astimezone(UTC)


def day_of(stored: dict[str, str]) -> date:
    """Return the stored wall-clock date."""
    return date.fromisoformat(stored["local"][:10])


def edge(stored: dict[str, str], *, all_day: bool) -> datetime:
    """Return the instant that windows are compared with; an all-day event counts in UTC (I)."""
    if all_day:
        return datetime.fromisoformat(stored["local"]).replace(tzinfo=UTC)
    return instant(stored)


def fraction(value: datetime) -> str:
    """Render a wall clock with seven fraction digits."""
    return f"{value:%Y-%m-%dT%H:%M:%S}.0000000"


def rendered(stored: dict[str, str], view: tzinfo, view_name: str, *, all_day: bool) -> dict[str, str]:
    """Return a dateTimeTimeZone for an answer; an all-day one is midnight in UTC whatever the view."""
    if all_day:
        return {"dateTime": fraction(datetime.fromisoformat(stored["local"])), "timeZone": "UTC"}
    return {"dateTime": fraction(aware(stored).astimezone(view)), "timeZone": view_name}


def stamp(value: datetime) -> str:
    """Render a server's instant: UTC, seven fraction digits, ``Z``."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def parameter(text: str, name: str) -> datetime:
    """Read startDateTime or endDateTime; without offset it is UTC; raises Refusal 400."""
    try:
        value = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace(" ", "+")))
    except ValueError:
        raise Refusal(400, "ErrorInvalidParameter", f"{name}: not a date and time.") from None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def shifted(
    stored: dict[str, str], length: timedelta, like: dict[str, str], *, all_day: bool
) -> dict[str, str]:
    """Return start + length in the zone of ``like``; whole days for an all-day event, else exact time."""
    if all_day:
        local = datetime.fromisoformat(stored["local"]) + length
        return {**like, "local": f"{local:%Y-%m-%dT%H:%M:%S}"}
    end = instant(stored) + length
    return written(end.astimezone(zone(like["zone"]) or ZoneInfo("UTC")), like["name"])


def length_of(body: dict[str, Any]) -> timedelta:
    """Return how long a stored event lasts."""
    all_day = bool(body.get("isAllDay"))
    return edge(body["end"], all_day=all_day) - edge(body["start"], all_day=all_day)
