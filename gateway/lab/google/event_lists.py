"""The room events.list: full and incremental reading, windows, filters, expansion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.lab.core.errors import Refusal
from gateway.lab.google import items, series, times
from gateway.lab.google.event_reads import envelope
from gateway.lab.google.model import Calendar, Record, Version
from gateway.lab.google.pages import Pager, Row, bound, cut_s, read_sync_token

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google

FORBIDDEN = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
)
WINDOW = frozenset({"timeMin", "timeMax"})
FILTERS = frozenset(FORBIDDEN) - WINDOW
FREE = frozenset({"timeMin", "timeMax", "showDeleted"})


@dataclass(slots=True, kw_only=True)
class Question:
    """What a list call wants, after the sync token was read."""

    after: datetime | None
    before: datetime | None
    since: int | None
    """Number of the sync token; None for a full reading."""
    single: bool
    deleted: bool
    cut_s: float | None
    snapshot: int
    """The number that the next sync token will carry."""


def list_events(google: Google, call: Call) -> dict[str, Any]:
    """events.list."""
    calendar = google.calendar(call, call.path_args["calendarId"], "freeBusyReader")
    view = google.view(call, calendar)
    pager = Pager(google, call, calendar.id)
    question = _question(google, call, calendar, pager)
    rows: list[Row[tuple[Version, Record | None]]] = []
    for record in reversed(calendar.events.values()):
        if question.since is not None and record.now.seq <= question.since:
            break
        for item_id, version, source in _versions(google, calendar, record, question):
            if _wanted(google, call, calendar, version, question):
                rows.append((_key(call, view, record, item_id, version), item_id, (version, source)))
    page, answer = pager.cut(rows)
    if "nextPageToken" not in answer and not any(name in call.query for name in FILTERS):
        answer["nextSyncToken"] = _token(google, call, calendar, question)
    answer |= envelope(google, call, calendar)
    answer["items"] = [
        _item(google, call, calendar, version, source, view) for _key_, _id, (version, source) in page
    ]
    return answer


def _question(google: Google, call: Call, calendar: Calendar, pager: Pager) -> Question:
    single = call.flag("singleEvents")
    if call.one("orderBy") == "startTime" and not single:
        raise Refusal(
            400, "invalid", "The requested ordering is not available for the query.", location="orderBy"
        )
    window = {name: call.one(name) for name in ("timeMin", "timeMax") if call.one(name)}
    since: int | None = None
    if call.one("syncToken"):
        window, since = _from_token(google, call, calendar)
    after = times.instant(window["timeMin"]) if "timeMin" in window else None
    before = times.instant(window["timeMax"]) if "timeMax" in window else None
    if after and before and after >= before:
        raise Refusal(
            400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar", location="timeMax"
        )
    if call.one("updatedMin"):
        _not_too_old(google, call)
    cut = cut_s(google, calendar)
    snapshot = pager.carried.get("snapshot")
    if snapshot is None:
        snapshot = calendar.seq if cut is None else max(_number_at(calendar, cut), since or 0)
        pager.carried["snapshot"] = snapshot
    return Question(
        after=after,
        before=before,
        since=since,
        single=single,
        deleted=call.flag("showDeleted") or since is not None or bool(call.one("updatedMin")),
        cut_s=cut,
        snapshot=snapshot,
    )


def _not_too_old(google: Google, call: Call) -> None:
    age_s = google.lab.clock.true_s() - times.instant(call.one("updatedMin")).timestamp()
    if age_s > google.lab.settings.sync_token_life_s:
        raise Refusal(
            410,
            "updatedMinTooLongAgo",
            "The requested minimum modification time lies too far in the past.",
            domain="calendar",
            location="updatedMin",
        )


def _from_token(google: Google, call: Call, calendar: Calendar) -> tuple[dict[str, str], int]:
    for name in FORBIDDEN:
        if name in call.query:
            raise Refusal(400, "invalid", f"Sync token cannot be used with {name}.", location=name)
    if "showDeleted" in call.query and not call.flag("showDeleted"):
        raise Refusal(400, "invalid", "Sync token needs deleted events.", location="showDeleted")
    value = read_sync_token(
        google, call, calendar.id, floor=calendar.token_floor, newest=calendar.seq, free=FREE
    )
    return value["window"], value["seq"]


def _number_at(calendar: Calendar, cut: float) -> int:
    return max(
        (
            version.seq
            for record in calendar.events.values()
            if (version := record.as_of(at_s=cut)) is not None
        ),
        default=0,
    )


def _token(google: Google, call: Call, calendar: Calendar, question: Question) -> str:
    window = {}
    for name, value in (("timeMin", question.after), ("timeMax", question.before)):
        if value is not None:
            window[name] = times.stamp(value)
    return google.seal(
        {
            "scope": [calendar.id, call.account],
            "seq": question.snapshot,
            "at_s": google.lab.clock.true_s(),
            "bound": bound(call, without=FREE),
            "window": window,
        }
    )


def _versions(
    google: Google, calendar: Calendar, record: Record, question: Question
) -> list[tuple[str, Version, Record | None]]:
    """Return the items that one stored event contributes."""
    version = record.now if question.cut_s is None else record.as_of(at_s=question.cut_s)
    if version is None or (question.since is not None and version.seq <= question.since):
        return []
    if version.dropped and question.since is None:
        return []
    if not question.single or version.body.get("recurringEventId"):
        return [(record.id, version, record)]
    if not series.is_master(version.body):
        return [(record.id, version, record)]
    return _occurrences(google, calendar, record, version, question)


def _occurrences(
    google: Google, calendar: Calendar, master: Record, version: Version, question: Question
) -> list[tuple[str, Version, Record | None]]:
    stored: dict[str, Version] = {}
    ids = {record.id for record in series.exceptions(calendar, master.id)}
    now: list[tuple[str, Version]] = []
    if not version.deleted:
        found = series.expanded(google, master, version, stored, question.after, question.before)
        now = [(event_id, item) for event_id, item in found if event_id not in ids]
    result: list[tuple[str, Version, Record | None]] = [(event_id, item, master) for event_id, item in now]
    if question.since is not None:
        before = master.as_of(seq=question.since)
        if before is not None and not before.deleted and series.is_master(before.body):
            kept = ids | {event_id for event_id, _item in now}
            for event_id, item in series.expanded(
                google, master, before, stored, question.after, question.before
            ):
                if event_id not in kept:
                    gone = Version(seq=version.seq, at_s=version.at_s, body=item.body, deleted=True)
                    result.append((event_id, gone, master))
    return result


def _wanted(google: Google, call: Call, calendar: Calendar, version: Version, question: Question) -> bool:
    body = version.body
    if version.deleted and not question.deleted and not _kept_cancelled(calendar, body, question):
        return False
    if (types := call.query.get("eventTypes")) and body.get("eventType", "default") not in types:
        return False
    if not _filters(call, body):
        return False
    if question.since is not None:
        return True
    if series.is_master(body) and not question.single:
        return _series_overlaps(google, calendar, body, question)
    return series.overlaps(body, question.after, question.before, calendar.zone)


def _kept_cancelled(calendar: Calendar, body: dict[str, Any], question: Question) -> bool:
    """Cancelled exceptions of a living series are listed without showDeleted, unless expanded (official)."""
    parent = calendar.events.get(body.get("recurringEventId", ""))
    return parent is not None and not parent.now.deleted and not question.single


def _series_overlaps(google: Google, calendar: Calendar, body: dict[str, Any], question: Question) -> bool:
    if question.after is None and question.before is None:
        return True
    low = question.after - series.length(body) if question.after else None
    found = series.starts(google, body, low, question.before, 3)
    end = series.length(body)
    return any(
        series.overlaps(
            {
                "start": times.write(start.value),
                "end": times.write(times.shifted(start.value, end, start.value)),
            },
            question.after,
            question.before,
            calendar.zone,
        )
        for start in found
    )


def _filters(call: Call, body: dict[str, Any]) -> bool:
    if (uid := call.one("iCalUID")) and body.get("iCalUID") != uid:
        return False
    if (updated := call.one("updatedMin")) and times.instant(body["updated"]) < times.instant(updated):
        return False
    if text := call.one("q").lower():
        words = [str(body.get(name, "")) for name in ("summary", "description", "location")]
        words += [
            f"{person.get('displayName', '')} {person.get('email', '')}"
            for person in body.get("attendees", [])
        ]
        if text not in " ".join(words).lower():
            return False
    extended = body.get("extendedProperties", {})
    for kind in ("private", "shared"):
        for constraint in call.query.get(f"{kind}ExtendedProperty", []):
            name, mark, value = constraint.partition("=")
            if not mark:
                raise Refusal(
                    400,
                    "invalid",
                    "Property constraints have the form name=value.",
                    location=f"{kind}ExtendedProperty",
                )
            if extended.get(kind, {}).get(name) != value:
                return False
    return True


def _key(call: Call, view: ZoneInfo, record: Record, item_id: str, version: Version) -> tuple[Any, ...]:
    order = call.one("orderBy")
    if order == "updated":
        return (times.instant(version.body["updated"]).timestamp(), item_id)
    if order == "startTime":
        return (times.as_instant(times.stored(version.body["start"]), view).timestamp(), item_id)
    return (record.order, item_id)


def _item(
    google: Google, call: Call, calendar: Calendar, version: Version, source: Record | None, view: ZoneInfo
) -> dict[str, Any]:
    if version.deleted:
        parent = calendar.events.get(version.body.get("recurringEventId", ""))
        living = parent is not None and not parent.now.deleted and not version.dropped
        return items.stub(version.body, view, exception=living)
    return items.shown(google, call, calendar, version, source, view)


ROOMS = {"calendar.events.list": list_events}
