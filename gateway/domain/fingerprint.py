"""The canonical form of a calendar object and its hash: when do two texts say the same?

Instants instead of spellings, sorted lists, no stamps (DTSTAMP, SEQUENCE ...), no X- properties, no guests:
a provider that rewrites those has not edited anything. Fields are what people can change and what a merge
decides on: ``time`` is one field, rule and exceptions included.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from icalendar.cal.component import Component

from gateway.domain.ical import ParsedObject, shared_object
from gateway.domain.ical_reader import values_of
from gateway.domain.timezone import to_instant

MASTER = ""
TIME = "time"
REMINDERS = "reminders"

# Which properties make up a field; everything that is not named here is no field and never compared.
FIELD_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    TIME: ("DTSTART", "DTEND", "DUE", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE"),
    "title": ("SUMMARY",),
    "description": ("DESCRIPTION",),
    "location": ("LOCATION",),
    "categories": ("CATEGORIES",),
    "status": ("STATUS",),
    "transparency": ("TRANSP",),
    "class": ("CLASS",),
    "url": ("URL",),
    "geo": ("GEO",),
    "priority": ("PRIORITY",),
    "color": ("COLOR",),
    "conference": ("CONFERENCE",),
}
_DEFAULTS = {"status": "CONFIRMED", "transparency": "OPAQUE", "class": "PUBLIC", "priority": "0"}
_STAMP = re.compile(rb"^DTSTAMP:[0-9TZ]+\r\n", re.MULTILINE)
_STAMP_OR_UID = re.compile(
    rb"^(?:DTSTAMP:[0-9TZ]+\r\n|UID[:;][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)", re.MULTILINE
)
_UPPER = frozenset({"status", "transparency", "class"})

Fields = Mapping[str, str]
Canonical = Mapping[str, Mapping[str, str]]
_KEPT_BYTES = 8192


def canonical(ical: bytes) -> Canonical:
    """Return field values by component: ``""`` is the master, others are named by recurrence id.

    Raises:
        InvalidInput: these are not the bytes of one calendar object.
    """
    return _kept(ical) if len(ical) <= _KEPT_BYTES else _canonical(ical)


@lru_cache(maxsize=512)
def _kept(ical: bytes) -> Canonical:
    # What was sent before is compared with what is to be sent now: the same text twice within a moment.
    return _canonical(ical)


def _canonical(ical: bytes) -> Canonical:
    parsed = shared_object(ical)
    is_series = len(parsed.components) > 1 or any(
        values_of(component, name) for component in parsed.components for name in ("RRULE", "RDATE")
    )
    return MappingProxyType(
        {
            _name(component, parsed): MappingProxyType(_fields(component, parsed, is_series=is_series))
            for component in parsed.components
        }
    )


def fingerprint(ical: bytes) -> str:
    """Return the hash of the canonical form: 32 hexadecimal digits."""
    return hash_of(canonical(ical))


def is_same_but_stamp(one: bytes, other: bytes) -> bool:
    """Return whether two texts differ at most in DTSTAMP, so that their canonical forms are equal."""
    return _STAMP.sub(b"", one) == _STAMP.sub(b"", other)


def is_same_but_name(one: bytes, other: bytes) -> bool:
    """Return whether two texts differ at most in DTSTAMP and UID, so that their canonical forms are equal."""
    return _STAMP_OR_UID.sub(b"", one) == _STAMP_OR_UID.sub(b"", other)


def hash_of(form: Canonical) -> str:
    """Return the hash of a canonical form."""
    plain = {name: dict(fields) for name, fields in form.items()}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def differing(one: Canonical, other: Canonical) -> dict[str, set[str]]:
    """Return the fields that differ, by component; ``{"component"}`` where only one side has it."""
    found: dict[str, set[str]] = {}
    for name in one.keys() | other.keys():
        mine, theirs = one.get(name), other.get(name)
        if mine is None or theirs is None:
            found[name] = {"component"}
            continue
        fields = {key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)}
        if fields:
            found[name] = fields
    return found


def field_names(differences: Mapping[str, set[str]]) -> list[str]:
    """Return the names of differing fields, sorted, for logs and people; no values."""
    return sorted(set().union(*differences.values())) if differences else []


def _name(component: Component, parsed: ParsedObject) -> str:
    values = values_of(component, "RECURRENCE-ID")
    return _moment(values[0].dt, values[0], parsed) if values else MASTER


def _fields(component: Component, parsed: ParsedObject, *, is_series: bool) -> dict[str, str]:
    found = {TIME: json.dumps(_time(component, parsed, is_series=is_series), sort_keys=True)}
    for field, names in FIELD_PROPERTIES.items():
        if field == TIME:
            continue
        text = _text(component, names[0])
        if field in _UPPER:
            text = text.upper()
        if text and text != _DEFAULTS.get(field):
            found[field] = text
    alarms = sorted(
        value.to_ical().decode("utf-8", "replace")
        for alarm in component.subcomponents
        if alarm.name == "VALARM"
        for value in values_of(alarm, "TRIGGER")
    )
    if alarms:
        found[REMINDERS] = json.dumps(alarms)
    return found


def _text(component: Component, name: str) -> str:
    values = values_of(component, name)
    if not values:
        return ""
    if name == "CATEGORIES":
        names = {str(each).strip() for value in values for each in getattr(value, "cats", [value])}
        return json.dumps(sorted(names - {""})) if names - {""} else ""
    first = values[0]
    written = first.to_ical() if name == "GEO" else str(first)
    text = written.decode("utf-8", "replace") if isinstance(written, bytes) else str(written)
    # Providers trim, and keep one kind of line end.
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()


def _time(component: Component, parsed: ParsedObject, *, is_series: bool) -> dict[str, Any]:
    start = next(iter(values_of(component, "DTSTART")), None)
    form: dict[str, Any] = {}
    if start is not None:
        form["start"] = _moment(start.dt, start, parsed)
        form["end"] = _end(component, start, parsed)
        if is_series and isinstance(start.dt, datetime):
            zone = _zone(start, parsed)
            form["zone"] = getattr(zone, "key", None) or str(zone)
    for name in ("RRULE", "EXRULE"):
        rules = sorted(_rule(value, start, parsed) for value in values_of(component, name))
        if rules:
            form[name] = rules
    for name in ("RDATE", "EXDATE"):
        dates = sorted(
            {
                _moment_or_period(item.dt, entry, parsed)
                for entry in values_of(component, name)
                for item in entry.dts
            }
        )
        if dates:
            form[name] = dates
    return form


def _end(component: Component, start: Any, parsed: ParsedObject) -> str | None:
    for name in ("DTEND", "DUE"):
        for value in values_of(component, name):
            return _moment(value.dt, value, parsed)
    spans = values_of(component, "DURATION")
    span: timedelta = spans[0].dt if spans else timedelta()
    if not isinstance(start.dt, datetime):
        return _moment(start.dt + (span or timedelta(days=1)), start, parsed)
    instant = _instant(start.dt, start, parsed)
    if instant is None:
        return _moment(start.dt + span, start, parsed)
    return f"{instant + span:%Y%m%dT%H%M%SZ}"


def _rule(value: Any, start: Any, parsed: ParsedObject) -> str:
    parts = []
    for name in sorted(value):
        items = value[name] if isinstance(value[name], list) else [value[name]]
        if name == "INTERVAL" and [int(str(each)) for each in items] == [1]:
            continue
        if name == "WKST" and [str(each).upper() for each in items] == ["MO"]:
            continue
        if name == "UNTIL":
            items = [_until(each, start, parsed) for each in items]
        parts.append(f"{name}={','.join(sorted(str(each).upper() for each in items))}")
    return ";".join(parts)


def _until(value: Any, start: Any, parsed: ParsedObject) -> str:
    moment = getattr(value, "dt", value)
    if isinstance(moment, datetime) and moment.tzinfo is None and start is not None:
        zone = _zone(start, parsed)
        if zone is not None:
            moment = to_instant(moment, zone)
    if isinstance(moment, datetime):
        return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}" if moment.tzinfo else f"{moment:%Y%m%dT%H%M%S}"
    return f"{moment:%Y%m%d}" if isinstance(moment, date) else str(moment)


def _moment_or_period(moment: Any, holder: Any, parsed: ParsedObject) -> str:
    if isinstance(moment, tuple):
        return "/".join(
            _moment(each, holder, parsed) if isinstance(each, date) else str(each) for each in moment
        )
    return _moment(moment, holder, parsed)


def _moment(moment: date, holder: Any, parsed: ParsedObject) -> str:
    if not isinstance(moment, datetime):
        return f"{moment:%Y%m%d}"
    instant = _instant(moment, holder, parsed)
    return f"{instant:%Y%m%dT%H%M%SZ}" if instant is not None else f"{moment:%Y%m%dT%H%M%S}"


def _instant(moment: datetime, holder: Any, parsed: ParsedObject) -> datetime | None:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    zone = _zone(holder, parsed)
    return to_instant(moment, zone).astimezone(UTC) if zone is not None else None


def _zone(holder: Any, parsed: ParsedObject) -> tzinfo | None:
    moment = getattr(holder, "dt", None)
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return UTC
    tzid = holder.params.get("TZID", "") if holder.params else ""
    return parsed.zones.get(tzid) or parsed.floating_zone
