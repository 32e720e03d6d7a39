"""Rooms that read events: one, lists, instances, calendarView."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import items, odata, pages, prefer, series, times

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Calendar, Item, Version
    from gateway.lab.microsoft.prefer import Wish
    from gateway.lab.microsoft.world import Microsoft

Row = tuple["Item", "Version", dict[str, Any], str]


def visible(microsoft: Microsoft, calendar: Calendar) -> list[tuple[Item, Version]]:
    """Return living items as reads show them now, lag included, in a stable order of no meaning."""
    cut = pages.cut_s(microsoft, calendar)
    found = []
    for item in calendar.items.values():
        version = item.now if cut is None else item.as_of(at_s=cut)
        if version is not None and not version.deleted:
            found.append((item, version))
    return sorted(found, key=lambda pair: pair[0].order)


def rows_between(microsoft: Microsoft, calendar: Calendar, after: datetime, before: datetime) -> list[Row]:
    """Return single events and occurrences that overlap a window."""
    rows: list[Row] = []
    for item, version in visible(microsoft, calendar):
        if series.is_master(version.body):
            rows += [
                (item, version, body, day)
                for day, body in series.occurring(microsoft, version.body, after, before)
            ]
        elif series.overlaps(version.body, after, before):
            rows.append((item, version, version.body, ""))
    return rows


def window(microsoft: Microsoft, call: Call) -> tuple[datetime, datetime]:
    """Read startDateTime and endDateTime; raises Refusal 400."""
    after = times.parameter(call.one("startDateTime"), "startDateTime")
    before = times.parameter(call.one("endDateTime"), "endDateTime")
    if after > before:
        raise Refusal(400, "ErrorInvalidParameter", "The start must not lie after the end.")
    if before - after > timedelta(days=microsoft.lab.settings.view_days):
        raise Refusal(
            400,
            "ErrorCalendarViewRangeTooBig",
            f"The specified range is too big: {microsoft.lab.settings.view_days:.0f} days at most.",
        )
    return after, before


def _page(
    microsoft: Microsoft,
    call: Call,
    calendar: Calendar,
    rows: list[Row],
    *,
    markers: bool,
    order: str = "",
) -> dict[str, Any]:
    """Filter, order, cut and trim rows."""
    wish = prefer.of(call)
    wanted = odata.expansion(call.one("$expand"))
    if call.one("$search"):
        raise odata.bad("$search is not supported for events.")
    kept = _kept(microsoft, call, calendar, rows, markers=markers, order=call.one("$orderby") or order)
    page = pages.listed(microsoft, call, kept, wish.page_size)
    always = microsoft.lab.settings.markers_always
    found: list[Row] = page["value"]
    page["value"] = [
        odata.trimmed(
            items.shown(microsoft, calendar, *row, wish), call.one("$select"), wanted, markers=always
        )
        for row in found
    ]
    return {"@odata.context": f"{microsoft.root()}/$metadata#events", **page}


def _kept(
    microsoft: Microsoft, call: Call, calendar: Calendar, rows: list[Row], *, markers: bool, order: str
) -> list[Row]:
    """Return the rows that $filter leaves, in the order that is asked for; both look at UTC times."""
    test, names = odata.condition(call.one("$filter")) if call.one("$filter") else (None, frozenset[str]())
    if odata.is_extended(names) and not markers:
        raise odata.bad("The filter on extended properties is not supported for this resource.")
    if test is None and not order:
        return rows
    if names | odata.order_names(order) <= items.SKETCHED:
        pairs = [(items.sketch(row[1], row[2], row[3]), row) for row in rows]
    else:
        plain = prefer.of_default()
        pairs = [(items.shown(microsoft, calendar, *row, plain), row) for row in rows]
    left = [pair for pair in pairs if test is None or test(pair[0])]
    return [row for _sketch, row in odata.ordered(left, order)]


def listed(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET events: single events and masters; of the whole mailbox when no calendar is named."""
    calendar = microsoft.calendar(call)
    rows: list[Row] = [(item, version, version.body, "") for item, version in visible(microsoft, calendar)]
    named = "calendar_id" in call.path_args or "calendar" in call.path.split("/")
    if not named and microsoft.lab.settings.mailbox_wide_events:
        box = microsoft.with_mailbox(call)
        others = [
            other
            for other in microsoft.visible(box.email)
            if other.owner == box.email and other.key != calendar.key
        ]
        rows += [
            (item, version, version.body, "")
            for other in others
            for item, version in visible(microsoft, other)
        ]
    return _page(microsoft, call, calendar, rows, markers=True)


def get(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET one event; cancelledOccurrences and exceptionOccurrences only where asked for in full."""
    found = series.find(microsoft, call)
    wish = prefer.of(call)
    wanted = odata.expansion(call.one("$expand"))
    shown = items.shown(microsoft, found.calendar, found.item, found.version, found.body, found.day, wish)
    result = odata.trimmed(shown, call.one("$select"), wanted, markers=microsoft.lab.settings.markers_always)
    names = {name.strip() for name in call.one("$select").split(",")}
    if "calendar" in wanted.names:
        from gateway.lab.microsoft.calendars import shown as calendar_shown

        result["calendar"] = calendar_shown(microsoft, found.calendar, microsoft.mailbox(call).email)
    if series.is_master(found.body):
        master_id = items.event_id(microsoft, found.item, "", immutable=wish.immutable)
        if "cancelledOccurrences" in names:
            result["cancelledOccurrences"] = [f"OID.{master_id}.{day}" for day in found.body["cancelled"]]
        if "exceptionOccurrences" in names and "exceptionOccurrences" in wanted.names:
            result["exceptionOccurrences"] = _exceptions(microsoft, found, wish)
    return {"@odata.context": f"{microsoft.root()}/$metadata#events/$entity", **result}


def _exceptions(microsoft: Microsoft, found: series.Found, wish: Wish) -> list[dict[str, Any]]:
    nothing = odata.expansion("")
    return [
        odata.trimmed(
            items.shown(
                microsoft,
                found.calendar,
                found.item,
                found.version,
                series.occurrence(found.body, day),
                day,
                wish,
            ),
            "",
            nothing,
        )
        for day in sorted(found.body["exceptions"])
    ]


def instances(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET instances of a series in a window."""
    found = series.find(microsoft, call)
    if found.day or not series.is_master(found.body):
        raise Refusal(400, "ErrorInvalidRequest", "Only a series master has instances.")
    after, before = window(microsoft, call)
    rows: list[Row] = [
        (found.item, found.version, body, day)
        for day, body in series.occurring(microsoft, found.body, after, before)
    ]
    return _page(microsoft, call, found.calendar, rows, markers=False)


def view(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET calendarView."""
    calendar = microsoft.calendar(call)
    after, before = window(microsoft, call)
    rows = rows_between(microsoft, calendar, after, before)
    markers = microsoft.lab.settings.view_marker_filter
    return _page(microsoft, call, calendar, rows, markers=markers, order="start/dateTime")


ROOMS = {
    "graph.events.list": listed,
    "graph.events.get": get,
    "graph.events.instances": instances,
    "graph.calendarView.list": view,
}
