"""Dates and times of events: reading what a client sent, rendering in the zone that an answer wants."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")


def instant(text: str) -> datetime:
    """Read an RFC 3339 time, already validated, as an aware instant without fractions."""
    return datetime.fromisoformat(text.upper()).replace(microsecond=0)


def is_local(text: str) -> bool:
    """Tell whether a time has no offset."""
    return _LOCAL.fullmatch(text) is not None


def read(value: dict[str, Any], default_zone: str, where: str) -> date | datetime:
    """Read an EventDateTime as a date or an aware time in its zone; raises Refusal 400."""
    if ("date" in value) == ("dateTime" in value):
        raise Refusal(400, "invalid", "Exactly one of date and dateTime is needed.", location=where)
    name = value.get("timeZone")
    info = zone(name) if name is not None else zone(default_zone)
    if info is None:
        raise Refusal(
            400, "invalid", f"Invalid time zone definition for {where} time.", location=f"{where}.timeZone"
        )
    if "date" in value:
        try:
            return date.fromisoformat(value["date"])
        except ValueError:
            raise Refusal(400, "invalid", "Invalid date.", location=f"{where}.date") from None
    text = value["dateTime"]
    try:
        if is_local(text):
            if name is None:
                raise Refusal(
                    400, "required", f"Missing time zone definition for {where} time.", location=where
                )
            return datetime.fromisoformat(text).replace(microsecond=0, tzinfo=info)
        return instant(text).astimezone(info)
    except (ValueError, OverflowError):
        raise Refusal(400, "invalid", "Invalid time.", location=f"{where}.dateTime") from None


def write(value: date | datetime) -> dict[str, str]:
    """Return the EventDateTime that is stored: a date, or a time with offset and zone."""
    if isinstance(value, datetime):
        info = value.tzinfo
        return {"dateTime": stamp(value), "timeZone": info.key if isinstance(info, ZoneInfo) else "UTC"}
    return {"date": value.isoformat()}


def stamp(value: datetime) -> str:
    """Render an aware time with its offset, UTC as ``Z``."""
    text = value.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def stored(value: dict[str, Any]) -> date | datetime:
    """Read back what ``write`` made."""
    if "date" in value:
        return date.fromisoformat(value["date"])
    return instant(value["dateTime"]).astimezone(zone(value["timeZone"]) or UTC)


def rendered(value: dict[str, Any], view: ZoneInfo) -> dict[str, Any]:
    """Return a stored EventDateTime for an answer: the instant in the view's zone, the zone as it was set."""
    if "date" in value:
        return {"date": value["date"]}
    return {"dateTime": stamp(instant(value["dateTime"]).astimezone(view)), "timeZone": value["timeZone"]}


def as_instant(value: date | datetime, view: ZoneInfo) -> datetime:
    """Return the UTC instant of a time, or of a date's midnight in the view's zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.combine(value, time(), view).astimezone(UTC)


def shifted(start: date | datetime, length: timedelta, like: date | datetime) -> date | datetime:
    """Return start + length (exact time), in the zone of ``like``."""
    if isinstance(start, datetime):
        end = start.astimezone(UTC) + length
        return end.astimezone(like.tzinfo) if isinstance(like, datetime) else end
    return start + length


def length_of(start: date | datetime, end: date | datetime) -> timedelta:
    """Return the exact duration between two values of one kind."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return end.astimezone(UTC) - start.astimezone(UTC)
    if isinstance(start, datetime) or isinstance(end, datetime):
        raise Refusal(400, "invalid", "The start and end times must either both be date or both be dateTime.")
    return end - start
