"""expand from the occurrence index (RFC 4791 §9.6.5): when is known there, so that no rule is computed again.

Only the commonest shapes go this way: one event, or a series with plain overrides. What a component
says beside its times is kept in a small memory, as the same weeks are asked for again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.domain.content_lines import fold
from gateway.domain.line_tree import LineComponent, parameter, read_tree, split
from gateway.domain.model import Window, from_epoch_s, to_epoch_s
from gateway.domain.zone_book import ObjectTimes, ZoneBook
from gateway.services import occurrence_index, reading
from gateway.services.reading import Span, TextRow
from plugins.radicale.calendar_data import KINDS, CalendarData, split_body
from plugins.radicale.memory import Memory
from plugins.radicale.reporting import Report

_REMEMBERED_BYTES = 8 * 1024 * 1024
_OVERHEAD = 1000  # bytes of a shape beside its texts
_SPECIAL = ("RDATE", "EXRULE", "DURATION")


@dataclass(frozen=True, slots=True)
class _Body:
    """What one component says before and behind its times."""

    before: bytes
    behind: bytes
    has_end: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    """An object without its times; ``overrides`` by the instant at which the rule placed them."""

    head: bytes
    master: _Body
    overrides: dict[int, _Body]
    is_series: bool


class _Odd:
    """An object whose times have to be computed from its rules."""


@dataclass(frozen=True, slots=True)
class _Bytes:
    ical: bytes = field(repr=False)


class Expander:
    """Writes expanded objects; ``None`` for a shape that has to be computed."""

    def __init__(self) -> None:
        self._shapes: Memory[tuple[int, str, str], _Shape | _Odd] = Memory(_REMEMBERED_BYTES)

    def is_known(self, row: TextRow, zone: ZoneInfo) -> bool:
        """Return whether the text of an object is not needed any more."""
        return isinstance(self._shapes.get((row.id, row.etag, zone.key)), _Shape)

    def written(self, row: TextRow, spans: Sequence[Span], zone: ZoneInfo) -> bytes | None:
        """Return the instances of an object as components of their own, in UTC.

        Args:
            row: the object.
            spans: its rows of the index, by start.
            zone: of the resource, in which dates are read.
        """
        shape = self._shape(row, zone)
        if not isinstance(shape, _Shape):
            return None
        parts = [shape.head]
        for span in spans:
            body = shape.overrides.get(span.recur_ts, shape.master) if shape.is_series else shape.master
            parts.append(body.before)
            parts += _times(span, zone, has_end=body.has_end, is_series=shape.is_series)
            parts.append(body.behind)
        parts.append(b"END:VCALENDAR\r\n")
        return b"".join(parts)

    def _shape(self, row: TextRow, zone: ZoneInfo) -> _Shape | _Odd:
        key = (row.id, row.etag, zone.key)
        found = self._shapes.get(key)
        if found is None:
            found = _read(row.ical, zone) or _Odd()
            self._shapes.put(key, found, len(row.ical) + _OVERHEAD)
        return found


_EXPANDER = Expander()


def expanded(report: Report, rows: Sequence[TextRow], data: CalendarData, window: Window) -> list[TextRow]:
    """Return the rows with expanded text in the place of the stored one; masked ones are left alone.

    ``window`` lies inside the index horizon.

    Raises:
        Problem: 403, too many instances.
    """
    zone = ZoneInfo(report.view.entry.resource.zone)
    spans = by_object(occurrence_index.spans(report.tx, report.calendar, window))
    shown = [row for row in rows if not report.view.hides_row(row.classification, row.creator_id)]
    missing = [row.id for row in shown if not _EXPANDER.is_known(row, zone)]
    icals = reading.texts_of_ids(report.tx, report.calendar.id, missing)
    found = []
    for row in rows:
        if not report.view.hides_row(row.classification, row.creator_id):
            row = row._replace(ical=icals.get(row.id, b""))
            mine = spans.get(row.id, ())
            ical = _EXPANDER.written(row, mine, zone)
            if ical is not None:
                data.count(len(mine))
            row = row._replace(ical=ical if ical is not None else data.expanded(row.ical, window))
        found.append(row)
    return found


def by_object(spans: Iterable[Span]) -> dict[int, list[Span]]:
    """Return the rows of the index by object, each list by start."""
    found: dict[int, list[Span]] = {}
    for span in spans:
        found.setdefault(span.object_id, []).append(span)
    return found


def _read(ical: bytes, zone: ZoneInfo) -> _Shape | None:
    """Return the shape of an object, None where times have to be computed from its rules."""
    stored = _Bytes(ical)
    root = read_tree(stored)
    trees = [child for child in root.children if child.name in KINDS]
    masters = [tree for tree in trees if tree.first("RECURRENCE-ID") is None]
    if len(masters) != 1 or masters[0].name != "VEVENT" or root.first("X-WR-TIMEZONE") is not None:
        return None
    master = masters[0]
    rules = list(master.every("RRULE"))
    if len(rules) > 1 or not all(map(_is_plain, trees)) or (rules and "FREQ=" not in rules[0].upper()):
        return None
    if not rules and (len(trees) > 1 or master.first("EXDATE") is not None):
        return None
    times = ObjectTimes(ZoneBook(), root, stored, zone)
    overrides = {}
    for tree in trees:
        if tree is not master:
            name = tree.first("RECURRENCE-ID")
            if name is None or not _is_alike(name, str(master.first("DTSTART"))):
                return None
            try:
                instant = times.of_line(name).instant(zone)
            except (ValueError, OverflowError):
                return None
            overrides[to_epoch_s(instant)] = _body(tree)
    head = b"".join([b"BEGIN:VCALENDAR\r\n", *(fold(line) for _, line in root.lines)])
    return _Shape(head, _body(master), overrides, bool(rules))


def _is_plain(tree: LineComponent) -> bool:
    return tree.first("DTSTART") is not None and not any(tree.first(name) is not None for name in _SPECIAL)


def _is_alike(name: str, start: str) -> bool:
    """Return whether a RECURRENCE-ID is in the value type and zone of the series, and for one instance."""
    named, begun = split(name), split(start)
    if parameter(named[0], "RANGE") is not None or len(named[1].strip()) != len(begun[1].strip()):
        return False
    return parameter(named[0], "TZID") == parameter(begun[0], "TZID")


def _body(tree: LineComponent) -> _Body:
    before, behind = split_body(tree)
    return _Body(before, behind, tree.first("DTEND") is not None)


def _times(span: Span, zone: ZoneInfo, *, has_end: bool, is_series: bool) -> list[bytes]:
    found = [_moment("DTSTART", span.start_ts, zone, is_date=span.is_all_day)]
    if has_end:
        found.append(_moment("DTEND", span.end_ts, zone, is_date=span.is_all_day))
    if is_series:
        found.append(_moment("RECURRENCE-ID", span.recur_ts, zone, is_date=span.is_all_day))
    return found


def _moment(name: str, instant_ts: int, zone: ZoneInfo, *, is_date: bool) -> bytes:
    instant: datetime = from_epoch_s(instant_ts)
    if is_date:
        return f"{name};VALUE=DATE:{instant.astimezone(zone):%Y%m%d}\r\n".encode()
    return f"{name}:{instant.astimezone(UTC):%Y%m%dT%H%M%S}Z\r\n".encode()
