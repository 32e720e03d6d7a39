"""Responses with whole calendar data, many at once: each step is done for all of them together.

What is rare (masked objects, control characters, parts of objects) is written one by one elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.services import reading
from gateway.services.reading import TextRow
from plugins.radicale import listing, object_properties
from plugins.radicale.calendar_data import CalendarData
from plugins.radicale.memory import Memory
from plugins.radicale.problems import quote_segment
from plugins.radicale.reporting import Report

_OVERHEAD = 400  # bytes of a kept text beside itself
_STORED: Memory[tuple[int, str], bytes] = Memory(8 * 1024 * 1024)  # stored texts as XML
_BOUND = b"\0"  # stands in no calendar object
_ILLEGAL = bytes(number for number in range(1, 32) if number not in b"\t\n\r")
_NOT_XML = (b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xef\xbb\xbf")  # U+FFFE, U+FFFF, and a byte-order mark


def can_write(report: Report, data: CalendarData | None, *, can_expand: bool = False) -> bool:
    """Return whether the answer is whole objects, or expanded ones where it may be, with plain properties."""
    is_whole = data is not None and (data.is_whole or (can_expand and data.is_expanded))
    return is_whole and not report.view.is_busy_only and listing.WRITTEN.issuperset(report.names())


def by_href(report: Report, rows: Sequence[TextRow]) -> dict[str, bytes]:
    """Return the responses of all objects that she sees unmasked, by name; ``can_write`` is true."""
    plain = [row for row in rows if not _hides(report, row)]
    return {row.href: response for row, response in zip(plain, _responses(report, plain), strict=True)}


def every(report: Report, rows: Sequence[TextRow]) -> list[bytes]:
    """Return the responses of all objects, masked ones as she sees them; ``can_write`` is true."""
    plain = [row for row in rows if not _hides(report, row)]
    found = _responses(report, plain)
    if len(plain) < len(rows):
        masked = [row.id for row in rows if _hides(report, row)]
        write, view = report.writer(report.data()), report.view
        hidden = view.shown(list(reading.by_ids(report.tx, report.calendar.id, masked)))
        found += [write(stored).encode() for stored in hidden]
    return found


def _hides(report: Report, row: TextRow) -> bool:
    return report.view.hides_row(row.classification, row.creator_id)


def _responses(report: Report, rows: Sequence[TextRow]) -> list[bytes]:
    if not rows:
        return []
    texts = _texts(report, rows)
    if texts is None:
        write = report.writer(report.data())
        found = reading.by_ids(report.tx, report.calendar.id, [row.id for row in rows])
        written: dict[int, bytes] = {stored.id: write(stored).encode() for stored in found}
        return [written[row.id] for row in rows]
    template = object_properties.template(report.request, report.view, report.names())
    parts, fields = listing.parts(template, report.view, has_data=True)
    literals = [part.encode() for part in parts]
    first, rest = literals[0], list(zip(fields, literals[1:], strict=True))
    found_: list[bytes] = []
    for row, text in zip(rows, texts, strict=True):
        pieces = [first]
        for field, literal in rest:
            if field == "href":
                pieces.append(quote_segment(row.href).encode())
            elif field == "data":
                pieces += (b"<C:calendar-data>", text, b"</C:calendar-data>")
            else:
                pieces.append((row.etag if field == "etag" else row.component).encode())
            pieces.append(literal)
        found_.append(b"".join(pieces))
    return found_


def _texts(report: Report, rows: Sequence[TextRow]) -> list[bytes] | None:
    """Return the texts of objects as XML, None where one of them holds what XML cannot.

    Rows that bring a text (expanded ones) mean it; the texts of the others are as stored.
    """
    given = [row for row in rows if row.ical]
    if given:
        return escaped([row.ical for row in rows]) if len(given) == len(rows) else None
    known = {row.id: _STORED.get((row.id, row.etag)) for row in rows}
    missing = [row for row in rows if known[row.id] is None]
    if missing:
        icals = reading.texts_of_ids(report.tx, report.calendar.id, [row.id for row in missing])
        fresh = escaped([icals[row.id] for row in missing])
        if fresh is None:
            return None
        for row, data in zip(missing, fresh, strict=True):
            known[row.id] = data
            _STORED.put((row.id, row.etag), data, len(data) + _OVERHEAD)
    return [kept for row in rows if (kept := known[row.id]) is not None]


def escaped(icals: Iterable[bytes]) -> list[bytes] | None:
    """Return texts as XML, None where one of them holds what XML cannot."""
    parts = [bytes(part) for part in icals]
    whole = _BOUND.join(parts)
    if whole.count(_BOUND) != len(parts) - 1 or any(mark in whole for mark in _NOT_XML):
        return None
    if len(whole.translate(None, _ILLEGAL)) != len(whole):
        return None
    whole = whole.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    # A bare CR would not survive an XML parser.
    return whole.replace(b"\r", b"&#13;").split(_BOUND)
