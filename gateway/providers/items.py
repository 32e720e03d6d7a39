"""What crosses the border between engine and plug-in: calendars, pages, items, writes. Values only.

The unit is the whole calendar object as iCalendar bytes: one VCALENDAR, all components with one UID, the
zones it uses. How a provider cuts it up (Google: one event per exception) is nobody else's business.
"""

from __future__ import annotations

import base64
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.domain.model import Window


class Access(enum.IntEnum):
    """What the account may do with a remote calendar; a higher one includes the lower ones."""

    FREEBUSY = 1
    READ = 2
    WRITE = 3
    OWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCalendar:
    """A calendar of the account.

    Attributes:
        id: the provider's stable id, never an alias such as ``primary``.
        zone: IANA name, or None where the provider does not say.
        is_resource: it belongs to a room or a piece of equipment there.
        is_deletable: the account may remove it as a whole; says nothing about who made it.
        place: a name that it has for every account that reaches it, so that no two of them write into it;
            None where the provider knows none.
    """

    id: str
    name: str
    access: Access
    zone: str | None = None
    color: str | None = None
    is_primary: bool = False
    is_resource: bool = False
    is_deletable: bool = False
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarLook:
    """How a calendar that we made should look there; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    zone: str | None = None
    color: str | None = None


class Reminders(enum.StrEnum):
    """What happens to VALARM in a pushed copy."""

    NONE = "none"
    KEEP = "keep"
    DEFAULT = "default"  # whatever the person has set for that calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How one link wants its objects written; the same value goes into ``project`` and ``push``.

    Attributes:
        zone: IANA name in which floating times and dates are read.
        guests: ATTENDEE and ORGANIZER may be written (the audited switch of the link). False: a plug-in drops
            them again even if the engine forgot.
        color: ``#rrggbb``; the plug-in takes the nearest the provider has.
        back_link: address of the object in the gateway's console.
        horizon: what is written out of a series without an end that the provider cannot repeat like; moves by
            whole months. None: such a series is rejected.
    """

    zone: str
    guests: bool = False
    reminders: Reminders = Reminders.NONE
    color: str | None = None
    back_link: str | None = None
    back_link_title: str = "Calgate"
    horizon: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """Who an object is, for ever: the seed of its id at the provider (rules.md, Identity at Google)."""

    instance_id: str
    resource_uuid: str
    uid: str

    @property
    def marker(self) -> str:
        """Return what the copy carries: a hash of the UID, for adoption when the database is new."""
        return marker_of(self.uid)


def resource_hash(resource_uuid: str) -> str:
    """Return what marks our copies of one resource in a calendar that several resources share."""
    return hashlib.sha256(b"calgate:resource:" + resource_uuid.encode()).hexdigest()[:32]


def marker_of(uid: str) -> str:
    """Return the hash of a UID that marks our copies at a provider (43 characters, a-z A-Z 0-9 - _)."""
    digest = hashlib.sha256(b"calgate:uid:" + uid.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class RemoteKind(enum.StrEnum):
    """What an event is there, beyond its iCalendar; policy decides on it."""

    BOOKING = "booking"
    OUT_OF_OFFICE = "out-of-office"
    FOCUS = "focus"
    DETAILS_HIDDEN = "details-hidden"  # only the time may be read: never an edit of title or description


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """An object as it now is at the provider.

    ``ical`` is the provider's own form, read back after a write: store it as the remote base, and the
    projected local form as the local base, so that what a provider rewrites never looks like an edit.

    Attributes:
        remote_id: the id of the object; of the master where it recurs.
        version: changes with every change there; opaque.
        memo: opaque note; store it and give it back with the next write. Never holds content.
        marker: equals ``ObjectKey.marker`` where this is our own genuine copy; None for anything else, a
            copy of our copy that a person made included.
        resource_hash: tells apart the copies of several resources in one combined calendar; see
            ``resource_hash``.
        guests: people are invited there: the plug-in will neither patch nor delete it.
        is_declined: the person has declined it: it does not take time.
        is_unfinished: a write of ours that takes several calls was interrupted: no edit, it is sent again.
    """

    remote_id: str
    version: str
    ical: bytes = field(repr=False)
    memo: bytes = field(default=b"", repr=False)
    marker: str | None = None
    resource_hash: str = ""
    kind: RemoteKind = RemoteKind.BOOKING
    guests: bool = False
    is_declined: bool = False
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An object that is not there (any more); ids that the engine never knew come too and mean nothing."""

    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An object that is there and cannot be understood: park it. Never read as a deletion or an edit."""

    remote_id: str
    version: str
    reason: str
    marker: str | None = None


Item = Upsert | Removed | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a pull.

    Attributes:
        cursor: on the last page only, where the provider has cursors; store it with the page's items.
        looked: on the last page of a full listing: absence means deletion inside this span and nowhere else
            (``always`` for everything). None: this pull told changes only, absence means nothing.
        total: how many objects are expected, for progress; None where unknown.
    """

    items: tuple[Item, ...]
    cursor: str | None = None
    is_last: bool = False
    looked: Window | None = None
    total: int | None = None


class Scope(enum.StrEnum):
    """What a pull asks for. A cursor belongs to its scope."""

    OBJECTS = "objects"  # bookings: what two-way and target links compare
    BUSY = "busy"  # everything that takes time, out-of-office and focus time included


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Create or change one object.

    Attributes:
        key: the same for every repetition of this write: creating twice creates once.
        remote_id: None creates.
        if_version: refuse with ``VersionConflict`` where the object has another version; None reads first.
        memo: from the last ``Upsert``; ``b""`` where it is lost (the plug-in reads what it needs).
        is_repeat: this create was begun before, maybe long ago, and its end is not known: look first.
    """

    key: ObjectKey
    ical: bytes = field(repr=False)
    presentation: Presentation
    remote_id: str | None = None
    if_version: str | None = None
    memo: bytes = field(default=b"", repr=False)
    is_repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove one object of ours; gone already counts as done."""

    remote_id: str
    key: ObjectKey | None = None
    if_version: str | None = None
    memo: bytes = field(default=b"", repr=False)


class BusyKind(enum.StrEnum):
    """What is known about a span."""

    BUSY = "busy"
    UNKNOWN = "unknown"  # the provider could not say; never read it as free


@dataclass(frozen=True, slots=True, kw_only=True)
class BusySpan:
    """A half-open span ``[start, end)`` in aware UTC that is taken, or about which nothing is known."""

    start: datetime
    end: datetime
    kind: BusyKind = BusyKind.BUSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A push subscription; keep ``id`` and ``resource`` to stop it, even after everything else is lost."""

    id: str
    resource: str
    calendar_id: str
    expires_at_utc: datetime

    def renew_at_utc(self, started_at_utc: datetime) -> datetime:
        """Return half of the life that is granted: time enough to try again."""
        return started_at_utc + max((self.expires_at_utc - started_at_utc) / 2, timedelta(seconds=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A request that came to our webhook door; header names in lower case."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Answer these bytes at once; nothing has changed."""

    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A watch says that something changed: a hint that makes a link due, never content.

    ``secret`` is what the sender knew; compare it in constant time with the secret of the watch before
    believing.

    Attributes:
        is_gone: the watch has ended; make another.
        must_renew: the watch ends unless it is renewed now.
    """

    watch_id: str
    secret: str = field(repr=False)
    is_gone: bool = False
    must_renew: bool = False


def always() -> Window:
    """Return the window that holds every instant."""
    return Window(start=datetime.min.replace(tzinfo=UTC), end=datetime.max.replace(tzinfo=UTC))
