"""Series: which occurrences a master has, their ids, their items, and the exceptions stored beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.lab.core.recurrence import Start
from gateway.lab.core.zones import zone
from gateway.lab.google import times
from gateway.lab.google.model import Calendar, Record, Version

if TYPE_CHECKING:
    from gateway.lab.google.world import Google

_INSTANCE = re.compile(r"(?P<master>.+)_(?P<key>\d{8}(T\d{6}Z)?)")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An event that an id names: stored, or an occurrence that its master implies."""

    id: str
    body: dict[str, Any]
    deleted: bool
    record: Record | None
    """The stored item; None for an implied occurrence."""
    master: Record | None
    """The series, when the id names one of its occurrences."""


def is_master(body: dict[str, Any]) -> bool:
    """Tell whether a body is a series."""
    return bool(body.get("recurrence"))


def length(body: dict[str, Any]) -> timedelta:
    """Return how long an event, or each occurrence of a series, lasts."""
    return times.length_of(times.stored(body["start"]), times.stored(body["end"]))


def starts(
    google: Google, body: dict[str, Any], after: datetime | None, before: datetime | None, limit: int = 5000
) -> list[Start]:
    """Return the original starts of a series in [after, before); without ``before`` an endless rule ends."""
    if before is None:
        horizon = timedelta(days=366 * google.lab.settings.endless_years)
        first = times.as_instant(times.stored(body["start"]), ZoneInfo("UTC"))
        before = max(google.lab.clock.now(), first) + horizon
    return google.lab.engine.starts(
        times.stored(body["start"]), body["recurrence"], after=after, before=before, limit=limit
    )


def implied(master_id: str, body: dict[str, Any], start: Start) -> dict[str, Any]:
    """Return the item of an occurrence without exception."""
    end = times.shifted(start.value, length(body), times.stored(body["end"]))
    item = {name: value for name, value in body.items() if name != "recurrence"}
    own = times.write(start.value)
    if isinstance(start.value, datetime):
        own["timeZone"] = body["start"]["timeZone"]
    return item | {
        "id": f"{master_id}_{start.key}",
        "recurringEventId": master_id,
        "originalStartTime": own,
        "start": own,
        "end": times.write(end),
    }


def key_instant(key: str) -> datetime:
    """Return the instant that an instance id's suffix names; a date is its midnight in UTC."""
    form = "%Y%m%dT%H%M%SZ" if "T" in key else "%Y%m%d"
    return datetime.strptime(key, form).replace(tzinfo=UTC)


def find(google: Google, calendar: Calendar, event_id: str) -> Found | None:
    """Return what an id names, or None when it never existed."""
    record = calendar.events.get(event_id)
    match = _INSTANCE.fullmatch(event_id)
    master = calendar.events.get(match["master"]) if match else None
    if record is not None and not record.now.dropped:
        parent = calendar.events.get(record.now.body.get("recurringEventId", ""))
        return Found(
            id=event_id, body=record.now.body, deleted=record.now.deleted, record=record, master=parent
        )
    if match is None or master is None or not is_master(master.now.body):
        return None
    try:
        moment = key_instant(match["key"])
    except ValueError:
        return None
    for start in starts(google, master.now.body, moment - _DAY, moment + _DAY, 50):
        if start.key == match["key"]:
            item = implied(master.id, master.now.body, start)
            return Found(id=event_id, body=item, deleted=master.now.deleted, record=None, master=master)
    return None


def exceptions(calendar: Calendar, master_id: str) -> list[Record]:
    """Return the stored exceptions of a series, cancelled ones included, dropped ones not."""
    records = [calendar.events[event_id] for event_id in sorted(calendar.children.get(master_id, ()))]
    return [record for record in records if not record.now.dropped]


def expanded(
    google: Google,
    master: Record,
    version: Version,
    stored: dict[str, Version],
    after: datetime | None,
    before: datetime | None,
) -> list[tuple[str, Version]]:
    """Return (id, version) for the occurrences of a series that overlap [after, before).

    Args:
        google: the provider.
        master: the series.
        version: its version that is to be expanded.
        stored: visible versions of its exceptions, by id; they replace what the rule implies.
        after: lower bound of the end, exclusive.
        before: upper bound of the start, exclusive.
    """
    body = version.body
    low = after - length(body) - _DAY if after else None
    found = []
    for start in starts(google, body, low, before + _DAY if before else None):
        event_id = f"{master.id}_{start.key}"
        if event_id not in stored:
            item = implied(master.id, body, start)
            found.append((event_id, _like(version, item)))
    found += list(stored.items())
    return found


def _like(version: Version, body: dict[str, Any]) -> Version:
    return Version(seq=version.seq, at_s=version.at_s, body=body, deleted=version.deleted)


def overlaps(body: dict[str, Any], after: datetime | None, before: datetime | None, zone_name: str) -> bool:
    """Tell whether a single event overlaps the open window (after, before); an event without times does."""
    if "start" not in body or "end" not in body:
        return True
    view = zone(zone_name) or ZoneInfo("UTC")
    if after is not None and times.as_instant(times.stored(body["end"]), view) <= after:
        return False
    return before is None or times.as_instant(times.stored(body["start"]), view) < before
