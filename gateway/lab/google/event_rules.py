"""What Google makes of an event that a client sends: checks, read-only fields, rewritten text, limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal, RuleRefused
from gateway.lab.core.settings import Settings
from gateway.lab.google import palette, times

if TYPE_CHECKING:
    from gateway.lab.google.model import Calendar
    from gateway.lab.google.world import Google

READ_ONLY = (
    "kind",
    "etag",
    "created",
    "updated",
    "htmlLink",
    "creator",
    "hangoutLink",
    "locked",
    "privateCopy",
    "endTimeUnspecified",
    "recurringEventId",
    "originalStartTime",
    "attendeesOmitted",
    "gadget",
)
STATUSES = {"confirmed", "tentative", "cancelled"}
VISIBILITIES = {"default", "public", "private", "confidential"}
EVENT_TYPES = {"default", "focusTime", "outOfOffice", "workingLocation"}
EVENT_ID = re.compile(r"[a-v0-9]{5,1024}")
KEY_CAP, VALUE_CAP, PROPERTIES_CAP, PROPERTIES_BYTES = 44, 1024, 300, 32 * 1024
_SUB_DAILY = re.compile(r"FREQ=(HOURLY|MINUTELY|SECONDLY)", re.IGNORECASE)
_UNTIL = re.compile(r"UNTIL=([0-9TZ]+)", re.IGNORECASE)


def _bad(field: str, message: str = "Invalid Value", reason: str = "invalid") -> Refusal:
    return Refusal(400, reason, f"{field}: {message}", location=field)


def cleaned(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without nulls, at any depth of objects."""
    return {
        name: cleaned(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if value is not None
    }


def checkable(body: Any, *, patch: bool) -> Any:
    """Return a copy for the validator: null means absent, a local time with a zone is legal (official)."""
    if not isinstance(body, dict):
        return body
    result: dict[str, Any] = {}
    for name, value in body.items():
        if value is None:
            continue
        if name in {"start", "end", "originalStartTime"} and isinstance(value, dict):
            value = {key: item for key, item in value.items() if item is not None}
            text = value.get("dateTime")
            if isinstance(text, str) and (value.get("timeZone") or patch) and times.is_local(text):
                value["dateTime"] = (text if text.count(":") == 2 else text + ":00") + "Z"
        elif isinstance(value, dict):
            value = checkable(value, patch=patch)
        result[name] = value
    return result


def merged(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return old changed by a PATCH: null deletes, objects merge, arrays replace."""
    result = dict(old)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            known = result.get(name)
            result[name] = merged(known if isinstance(known, dict) else {}, value)
        else:
            result[name] = value
    return result


def normalised(
    google: Google, calendar: Calendar, body: dict[str, Any], *, instance: bool = False
) -> dict[str, Any]:
    """Return the event as it is stored; raises Refusal 400.

    Args:
        google: the provider.
        calendar: where it is written to; gives the zone of times without one.
        body: the whole event, merged already, without nulls.
        instance: True for one occurrence of a series, which has no rule of its own.
    """
    result = dict(body)
    settings = google.lab.settings
    start, end = _span(calendar, result)
    recurrence = result.get("recurrence")
    if instance or not recurrence:
        result.pop("recurrence", None)
    else:
        _zones_named(body)
        result["recurrence"] = _rules(google, start, list(recurrence))
    result["start"], result["end"] = times.write(start), times.write(end)
    _words(result)
    _text(settings, result)
    _properties(result)
    _source(result)
    for name in ("transparency", "visibility"):
        if result.get(name) in {"opaque", "default"}:
            del result[name]
    result.setdefault("status", "confirmed")
    result.setdefault("eventType", "default")
    return result


def _span(calendar: Calendar, body: dict[str, Any]) -> tuple[date | datetime, date | datetime]:
    for name in ("start", "end"):
        if not isinstance(body.get(name), dict):
            raise Refusal(400, "required", f"Missing {name} time.", location=name)
    start = times.read(body["start"], calendar.zone, "start")
    end = times.read(body["end"], calendar.zone, "end")
    length = times.length_of(start, end)
    if length.total_seconds() < 0 or (not isinstance(start, datetime) and not length):
        raise Refusal(
            400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar", location="timeMax"
        )
    return start, end


def _zones_named(body: dict[str, Any]) -> None:
    for name in ("start", "end"):
        if "dateTime" in body[name] and not body[name].get("timeZone"):
            raise Refusal(
                400, "required", f"Missing time zone definition for {name} time.", location=f"{name}.timeZone"
            )


def _rules(google: Google, start: date | datetime, lines: list[str]) -> list[str]:
    """Return the lines after the engine has read them."""
    settings = google.lab.settings
    for line in lines:
        name = re.split("[;:]", line, maxsplit=1)[0].upper()
        if name not in {"RRULE", "EXRULE", "RDATE", "EXDATE"} or "\n" in line or "\r" in line:
            raise _bad("recurrence", "only RRULE, EXRULE, RDATE and EXDATE lines")
        if name in {"RRULE", "EXRULE"}:
            _rule(settings, start, line)
        elif ("VALUE=DATE:" in line.upper()) == isinstance(start, datetime):
            raise _bad("recurrence", f"{name} must have the value type of start")
        elif isinstance(start, datetime) and "TZID=" not in line.upper() and not line.upper().endswith("Z"):
            raise _bad("recurrence", f"{name} must name a zone or be in UTC")
    try:
        found = google.lab.engine.starts(start, lines, limit=1)
    except RuleRefused as error:
        raise _bad("recurrence", f"Invalid recurrence rule. ({error})") from None
    if not found:
        raise _bad("recurrence", "The rule has no occurrence.")
    return lines


def _rule(settings: Settings, start: date | datetime, line: str) -> None:
    upper = line.upper()
    if "FREQ=" not in upper:
        raise _bad("recurrence", "Invalid recurrence rule: no FREQ.")
    if settings.refuse_sub_daily and _SUB_DAILY.search(line):
        raise _bad("recurrence", "Invalid recurrence rule: the frequency is not supported.")
    until = _UNTIL.search(upper)
    if until and "COUNT=" in upper:
        raise _bad("recurrence", "Invalid recurrence rule: COUNT and UNTIL together.")
    if until and settings.refuse_local_until:
        form = until[1]
        if isinstance(start, datetime) and not form.endswith("Z"):
            raise _bad("recurrence", "Invalid recurrence rule: UNTIL must be in UTC.")
        if not isinstance(start, datetime) and len(form) != 8:
            raise _bad("recurrence", "Invalid recurrence rule: UNTIL must be a date.")


def _words(body: dict[str, Any]) -> None:
    for name, allowed in (
        ("status", STATUSES),
        ("visibility", VISIBILITIES),
        ("transparency", {"opaque", "transparent"}),
    ):
        if body.get(name, next(iter(allowed))) not in allowed:
            raise _bad(name)
    if "colorId" in body and body["colorId"] not in palette.EVENT:
        raise _bad("colorId")
    for attendee in body.get("attendees", []):
        if "@" not in attendee.get("email", ""):
            raise _bad("attendees", "Invalid attendee email.")
        attendee.setdefault("responseStatus", "needsAction")


def checked_reminders(value: dict[str, Any]) -> dict[str, Any]:
    """Return reminders as they are stored; raises Refusal 400."""
    overrides = value.get("overrides") or []
    if value.get("useDefault") and overrides:
        raise Refusal(
            400,
            "cannotUseDefaultRemindersAndSpecifyOverride",
            "Cannot specify both default reminders and overrides at the same time.",
            domain="calendar",
        )
    if len(overrides) > 5:
        raise _bad("reminders", "at most 5 overrides")
    for override in overrides:
        if override.get("method") not in {"popup", "email"} or not 0 <= override.get("minutes", -1) <= 40_320:
            raise _bad("reminders.overrides")
    return {"useDefault": bool(value.get("useDefault"))} | ({"overrides": overrides} if overrides else {})


_TIDY: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\r\n?"), "\n"),
    (re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL), ""),
    (re.compile(r"<br\s*/?>", re.IGNORECASE), "<br>"),
    (
        re.compile(r"</?(b|i|u|p|ul|ol|li)\s*>", re.IGNORECASE),
        lambda match: match[0].lower().replace(" ", ""),
    ),
    (re.compile(r"&(apos|#39);"), "'"),
    (re.compile(r"[ \t]+(?=\n)"), ""),
]


def rewritten(text: str) -> str:
    """Return a description as the server keeps it (assumption: what exactly is rewritten)."""
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


def _text(settings: Settings, body: dict[str, Any]) -> None:
    if settings.rewrite_text:
        for name in ("summary", "location"):
            if name in body:
                body[name] = " ".join(body[name].split())
        if "description" in body:
            body["description"] = rewritten(body["description"])
    for name, cap in (("summary", settings.summary_cap), ("description", settings.description_cap)):
        if name in body:
            body[name] = body[name][:cap]
    for name in ("summary", "location", "description"):
        if body.get(name) == "":
            del body[name]


def _properties(body: dict[str, Any]) -> None:
    extended = body.get("extendedProperties")
    if extended is None:
        return
    kept: dict[str, dict[str, str]] = {}
    for kind in ("private", "shared"):
        items = {
            key: value[:VALUE_CAP] for key, value in extended.get(kind, {}).items() if len(key) <= KEY_CAP
        }
        if items:
            kept[kind] = items
    everything = [(key, value) for items in kept.values() for key, value in items.items()]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in everything)
    if len(everything) > PROPERTIES_CAP or size > PROPERTIES_BYTES:
        raise _bad("extendedProperties", "too many or too large")
    if kept:
        body["extendedProperties"] = kept
    else:
        del body["extendedProperties"]


def _source(body: dict[str, Any]) -> None:
    source = body.get("source")
    if source is not None and not str(source.get("url", "")).startswith(("http://", "https://")):
        raise _bad("source.url")
