"""Splitting a calendar file into calendar objects for ``import``: lines only, meaning is for ``ical``.

Each component keeps its lines unchanged, folding included, inside a new VCALENDAR with the VTIMEZONEs it
uses (rules.md, Import and bytes). The file is scanned once, in linear time; objects are put together one by
one while they are asked for.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.domain.content_lines import PRODID
from gateway.domain.errors import InvalidCalendarData
from gateway.domain.ical_reader import decode
from gateway.domain.timezone import known_zone

_FLAGS = re.MULTILINE | re.IGNORECASE
_FRAME = re.compile(rb"^(BEGIN|END)[ \t]*:[ \t]*([^\r\n]*)", _FLAGS)
_FOLD = re.compile(rb"\r?\n[ \t]")
_SPLIT_CHARACTER = re.compile(rb"([\xc2-\xf4][\x80-\xbf]{0,2})(\r?\n[ \t])([\x80-\xbf]{1,3})")
_FACTS = re.compile(
    rb"^(UID|RECURRENCE-ID|SEQUENCE|LAST-MODIFIED|DTSTAMP)((?:;[^:\r\n]*)?):([^\r\n]*)", _FLAGS
)
_TZID_USED = re.compile(rb";TZID=(\"[^\"\r\n]*\"|[^;:\"\r\n]*)", re.IGNORECASE)
_TZID_GIVEN = re.compile(rb"^TZID[^:\r\n]*:([^\r\n]*)", _FLAGS)
_FLOATING = re.compile(
    rb"^(?:DTSTART|DTEND|DUE|RECURRENCE-ID|RDATE|EXDATE)(?![^:\r\n]*TZID=)[^:\r\n]*:\d{8}T\d{6}(?!Z)",
    _FLAGS,
)
_HEADER = re.compile(rb"^(X-WR-CALNAME|NAME|X-WR-TIMEZONE)(?:;[^:\r\n]*)?:([^\r\n]*)", _FLAGS)
_VOLATILE = re.compile(rb"^(?:DTSTAMP|CREATED|LAST-MODIFIED)[;:][^\r\n]*\r?\n?", _FLAGS)
_ESCAPED = re.compile(rb"\\([\\,;])")
_KINDS = (b"VEVENT", b"VTODO", b"VJOURNAL", b"VAVAILABILITY")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportEntry:
    """One calendar object of a file, or one refusal.

    Attributes:
        uid: the UID, derived from the content where the file gives none; None for what has no identity.
        line: line of the file, from 1, at which its first component begins.
        data: a complete VCALENDAR, or None where it was refused.
        reason: why it was refused, with line and property, or None.
        notes: what was left out or chosen; the object is imported all the same.
        lines: pairs (line in ``data``, line in the file) at which each copied block begins.
    """

    uid: str | None
    line: int
    data: bytes | None = field(repr=False)
    reason: str | None
    notes: tuple[str, ...] = ()
    lines: tuple[tuple[int, int], ...] = ()

    def file_line(self, line: int | None) -> int | None:
        """Return the line of the file that a line of ``data`` came from."""
        if line is None:
            return None
        begun = [(ours, theirs) for ours, theirs in self.lines if ours <= line]
        return begun[-1][1] + line - begun[-1][0] if begun else self.line


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """A calendar file, split by UID.

    Attributes:
        name: X-WR-CALNAME or NAME of the first VCALENDAR that has one.
        zone: IANA name of its X-WR-TIMEZONE, or None where there is none or nobody knows it.
        unknown_zones: those of its X-WR-TIMEZONE lines that nobody knows.
        entries: the objects and refusals, in the order of the file; made while they are asked for.
    """

    name: str | None
    zone: str | None
    unknown_zones: tuple[str, ...]
    entries: Iterator[ImportEntry]


@dataclass(slots=True)
class _Piece:
    """One component of the file, as offsets."""

    kind: bytes
    calendar: int
    start: int
    end: int
    line: int
    uid: bytes | None = None
    recurrence_id: bytes = b""
    rank: tuple[int, bytes, int] = (0, b"", 0)


@dataclass(slots=True)
class _Scan:
    """What one pass over the file found."""

    groups: dict[bytes, list[_Piece]] = field(default_factory=dict)
    refusals: list[ImportEntry] = field(default_factory=list)
    timezones: dict[tuple[int, bytes], _Piece] = field(default_factory=dict)
    headers: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    notes: dict[bytes, list[str]] = field(default_factory=dict)


def split_import(data: bytes, *, max_object_bytes: int) -> ImportFile:
    """Split a calendar file by UID; what is broken becomes an entry with a reason.

    METHOD is dropped. Of two components with the same UID and RECURRENCE-ID the one with the higher
    SEQUENCE, then LAST-MODIFIED, then the later one is kept, with a note.

    Raises:
        InvalidCalendarData: there is no VCALENDAR in it at all.
    """
    data = _as_lines(data)
    scan = _scan(data)
    if not scan.headers:
        raise InvalidCalendarData("this is not a calendar file; it must begin with BEGIN:VCALENDAR", line=1)
    names = [h[key] for h in scan.headers.values() for key in (b"X-WR-CALNAME", b"NAME") if key in h]
    zones = [h[b"X-WR-TIMEZONE"] for h in scan.headers.values() if b"X-WR-TIMEZONE" in h]
    named = [each.decode("utf-8", "replace").strip() for each in zones]
    zone = known_zone(named[0]) if named else None
    name = _unescape(names[0].decode("utf-8", "replace")).strip() if names else ""
    return ImportFile(
        name=name or None,
        zone=zone.key if zone else None,
        unknown_zones=tuple(each for each in named if each and known_zone(each) is None),
        entries=_entries(data, scan, max_object_bytes),
    )


def _as_lines(data: bytes) -> bytes:
    """Return the file in UTF-8 with line feeds, as programs write it that mean well.

    RFC 5545 §3.1 lets a fold stand inside a UTF-8 character; such a fold moves behind the character.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode("utf-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\n" not in data:
        data = data.replace(b"\r", b"\r\n")
    return _SPLIT_CHARACTER.sub(rb"\1\3\2", data)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: " " if m[1] in "nN" else m[1], text)


# ---------------------------------------------------------------------------------------- scanning


def _scan(data: bytes) -> _Scan:
    """Find every component of the file."""
    scanner = _Scanner(data)
    for match in _FRAME.finditer(data):
        scanner.frame(match)
    return scanner.finish()


class _Scanner:
    """The pass over the BEGIN and END lines of a file; a missing END costs one component, not the file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.scan = _Scan()
        self.stack: list[tuple[bytes, int, int]] = []  # (name, offset, line) of what is open
        self.calendar = -1
        self.header_from = -1
        self.line = 1
        self.counted = 0

    def frame(self, match: re.Match[bytes]) -> None:
        """Take the next BEGIN or END line."""
        offset = match.start()
        self.line += self.data.count(b"\n", self.counted, offset)
        self.counted = offset
        name = match[2].strip().upper()
        self._end_header(offset)
        if match[1].upper() == b"BEGIN":
            self._begin(name, offset, match.end())
        else:
            self._end(name, match.end())

    def finish(self) -> _Scan:
        """Return what was found."""
        self._end_header(len(self.data))
        self._give_up()
        return self.scan

    def _end_header(self, offset: int) -> None:
        """Note the properties of a VCALENDAR that stand before its first component."""
        if self.header_from < 0:
            return
        for match in _HEADER.finditer(_FOLD.sub(b"", self.data[self.header_from : offset])):
            self.scan.headers[self.calendar].setdefault(match[1].upper(), match[2])
        self.header_from = -1

    def _give_up(self) -> None:
        """Refuse the component that is still open."""
        for name, _, line in self.stack[1:2]:
            self.scan.refusals.append(_unclosed(name, line))

    def _begin(self, name: bytes, offset: int, end: int) -> None:
        if name == b"VCALENDAR":
            self._give_up()
            self.stack.clear()
            self.calendar += 1
            self.scan.headers[self.calendar] = {}
            self.header_from = end
        elif len(self.stack) > 1 and self.stack[1][0] == name:
            # Components of one kind never hold one another: the one before was not closed.
            self._give_up()
            del self.stack[1:]
        self.stack.append((name, offset, self.line))

    def _end(self, name: bytes, end: int) -> None:
        stack = self.stack
        if stack and stack[-1][0] == name:
            entry = stack.pop()
            if len(stack) == 1 and stack[0][0] == b"VCALENDAR":
                _piece(self.scan, self.data, self.calendar, entry, end)
            elif not stack and name != b"VCALENDAR":
                reason = f"line {entry[2]}: {_text(name)} stands outside of a VCALENDAR"
                self.scan.refusals.append(_refusal(entry[2], reason))
        elif name == b"VCALENDAR" and stack and stack[0][0] == name:
            self._give_up()
            stack.clear()
        elif len(stack) > 1 and stack[1][0] == name:
            # A part of it was not closed; reading the object will say so with the line.
            _piece(self.scan, self.data, self.calendar, stack[1], end)
            del stack[1:]


def _text(name: bytes) -> str:
    return name.decode("ascii", "replace")[:40]


def _refusal(line: int, reason: str) -> ImportEntry:
    return ImportEntry(uid=None, line=line, data=None, reason=reason)


def _unclosed(name: bytes, line: int) -> ImportEntry:
    return _refusal(line, f"line {line}: BEGIN:{_text(name)} has no END")


def _piece(scan: _Scan, data: bytes, calendar: int, entry: tuple[bytes, int, int], end: int) -> None:
    """Sort one finished component of a VCALENDAR in."""
    name, start, line = entry
    piece = _Piece(name, calendar, start, end, line)
    if name == b"VTIMEZONE":
        given = _TZID_GIVEN.search(_FOLD.sub(b"", data[start:end]))
        if given:
            tzid = _ESCAPED.sub(rb"\1", given[1].strip())
            scan.timezones.setdefault((calendar, tzid), piece)
        return
    if name not in _KINDS:
        if name == b"VFREEBUSY":
            scan.refusals.append(_refusal(line, f"line {line}: {name.decode()} is not kept in calendars"))
        elif not name.startswith(b"X-"):
            scan.refusals.append(_refusal(line, f"line {line}: {_text(name)} is no event, task or note"))
        return
    unfolded = _FOLD.sub(b"", _own_lines(data[start:end]))
    sequence, modified = 0, b""
    for match in _FACTS.finditer(unfolded):
        fact, value = match[1].upper(), match[3].strip()
        if fact == b"UID" and value and piece.uid is None:
            piece.uid = value
        elif fact == b"RECURRENCE-ID":
            piece.recurrence_id = match[2].upper() + b":" + value
        elif fact == b"SEQUENCE" and value.isdigit() and len(value) < 12:
            sequence = int(value)
        elif fact == b"LAST-MODIFIED" or (fact == b"DTSTAMP" and not modified):
            modified = value
    piece.rank = (sequence, modified, start)
    key = piece.uid or _derived_uid(unfolded)
    scan.groups.setdefault(key, []).append(piece)


def _own_lines(block: bytes) -> bytes:
    """Return the component without its sub-components, whose UID (alarms have one) is not its own."""
    inner = block.find(b"\nBEGIN:", 1)
    if inner < 0:
        return block
    last = block.rfind(b"\nEND:", 0, block.rfind(b"\nEND:"))
    if last < inner:
        return block
    parts, depth, position = [], 0, 0
    for match in _FRAME.finditer(block, block.find(b"\n") + 1):
        if match[1].upper() == b"BEGIN":
            if depth == 0:
                parts.append(block[position : match.start()])
            depth += 1
        elif depth:
            depth -= 1
            position = match.end()
    parts.append(block[position:])
    return b"".join(parts)


def _derived_uid(unfolded: bytes) -> bytes:
    """Return a UID that the same content always gets; stamps of the export do not count."""
    lines = _VOLATILE.sub(b"", unfolded.replace(b"\r\n", b"\n"))
    return hashlib.sha256(lines).hexdigest()[:40].encode() + b"@derived.calgate"


# ---------------------------------------------------------------------------------------- building


def _entries(data: bytes, scan: _Scan, max_object_bytes: int) -> Iterator[ImportEntry]:
    """Yield objects and refusals in the order of the file."""
    refusals = sorted(scan.refusals, key=lambda entry: entry.line)
    position = 0
    for uid, pieces in scan.groups.items():
        while position < len(refusals) and refusals[position].line < pieces[0].line:
            yield refusals[position]
            position += 1
        yield from _group(data, scan, uid, pieces, max_object_bytes)
    yield from refusals[position:]


def _group(
    data: bytes, scan: _Scan, uid: bytes, pieces: list[_Piece], max_object_bytes: int
) -> Iterator[ImportEntry]:
    kind = pieces[0].kind
    text = uid.decode("utf-8", "replace")
    for piece in pieces:
        if piece.kind != kind:
            reason = f"line {piece.line}, UID: the UID belongs to a {kind.decode()} of this file already"
            yield ImportEntry(uid=text, line=piece.line, data=None, reason=reason)
    chosen: dict[bytes, _Piece] = {}
    notes: list[str] = []
    for piece in pieces:
        if piece.kind != kind:
            continue
        other = chosen.get(piece.recurrence_id)
        if other is None:
            chosen[piece.recurrence_id] = piece
            continue
        kept, dropped = (piece, other) if piece.rank > other.rank else (other, piece)
        chosen[piece.recurrence_id] = kept
        notes.append(f"line {dropped.line}: an older copy of the component of line {kept.line} was left out")
    members = sorted(chosen.values(), key=lambda piece: piece.start)
    yield _entry(data, scan, uid, members, tuple(notes), max_object_bytes)


def _entry(
    data: bytes, scan: _Scan, uid: bytes, members: list[_Piece], notes: tuple[str, ...], max_object_bytes: int
) -> ImportEntry:
    first = members[0].line
    text = uid.decode("utf-8", "replace")
    size = sum(piece.end - piece.start for piece in members)
    if size > max_object_bytes:
        reason = f"line {first}: the object has {size} bytes; the limit is {max_object_bytes} bytes"
        return ImportEntry(uid=text, line=first, data=None, reason=reason, notes=notes)
    blocks = [(piece, data[piece.start : piece.end]) for piece in members]
    for piece, block in blocks:
        try:
            decode(block)
        except InvalidCalendarData as error:
            line = piece.line + (error.line or 1) - 1
            return ImportEntry(
                uid=text, line=first, data=None, reason=f"line {line}: {error.reason}", notes=notes
            )
    out = [b"BEGIN:VCALENDAR", b"VERSION:2.0", b"PRODID:" + PRODID.encode()]
    whole = [_FOLD.sub(b"", block) for _, block in blocks]
    zone_name = scan.headers[members[0].calendar].get(b"X-WR-TIMEZONE", b"").strip()
    if zone_name and any(_FLOATING.search(block) for block in whole):
        zone = known_zone(zone_name.decode("utf-8", "replace"))
        if zone is not None:
            out.append(b"X-WR-TIMEZONE:" + zone.key.encode())
    lines: list[tuple[int, int]] = []
    timezones: dict[bytes, _Piece] = {}
    for piece, block in zip(members, whole, strict=True):
        for match in _TZID_USED.finditer(block):
            tzid = match[1].strip(b'"').strip()
            found = scan.timezones.get((piece.calendar, tzid))
            if found is not None:
                timezones.setdefault(tzid, found)
    for piece in timezones.values():
        lines.append((len(out) + 1, piece.line))
        out += _lines(data[piece.start : piece.end])
    for piece, block in blocks:
        lines.append((len(out) + 1, piece.line))
        own = _lines(block)
        if piece.uid is None:
            out += [own[0], b"UID:" + uid]
            lines.append((len(out) + 1, piece.line + 1))
            own = own[1:]
        out += own
    out.append(b"END:VCALENDAR")
    result = b"\r\n".join(out) + b"\r\n"
    return ImportEntry(uid=text, line=first, data=result, reason=None, notes=notes, lines=tuple(lines))


def _lines(block: bytes) -> list[bytes]:
    return block.replace(b"\r\n", b"\n").split(b"\n")
