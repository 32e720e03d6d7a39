"""The words of the product as frozen values; the glossary in docs/ explains them.

Instants are aware ``datetime`` in UTC, ranges are half-open ``[start, end)``. Nothing here reads or
writes anything.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NewType

PrincipalId = NewType("PrincipalId", int)
GroupId = NewType("GroupId", int)
DepartmentId = NewType("DepartmentId", int)
ResourceId = NewType("ResourceId", int)
CalendarId = NewType("CalendarId", int)
ObjectId = NewType("ObjectId", int)
FeedId = NewType("FeedId", int)


# What a calendar takes unless it was made for less (RFC 4791 §5.2.3).
COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL", "VAVAILABILITY")


class Level(enum.IntEnum):
    """What a grant allows; a higher level includes the lower ones (rules.md)."""

    FREEBUSY = 1
    READ = 2
    WRITE = 3
    MANAGE = 4

    @property
    def word(self) -> str:
        """Return the level as the CLI writes it."""
        return self.name.lower()


class ResourceKind(enum.StrEnum):
    """What has a schedule."""

    PERSON = "person"
    ROOM = "room"
    EQUIPMENT = "equipment"


class ObjectKind(enum.StrEnum):
    """What a calendar object is for the schedule (rules.md, Words)."""

    BOOKING = "booking"
    BLOCK = "block"
    HOLD = "hold"


class ConflictPolicy(enum.StrEnum):
    """What a write into a taken slot meets (rules.md, Conflicts)."""

    REFUSE = "refuse"
    WARN = "warn"
    ALLOW = "allow"


class Classification(enum.IntEnum):
    """RFC 5545 §3.8.1.3, ordered by strictness; unknown values count as PRIVATE."""

    PUBLIC = 0
    PRIVATE = 1
    CONFIDENTIAL = 2


class Busy(enum.IntEnum):
    """How an occurrence counts in free/busy (RFC 5545 §3.2.9). FREE does not block."""

    FREE = 0
    BUSY = 1
    TENTATIVE = 2
    UNAVAILABLE = 3

    @property
    def blocks(self) -> bool:
        """Return whether the time counts as taken."""
        return self is not Busy.FREE


class FeedLevel(enum.StrEnum):
    """How much a feed shows."""

    FREEBUSY = "freebusy"
    TITLES = "titles"
    FIELDS = "fields"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open span of time ``[start, end)``; both ends are aware UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse naive or reversed bounds: such a window is a bug of the caller."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.end < self.start:
            raise ValueError("a window cannot end before it starts")

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether ``[start, end)`` meets this window; an empty span counts as its instant."""
        if start == end:
            return self.start <= start < self.end
        return start < self.end and end > self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One computed happening of a calendar object (RFC 5545 §3.8.5).

    ``recurrence_id`` is the instant at which the rule placed it (equal to ``start`` unless an override
    moved it), or None for an object that does not recur.
    """

    start: datetime
    end: datetime
    recurrence_id: datetime | None = None
    busy: Busy = Busy.BUSY
    is_all_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person who can sign in."""

    id: PrincipalId
    uuid: str
    login: str
    name: str
    email: str | None = None
    is_admin: bool = False
    has_password: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A person, room or piece of equipment with one schedule.

    ``owner_id`` is the person whose schedule it is or who made the calendar herself; resources of the
    organisation have none. ``zone`` is an IANA name, already resolved against the instance default.
    ``revision`` and ``modified_at_utc`` rise with each change of what feeds say of it.
    """

    id: ResourceId
    uuid: str
    slug: str
    kind: ResourceKind
    name: str
    zone: str
    has_own_zone: bool
    is_personal: bool = False
    owner_id: PrincipalId | None = None
    color: str | None = None
    location: str | None = None
    capacity: int = 1
    seats: int | None = None
    opening_hours: str | None = None
    email: str | None = None
    department: str | None = None
    department_id: DepartmentId | None = None
    description: str | None = None
    policy: ConflictPolicy = ConflictPolicy.REFUSE
    buffer_before_s: int = 0
    buffer_after_s: int = 0
    revision: int = 0
    modified_at_utc: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The one calendar collection of a resource; ``seq`` numbers its changes without gaps.

    ``epoch`` changes on restore: numbers of another epoch mean nothing here. Recurring objects are in the
    occurrence index inside ``index`` only, others always.
    """

    id: CalendarId
    resource: Resource
    epoch: str
    seq: int
    min_seq: int
    max_duration_s: int
    index: Window
    components: tuple[str, ...] = COMPONENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarObject:
    """A stored calendar object resource: all components with one UID (RFC 4791 §4.1).

    ``first_start`` and ``last_end`` are epoch seconds; None for no time at all, or for an endless series.
    """

    id: ObjectId
    calendar_id: CalendarId
    href: str
    uid: str
    component: str
    etag: str
    ical: bytes
    seq: int
    kind: ObjectKind
    classification: Classification
    revision: int
    created_at_utc: datetime
    modified_at_utc: datetime
    is_recurring: bool = False
    creator_id: PrincipalId | None = None
    expires_at_utc: datetime | None = None
    first_start: int | None = None
    last_end: int | None = None

    def is_over(self, now: datetime) -> bool:
        """Return whether this is a hold whose time is over."""
        return self.expires_at_utc is not None and self.expires_at_utc <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the change log; ``op`` is ``put`` or ``delete`` (the tombstone).

    ``etag`` of a tombstone is None, or ``masked:`` and who made the object where that was not public.
    """

    calendar_id: CalendarId
    seq: int
    href: str
    uid: str
    op: str
    etag: str | None
    origin: str
    at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClashReport:
    """One overlap that the conflict check found; ``holder`` is told to managers only (rules.md)."""

    resource_slug: str
    start: datetime
    end: datetime
    with_start: datetime
    with_end: datetime
    holder: str | None = field(default=None, repr=False)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_epoch_s(instant: datetime) -> int:
    """Return whole seconds since 1970, rounding towards minus infinity."""
    return int((instant - EPOCH).total_seconds() // 1)


def from_epoch_s(seconds: int) -> datetime:
    """Return the aware UTC instant for seconds since 1970."""
    return EPOCH + timedelta(seconds=seconds)
