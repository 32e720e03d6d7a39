"""calendar-query (RFC 4791 §7.8): the occurrence index and SQL find candidates, the filter decides.

The commonest queries, all events of a time range, are decided by the index alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

from gateway.domain.model import CalendarObject, Window
from gateway.services import occurrence_index, reading
from gateway.services.reading import Summary, TextRow
from plugins.radicale import data_responses, expansion, multistatus, zones
from plugins.radicale.calendar_data import CalendarData
from plugins.radicale.filter_match import Subject, matches
from plugins.radicale.filters import CompFilter, read_filter
from plugins.radicale.problems import Answer, not_found
from plugins.radicale.reporting import Report
from plugins.radicale.times import TimeRange

_BATCH = 200
# A time without a zone moves by so much at most between two zones.
_ZONES_APART = timedelta(hours=27)


def answer(report: Report) -> Answer:
    """Answer a calendar-query."""
    wanted = read_filter(report.root)
    zone = zones.of_query(report.root, report.view, report.tx)
    is_plain = zone == ZoneInfo(report.view.entry.resource.zone)
    data = report.data(zone)
    if is_plain and report.only is None and is_decided_by_index(wanted):
        rows = _rows(report, wanted, data)
        if rows is not None:
            return multistatus.answer_of(data_responses.every(report, rows))
    return multistatus.answer(_responses(report, wanted, zone, data))


def _rows(report: Report, wanted: CompFilter, data: CalendarData | None) -> list[TextRow] | None:
    """Return the events of a time range inside the index horizon as they are answered.

    None for what has to be written one by one.
    """
    comp = wanted.comps[0] if wanted.comps else None
    if data is None or comp is None or comp.range is None:
        return None
    window, index = comp.range.window, report.calendar.index
    if not data_responses.can_write(report, data, can_expand=True):
        return None
    for one in (window, data.expand or window):
        if one.start < index.start or one.end > index.end:
            return None
    rows = reading.texts_between(report.tx, report.calendar, window, component=comp.name)
    return rows if data.expand is None else expansion.expanded(report, rows, data, data.expand)


def _responses(report: Report, wanted: CompFilter, zone: tzinfo, data: CalendarData | None) -> Iterator[str]:
    is_plain = zone == ZoneInfo(report.view.entry.resource.zone)
    write = report.writer(data)
    if report.only is not None:
        found = report.view.find(report.tx, report.only)
        if found is None:
            raise not_found("There is no such calendar object.")
        if matches(Subject(report.view.ical_of(found), zone), wanted):
            yield write(found)
        return
    if is_plain and is_decided_by_index(wanted):
        yield from map(write, _by_index(report, wanted.comps[0] if wanted.comps else None))
        return
    for stored in _candidates(report, wanted, is_plain=is_plain):
        if matches(Subject(report.view.ical_of(stored), zone), wanted):
            yield write(stored)


def is_decided_by_index(wanted: CompFilter) -> bool:
    """Return whether a filter asks for nothing but events, at most in a bounded time range."""
    if wanted.is_not_defined or wanted.props or len(wanted.comps) > 1:
        return False
    if not wanted.comps:
        return True
    comp = wanted.comps[0]
    if comp.is_not_defined or comp.props or comp.comps:
        return False
    if comp.range is None:
        return True
    return comp.name == "VEVENT" and comp.range.is_bounded


def _by_index(report: Report, comp: CompFilter | None) -> Iterator[CalendarObject]:
    tx, calendar = report.tx, report.calendar
    if comp is not None and comp.range is not None:
        spans = occurrence_index.spans(tx, calendar, comp.range.window)
        ids = list(dict.fromkeys(int(span.object_id) for span in spans))
    else:
        found = reading.matching(tx, calendar.id, component=comp.name if comp else None)
        ids = [item.id for item in report.view.shown(found)]
    for stored in _read(report, ids):
        if (comp is None or stored.component == comp.name) and report.view.shows(stored):
            yield stored


def _candidates(report: Report, wanted: CompFilter, *, is_plain: bool) -> Iterator[CalendarObject]:
    """Yield every object that could match, and others."""
    tx, calendar = report.tx, report.calendar
    comps = [comp for comp in wanted.comps if not comp.is_not_defined]
    comp = comps[0] if comps else None
    component = comp.name if comp is not None and comp.name in calendar.components else None
    # Beside the three kinds an object holds time zones and components that nobody knows; nothing else.
    if comp is not None and component is None and not comp.name.startswith(("VTIMEZONE", "X-")):
        return
    time = comp.range if comp is not None else None
    if component == "VEVENT" and time is not None and time.is_bounded:
        spans = occurrence_index.spans(tx, calendar, _widened(time, by_zones=not is_plain))
        ids = list(dict.fromkeys(int(span.object_id) for span in spans))
    elif (part := None if report.view.is_masked else _uid_part(comp)) is not None:
        ids = reading.ids_with_uid_part(tx, calendar.id, part)
    else:
        bounds = time if component == "VEVENT" else None
        window = _widened(bounds, by_zones=True) if bounds is not None else None
        items: list[Summary] = reading.matching(
            tx,
            calendar.id,
            component=component,
            ends_after=window.start if window is not None and bounds and bounds.start else None,
            starts_before=window.end if window is not None and bounds and bounds.end else None,
        )
        ids = [item.id for item in report.view.shown(items)]
    yield from filter(report.view.shows, _read(report, ids))


def _uid_part(comp: CompFilter | None) -> str | None:
    """Return text that the UID of every match holds, where the filter says so."""
    for prop in comp.props if comp is not None else ():
        if prop.name == "UID" and prop.text is not None and not prop.text.is_negated:
            value = prop.text.value
            # Only ASCII compares alike in SQL and here.
            if value.isascii() and value.strip() == value and "\\" not in value:
                return value
    return None


def _widened(time: TimeRange, *, by_zones: bool) -> Window:
    window = time.window
    if not by_zones:
        return window
    start = window.start - _ZONES_APART if time.start is not None else window.start
    end = window.end + _ZONES_APART if time.end is not None else window.end
    return Window(start=start, end=end)


def _read(report: Report, ids: Sequence[int]) -> Iterator[CalendarObject]:
    for begin in range(0, len(ids), _BATCH):
        part = reading.by_ids(report.tx, report.calendar.id, ids[begin : begin + _BATCH])
        found: dict[int, CalendarObject] = {one.id: one for one in part}
        for one in ids[begin : begin + _BATCH]:
            if one in found:
                yield found[one]
