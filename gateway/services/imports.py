"""Import of an iCalendar file: split by UID, write in small batches, repeat without duplicates.

Bad entries are listed with their reason and the rest goes on. Each batch is a transaction of its own,
short enough that other writers do not wait for it; a file that is interrupted half way is simply
imported again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from gateway.domain.errors import Clash, GatewayError, InvalidCalendarData, InvalidInput
from gateway.domain.ical import ImportEntry, parse_entry, split_import
from gateway.domain.model import Calendar, CalendarId, ConflictPolicy, ObjectKind
from gateway.services import objects
from gateway.services.limits import Limits
from gateway.services.objects import Origin
from gateway.services.prepare import Prepared, longest_s, prepare_parsed, refresh
from gateway.store import audit
from gateway.store import calendars as calendar_store
from gateway.store import objects as object_store
from gateway.store.database import Database, Transaction

_BATCH = 8  # a writer of another process waits for one batch at most
_PLAIN_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,180}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One entry that was not imported; ``line`` is the one to blame, or where the entry begins."""

    line: int
    uid: str | None
    reason: str


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What an import came to; grows while it runs."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    clashing: int = 0
    refused: list[Refused] = field(default_factory=list)
    unknown_zones: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Return how many entries were dealt with."""
        return self.added + self.updated + self.unchanged + len(self.refused)


def import_file(
    db: Database,
    calendar_id: CalendarId,
    data: bytes,
    *,
    origin: Origin,
    clock: Callable[[], datetime],
    limits: Limits,
    on_clash: ConflictPolicy = ConflictPolicy.WARN,
    kind: ObjectKind | None = None,
    progress: Callable[[ImportReport], None] = lambda _: None,
) -> ImportReport:
    """Import a file into a calendar.

    Args:
        db: the database; every batch is a write of its own.
        calendar_id: where to.
        data: the file; it may hold several VCALENDARs, any number of UIDs and a METHOD.
        origin: who imports.
        clock: the current instant, asked once per batch.
        limits: size and density of an object.
        on_clash: what a taken slot means; by default it is imported and counted, because what is
            imported has happened elsewhere.
        kind: of every object; None leaves it to X-CALGATE-KIND and the categories of the settings.
        progress: called after each batch.

    Returns:
        The counts and every refused entry.

    Raises:
        InvalidCalendarData: the file is no iCalendar at all.
        NotFound: the calendar is gone.
        StoreError: the database failed; the batches before are imported.
    """
    report = ImportReport()
    calendar = db.read(calendar_store.get, calendar_id)
    file = split_import(data, max_object_bytes=limits.max_object_bytes)
    report.unknown_zones.update(file.unknown_zones)
    entries = iter(file.entries)
    while batch := list(islice(entries, _BATCH)):
        now = clock()
        ready = list(_prepared(batch, calendar, report, limits=limits, now=now, kind=kind))
        outcome = db.write(
            _write_batch, calendar_id, ready, origin=origin, now=now, limits=limits, on_clash=on_clash
        )
        report.added += outcome.added
        report.updated += outcome.updated
        report.unchanged += outcome.unchanged
        report.clashing += outcome.clashing
        report.refused += outcome.refused
        progress(report)
    db.write(
        audit.record,
        actor=origin.label,
        action="calendar.import",
        target_kind="resource",
        target=calendar.resource.slug,
        detail={"added": report.added, "updated": report.updated, "refused": len(report.refused)},
        now=clock(),
    )
    return report


def href_of(uid: str) -> str:
    """Return the href under which an imported UID is stored: readable where it can be."""
    if _PLAIN_UID.fullmatch(uid):
        return f"{uid}.ics"
    return f"{hashlib.sha256(uid.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}.ics"


def _prepared(
    batch: Sequence[ImportEntry],
    calendar: Calendar,
    report: ImportReport,
    *,
    limits: Limits,
    now: datetime,
    kind: ObjectKind | None,
) -> Iterator[tuple[ImportEntry, Prepared]]:
    for entry in batch:
        try:
            parsed = parse_entry(entry, max_bytes=limits.max_object_bytes)
            prepared = prepare_parsed(parsed, calendar, limits=limits, now=now, kind=kind)
        except GatewayError as error:
            report.refused.append(_refused(entry, error))
            continue
        report.notes += entry.notes
        report.unknown_zones.update(prepared.parsed.zone_problems)
        yield entry, prepared


def _refused(entry: ImportEntry, error: GatewayError) -> Refused:
    if not isinstance(error, InvalidCalendarData):
        return Refused(line=entry.line, uid=entry.uid, reason=str(error))
    place = f"{error.property_name}: " if error.property_name else ""
    return Refused(line=error.line or entry.line, uid=entry.uid, reason=f"{place}{error.reason}")


def _write_batch(
    tx: Transaction,
    calendar_id: CalendarId,
    ready: Sequence[tuple[ImportEntry, Prepared]],
    *,
    origin: Origin,
    now: datetime,
    limits: Limits,
    on_clash: ConflictPolicy,
) -> ImportReport:
    outcome = ImportReport()
    calendar = objects.lock(tx, calendar_id)
    objects.expire_holds(tx, calendar, now=now)
    stored = {one.uid: one for one in object_store.by_uids(tx, calendar_id, [p.parsed.uid for _, p in ready])}
    for entry, prepared in ready:
        existing = stored.get(prepared.parsed.uid)
        href = existing.href if existing else _free_href(tx, calendar_id, prepared.parsed.uid)
        try:
            with tx.savepoint():
                fresh = refresh(prepared, calendar, limits)
                result = objects.store(
                    tx,
                    calendar,
                    href,
                    fresh,
                    existing,
                    origin=origin,
                    now=now,
                    limits=limits,
                    on_clash=on_clash,
                )
        except (Clash, InvalidInput) as error:
            outcome.refused.append(_refused(entry, error))
            continue
        # The next one's check must look far enough back to see this one.
        calendar = replace(calendar, max_duration_s=max(calendar.max_duration_s, longest_s(fresh)))
        outcome.clashing += bool(result.clashes)
        if not result.is_changed:
            outcome.unchanged += 1
        elif result.is_created:
            outcome.added += 1
        else:
            outcome.updated += 1
    return outcome


def _free_href(tx: Transaction, calendar_id: CalendarId, uid: str) -> str:
    href = href_of(uid)
    attempt = 0
    while object_store.by_href(tx, calendar_id, href) is not None:
        attempt += 1
        digest = hashlib.sha256(f"{attempt}:{uid}".encode("utf-8", "surrogatepass")).hexdigest()
        href = f"{digest[:40]}.ics"
    return href
