"""A file to items. One broken event never hides the others; a broken file tells nothing at all. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from gateway.domain.errors import InvalidCalendarData, InvalidInput
from gateway.domain.ical import parse_entry, unknown_zone_told
from gateway.domain.ical_import import ImportEntry, split_import
from gateway.providers.contract import RemoteKind, Unreadable, Upsert
from gateway.providers.errors import BadAnswer
from plugins.ics.fetching import KEPT

MAX_OBJECT_BYTES = 1024 * 1024
_MAX_ID = 200
_STAMPS = re.compile(
    rb"^(?:DTSTAMP|CREATED|LAST-MODIFIED)[;:][^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", re.MULTILINE
)
# Copies of ours in a CalDAV calendar that somebody publishes as a file: they must not block themselves.
_COPY = re.compile(r"calgate-([A-Za-z0-9_-]{43})-[0-9a-f]{32}-[0-9a-f]{16}(?:-[0-9])?")
_AWAY = re.compile(rb"^X-MICROSOFT-CDO-BUSYSTATUS:\s*OOF", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds.

    Attributes:
        name: what it calls itself.
        items: its events, and those that cannot be read.
        is_whole: absence of an event means that it is gone; False where something in it has no identity.
    """

    name: str
    items: tuple[Upsert | Unreadable, ...] = field(repr=False)
    is_whole: bool


def read(body: bytes) -> Content:
    """Return what a file holds.

    Raises:
        BadAnswer: it is no calendar file, or not a whole one; the line is named.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not text[:15].upper().startswith(b"BEGIN:VCALENDAR"):
        what = "is empty" if not text else "is no calendar file (line 1)"
        raise BadAnswer(f"What lies at the address {what}. {KEPT}")
    if not re.search(rb"END:VCALENDAR\s*$", text[-40:], re.IGNORECASE):
        lines = text.count(b"\n") + 1
        raise BadAnswer(f"The file ends at line {lines} without END:VCALENDAR. {KEPT}")
    try:
        found = split_import(body, max_object_bytes=MAX_OBJECT_BYTES)
        entries = list(found.entries)
    except InvalidCalendarData as error:
        raise BadAnswer(f"The file cannot be read: {error}. {KEPT}") from None
    items = {item.remote_id: item for entry in entries if (item := _item(entry)) is not None}
    return Content(
        name=found.name or "",
        items=tuple(items.values()),
        is_whole=all(entry.uid is not None for entry in entries),
    )


def _item(entry: ImportEntry) -> Upsert | Unreadable | None:
    name = _id_of(entry.uid) if entry.uid is not None else f"line-{entry.line}"
    data = entry.data
    if data is None:
        return Unreadable(remote_id=name, version=f"line:{entry.line}", reason=entry.reason or "it is broken")
    if b"BEGIN:VEVENT" not in data.upper():
        return None
    version = hashlib.sha256(_STAMPS.sub(b"", data)).hexdigest()[:32]
    try:
        problem = unknown_zone_told(parse_entry(entry, max_bytes=MAX_OBJECT_BYTES))
    except InvalidInput as error:
        problem = str(error)
    if problem is not None:
        return Unreadable(remote_id=name, version=version, reason=problem)
    copy = _COPY.fullmatch(entry.uid or "")
    kind = RemoteKind.OUT_OF_OFFICE if _AWAY.search(data) else RemoteKind.BOOKING
    marker = copy[1] if copy is not None else None
    return Upsert(remote_id=name, version=version, ical=data, kind=kind, marker=marker)


def _id_of(uid: str) -> str:
    if len(uid) <= _MAX_ID and uid.isprintable() and not uid.startswith("line-"):
        return uid
    return "sha256-" + hashlib.sha256(uid.encode("utf-8", "replace")).hexdigest()
