"""What costs time before a write: parsing and expanding, outside any transaction.

A prepared object belongs to one zone and one index horizon; under the calendar's lock ``refresh`` does
it again where one of them has moved.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.domain import vavailability
from gateway.domain.date_bounds import FIRST, LAST
from gateway.domain.errors import InvalidCalendarObject, UnsupportedComponent
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.model import Calendar, CalendarObject, ObjectKind, Window, to_epoch_s
from gateway.domain.recurrence import Expansion, expand
from gateway.services.limits import Limits

MAX_UID_BYTES = 1000  # an index entry must hold it on every database
_ALL_TIME = Window(start=FIRST, end=LAST)
_NO_LIMIT = sys.maxsize  # what was accepted once is not lost when it grows denser in a new horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A calendar object that is parsed and expanded for one zone and one index horizon."""

    parsed: ParsedObject
    expansion: Expansion
    zone: str
    index: Window
    kind: ObjectKind
    expires_at_utc: datetime | None

    @property
    def is_recurring(self) -> bool:
        """Return whether the index holds it only inside the horizon."""
        return is_recurring(self.parsed)


def is_recurring(parsed: ParsedObject) -> bool:
    """Return whether an object has more than one plain occurrence."""
    if parsed.overrides:
        return True
    master = parsed.master
    return master is not None and any(name in master for name in ("RRULE", "RDATE", "EXRULE"))


def etag_of(ical: bytes) -> str:
    """Return the strong entity tag of the bytes, quotes included."""
    return f'"{hashlib.sha256(ical).hexdigest()[:32]}"'


def prepare(
    data: bytes,
    calendar: Calendar,
    *,
    limits: Limits,
    now: datetime,
    kind: ObjectKind | None = None,
    expires_at_utc: datetime | None = None,
) -> Prepared:
    """Parse and expand an object for ``calendar``; needs no transaction.

    Args:
        data: one calendar object as sent.
        calendar: for its zone, its components and its index horizon.
        limits: size and density.
        now: for the expiry of a hold.
        kind: of the object; None takes it from ``X-CALGATE-KIND`` or a category of the settings.
        expires_at_utc: of a hold; None gives it the life of the settings.

    Raises:
        InvalidInput: with what is wrong, and the line where there is one.
    """
    parsed = parse_object(data, max_bytes=limits.max_object_bytes)
    return prepare_parsed(parsed, calendar, limits=limits, now=now, kind=kind, expires_at_utc=expires_at_utc)


def prepare_parsed(
    parsed: ParsedObject,
    calendar: Calendar,
    *,
    limits: Limits,
    now: datetime,
    kind: ObjectKind | None = None,
    expires_at_utc: datetime | None = None,
) -> Prepared:
    """Expand an object that was parsed already; otherwise as ``prepare``."""
    if parsed.component not in calendar.components:
        raise UnsupportedComponent(parsed.component, calendar.components)
    if len(parsed.uid.encode()) > MAX_UID_BYTES:
        raise InvalidCalendarObject(f"the UID is longer than {MAX_UID_BYTES} octets", property_name="UID")
    if parsed.component == vavailability.NAME:
        vavailability.availabilities(parsed.ical, zone=ZoneInfo(calendar.resource.zone))
    kind = kind or _kind(parsed, limits)
    expires = (expires_at_utc or now + limits.hold) if kind is ObjectKind.HOLD else None
    return Prepared(
        parsed=parsed,
        expansion=_expand(parsed, calendar, limits.max_instances),
        zone=calendar.resource.zone,
        index=calendar.index,
        kind=kind,
        expires_at_utc=expires,
    )


def longest_s(prepared: Prepared) -> int:
    """Return the length of the longest occurrence in seconds."""
    spans = prepared.expansion.occurrences
    return max((to_epoch_s(span.end) - to_epoch_s(span.start) for span in spans), default=0)


def columns(prepared: Prepared, *, etag: str, seq: int, now: datetime) -> dict[str, object]:
    """Return the columns of a stored object that follow from its content."""
    parsed = prepared.parsed
    return {
        "uid": parsed.uid,
        "component": parsed.component,
        "etag": etag,
        "ical": parsed.ical,
        "size_bytes": len(parsed.ical),
        "seq": seq,
        "kind": prepared.kind.value,
        "classification": int(parsed.classification),
        "expires_at_utc": prepared.expires_at_utc,
        "modified_at_utc": now,
    } | span_columns(prepared)


def span_columns(prepared: Prepared) -> dict[str, object]:
    """Return the columns that depend on zone and horizon."""
    expansion = prepared.expansion
    return {
        "first_start": to_epoch_s(expansion.first_start) if expansion.first_start else None,
        "last_end": to_epoch_s(expansion.last_end) if expansion.last_end else None,
        "is_recurring": prepared.is_recurring,
    }


def _kind(parsed: ParsedObject, limits: Limits) -> ObjectKind:
    if parsed.kind_property is not None:
        try:
            return ObjectKind(parsed.kind_property.strip().lower())
        except ValueError:
            raise InvalidCalendarObject(
                "X-CALGATE-KIND is booking, block or hold", property_name="X-CALGATE-KIND"
            ) from None
    categories = {category.casefold() for category in parsed.categories}
    if limits.hold_category and limits.hold_category.casefold() in categories:
        return ObjectKind.HOLD
    if limits.block_category and limits.block_category.casefold() in categories:
        return ObjectKind.BLOCK
    return ObjectKind.BOOKING


def _expand(parsed: ParsedObject, calendar: Calendar, max_instances: int) -> Expansion:
    if parsed.component == vavailability.NAME:
        # It takes no time by itself: free/busy asks it, and the index has nothing of it.
        return Expansion(occurrences=(), first_start=None, last_end=None)
    window = calendar.index if is_recurring(parsed) else _ALL_TIME
    return expand(parsed, zone=ZoneInfo(calendar.resource.zone), window=window, limit=max_instances)


def refresh(prepared: Prepared, calendar: Calendar, limits: Limits) -> Prepared:
    """Return ``prepared`` as it is for the calendar under its lock."""
    if prepared.zone == calendar.resource.zone and prepared.index == calendar.index:
        return prepared
    expansion = _expand(prepared.parsed, calendar, limits.max_instances)
    return replace(prepared, expansion=expansion, zone=calendar.resource.zone, index=calendar.index)


def reread(stored: CalendarObject, calendar: Calendar) -> Prepared:
    """Prepare an object that is stored already; it is not judged again."""
    parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
    return Prepared(
        parsed=parsed,
        expansion=_expand(parsed, calendar, _NO_LIMIT),
        zone=calendar.resource.zone,
        index=calendar.index,
        kind=stored.kind,
        expires_at_utc=stored.expires_at_utc,
    )
