"""A calendar object as one event, or one series with exceptions. Frozen values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.timezone import to_instant, to_wall_clock

Key = datetime | date
"""The name of an instance: an aware UTC instant, or a date in an all-day series."""


@dataclass(frozen=True, slots=True)
class At:
    """A date, or a wall clock in an IANA zone (``UTC`` for instants)."""

    value: date
    zone: str = ""

    @property
    def is_date(self) -> bool:
        """Return whether it is a day rather than a time."""
        return not isinstance(self.value, datetime)

    @property
    def instant(self) -> datetime:
        """Return the aware UTC instant; a date counts as its midnight in UTC (for differences only)."""
        if not isinstance(self.value, datetime):
            return datetime(self.value.year, self.value.month, self.value.day, tzinfo=UTC)
        return (
            self.value.replace(tzinfo=UTC)
            if self.zone == "UTC"
            else to_instant(self.value, ZoneInfo(self.zone))
        )

    @property
    def key(self) -> Key:
        """Return the name it would give to an instance."""
        return self.instant if isinstance(self.value, datetime) else self.value

    def settled(self) -> At:
        """Return the same instant with a wall clock that exists (not one that a DST change skips)."""
        if not isinstance(self.value, datetime) or self.zone == "UTC":
            return self
        return at_instant(self.instant, self.zone)


def at_instant(instant: datetime, zone: str) -> At:
    """Return an instant as a wall clock of a zone; in UTC where the zone's wall clock would mean another."""
    if zone != "UTC":
        at = At(to_wall_clock(instant, ZoneInfo(zone)), zone)
        if at.instant == instant:
            return at
    return At(instant.astimezone(UTC).replace(tzinfo=None), "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A person on an event; the address in lower case."""

    address: str
    name: str = ""
    status: str = "NEEDS-ACTION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is said about an event, apart from when it is.

    Attributes:
        status: empty (confirmed), ``TENTATIVE`` or ``CANCELLED``.
        categories: sorted names.
        away: empty, or Outlook's ``OOF`` or ``WORKINGELSEWHERE``.
    """

    summary: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    location: str = field(default="", repr=False)
    status: str = ""
    is_free: bool = False
    guests: tuple[Guest, ...] = field(default=(), repr=False)
    alarms: tuple[tuple[str, int], ...] = ()
    categories: tuple[str, ...] = field(default=(), repr=False)
    away: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An instance that differs from what its series says."""

    key: Key
    start: At
    end: At
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """The whole object.

    Attributes:
        rules: RRULE values in one spelling.
        exrules: EXRULE values.
        rdates: further instances, sorted.
        exdates: instances that are left out, sorted.
        exceptions: sorted by key; none equals what the series says anyway.
        visibility: empty, ``PRIVATE`` or ``CONFIDENTIAL``; the strictest of all components.
    """

    uid: str
    start: At
    end: At
    content: Content
    rules: tuple[str, ...] = ()
    exrules: tuple[str, ...] = ()
    rdates: tuple[Key, ...] = ()
    exdates: tuple[Key, ...] = ()
    exceptions: tuple[Override, ...] = ()
    visibility: str = ""
    stamp: str = "19700101T000000Z"

    @property
    def recurs(self) -> bool:
        """Return whether it is a series."""
        return bool(self.rules or self.rdates)

    @property
    def length(self) -> timedelta:
        """Return how long each instance takes, exactly."""
        return self.end.instant - self.start.instant

    def implied(self, key: Key) -> Override:
        """Return what the series says about an instance."""
        if not isinstance(key, datetime):
            return Override(key=key, start=At(key), end=At(key + self.length), content=self.content)
        return Override(
            key=key,
            start=at_instant(key, self.start.zone),
            end=at_instant(key + self.length, self.end.zone or self.start.zone),
            content=self.content,
        )


def is_same(one: Override, other: Override) -> bool:
    """Return whether two instances say the same; zones of equal instants do not matter."""
    return (
        one.content == other.content
        and one.start.is_date == other.start.is_date
        and one.start.instant == other.start.instant
        and one.end.instant == other.end.instant
    )
