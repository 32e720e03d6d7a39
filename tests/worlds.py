"""A small world around one database for tests of the services: a resource and what is done to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.domain.conditional import ANY, Condition
from gateway.domain.model import Calendar, CalendarObject, Change, ConflictPolicy, ResourceKind, Window
from gateway.services import changes, imports, objects, prepare, relocation, resources
from gateway.services.imports import ImportReport
from gateway.services.limits import Limits
from gateway.services.objects import Origin, PutResult
from gateway.store import calendars as calendar_store
from gateway.store import changes as change_store
from gateway.store import objects as object_store
from gateway.store.database import Database, Transaction

ORIGIN = Origin(label="test")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


def lines(*content: str) -> bytes:
    """Return content lines as iCalendar bytes."""
    return "".join(f"{line}\r\n" for line in content).encode()


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return an instant ``day`` days after Monday, 2026-03-02."""
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day, hours=hour, minutes=minute)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def vevent(
    uid: str, start: datetime | None = None, end: datetime | None = None, *more: str, title: str = "Meeting"
) -> bytes:
    """Return one event; a start without an end lasts an hour."""
    start = start or at(1, 10)
    return lines(
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Example//Tests//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        f"DTSTART:{stamp(start)}",
        f"DTEND:{stamp(end or start + timedelta(hours=1))}",
        f"SUMMARY:{title}",
        *more,
        "END:VEVENT",
        "END:VCALENDAR",
    )


class World:
    """One database with one resource, ``room``, and short words for what the services do."""

    def __init__(self, db: Database, *, now: datetime = NOW, limits: Limits | None = None) -> None:
        self.db = db
        self.now = now
        self.limits = limits or Limits()

    def resource(self, slug: str = "room", **fields: Any) -> Calendar:
        """Add a resource and return its calendar."""
        kind = fields.pop("kind", ResourceKind.ROOM)

        def add(tx: Transaction) -> Calendar:
            added = resources.add(
                tx, slug, kind=kind, horizon=self.limits.horizon(self.now), now=self.now, **fields
            )
            return calendar_store.of_resource(tx, added.id)

        return self.db.write(add)

    def calendar(self, calendar: Calendar) -> Calendar:
        """Return the calendar as it is now."""
        return self.db.read(calendar_store.get, calendar.id)

    def put(
        self,
        calendar: Calendar,
        href: str,
        data: bytes,
        *,
        condition: Condition = ANY,
        on_clash: ConflictPolicy | None = None,
        now: datetime | None = None,
        **fields: Any,
    ) -> PutResult:
        now = now or self.now
        ready = prepare.prepare(data, calendar, limits=self.limits, now=now, **fields)
        return self.db.write(
            objects.put,
            calendar.id,
            href,
            ready,
            origin=ORIGIN,
            now=now,
            limits=self.limits,
            condition=condition,
            on_clash=on_clash,
        )

    def delete(self, calendar: Calendar, href: str, condition: Condition = ANY) -> int:
        return self.db.write(
            objects.delete, calendar.id, href, origin=ORIGIN, now=self.now, condition=condition
        )

    def move(self, source: Calendar, href: str, target: Calendar, target_href: str, **fields: Any) -> bool:
        """Move an object; return whether one was overwritten."""
        return self._relocate(relocation.move, source, href, target, target_href, **fields).is_overwritten

    def copy(
        self, source: Calendar, href: str, target: Calendar, target_href: str, **fields: Any
    ) -> relocation.Relocated:
        return self._relocate(relocation.copy, source, href, target, target_href, **fields)

    def _relocate(
        self, how: Any, source: Calendar, href: str, target: Calendar, target_href: str, **fields: Any
    ) -> relocation.Relocated:
        done: relocation.Relocated = self.db.write(
            how,
            relocation.Place(calendar_id=source.id, href=href),
            relocation.Place(calendar_id=target.id, href=target_href),
            origin=ORIGIN,
            now=self.now,
            limits=self.limits,
            **fields,
        )
        return done

    def load(self, calendar: Calendar, data: bytes, **fields: Any) -> ImportReport:
        """Import a file."""
        return imports.import_file(
            self.db,
            calendar.id,
            data,
            origin=ORIGIN,
            clock=lambda: self.now,
            limits=self.limits,
            **fields,
        )

    def get(self, calendar: Calendar, href: str) -> CalendarObject | None:
        return self.db.read(object_store.by_href, calendar.id, href)

    def listing(self, calendar: Calendar) -> dict[str, str]:
        """Return etags by href."""
        return dict(self.db.read(object_store.listing, calendar.id))

    def log(self, calendar: Calendar) -> list[Change]:
        """Return the newest line of each href, oldest first."""
        return self.db.read(change_store.since, calendar.id, 0)

    def token(self, calendar: Calendar) -> str:
        return changes.token(self.calendar(calendar))

    def follow(
        self, calendar: Calendar, token: str, state: dict[str, str], *, limit: int | None = None
    ) -> tuple[str, dict[str, str]]:
        """Bring the etags by href that a reader knew at ``token`` to the present, page by page."""
        state = dict(state)
        while True:
            found = self.db.read(_since, calendar, token, limit)
            for change in found.changes:
                if change.op == "delete":
                    state.pop(change.href, None)
                else:
                    assert change.etag is not None
                    state[change.href] = change.etag
            token = found.token
            if not found.is_truncated:
                return token, state

    def index(self, calendar: Calendar, window: Window) -> list[tuple[str, datetime, datetime]]:
        """Return (href, start, end) of every occurrence in ``window``."""
        from gateway.domain.model import from_epoch_s
        from gateway.services import occurrence_index

        def read(tx: Transaction) -> list[tuple[str, datetime, datetime]]:
            fresh = calendar_store.get(tx, calendar.id)
            found = occurrence_index.spans(tx, fresh, window)
            names = {
                one.id: one.href for one in object_store.by_ids(tx, fresh.id, {s.object_id for s in found})
            }
            return [(names[s.object_id], from_epoch_s(s.start_ts), from_epoch_s(s.end_ts)) for s in found]

        return self.db.read(read)


def _since(tx: Transaction, calendar: Calendar, token: str, limit: int | None) -> changes.ChangeSet:
    return changes.since(tx, calendar_store.get(tx, calendar.id), token, limit=limit)


def vcalendar(*components: Iterable[str]) -> bytes:
    """Return a file of several components, given as lists of lines."""
    inner = [line for component in components for line in component]
    return lines("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Tests//EN", *inner, "END:VCALENDAR")
