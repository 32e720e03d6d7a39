"""Every object of the corpus, expanded from the rows of the occurrence index: as the thorough way writes it."""

from __future__ import annotations

from gateway.domain.model import ObjectId, to_epoch_s
from gateway.domain.recurrence import expand
from gateway.services.reading import Span, TextRow
from plugins.radicale.calendar_data import CalendarData
from plugins.radicale.expansion import Expander
from tests.judge.corpus import calendar_files
from tests.unit.test_corpus_recurrence import LIMIT, ZONE, Expanded, read_file


def rows_of(expanded: Expanded) -> list[Span]:
    """Return what the index holds of an object inside the window."""
    found = {
        (start, recur): Span(
            object_id=ObjectId(1),
            start_ts=start,
            end_ts=to_epoch_s(one.end),
            recur_ts=recur,
            busy=one.busy,
            is_all_day=one.is_all_day,
        )
        for one in expand(expanded.obj, zone=ZONE, window=expanded.window, limit=LIMIT).occurrences
        for start, recur in [(to_epoch_s(one.start), to_epoch_s(one.recurrence_id or one.start))]
    }
    return sorted(found.values(), key=lambda span: (span.start_ts, span.recur_ts))


def parts(ical: bytes) -> list[bytes]:
    """Return the components, those that begin together in any order."""
    return sorted(ical.removesuffix(b"END:VCALENDAR\r\n").split(b"BEGIN:VEVENT"))


def test_the_index_expands_every_object_of_the_corpus_as_its_rules_do() -> None:
    taken = 0
    series = 0
    for path in calendar_files()[1]:
        for number, expanded in enumerate(read_file(path.read_bytes())[0]):
            ical = expanded.obj.ical
            row = TextRow(number, "x.ics", f'"{path}"', expanded.obj.component, 0, None, ical)
            quick = Expander().written(row, rows_of(expanded), ZONE)
            if quick is None:
                continue
            data = CalendarData(zone=ZONE, limit=LIMIT)
            thorough = data.expanded(ical, expanded.window)
            assert parts(quick) == parts(thorough), f"{path.name}, object {number}"
            taken += 1
            series += b"RRULE" in ical
    assert taken > 100
    assert series > 50
