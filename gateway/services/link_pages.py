"""What the minimal pages need: a person's own accounts, the resources she manages, one object's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import text_of
from gateway.domain.link_model import Account, AccountState, Direction, Link, LinkState
from gateway.domain.model import (
    Calendar,
    CalendarObject,
    Classification,
    Level,
    Principal,
    Resource,
    Window,
)
from gateway.domain.recurrence import expand
from gateway.providers.contract import marker_of
from gateway.services import access
from gateway.services.access import HomeEntry
from gateway.services.links import problem_of
from gateway.services.plan_summary import summary
from gateway.store import accounts as account_store
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import resources as resource_store
from gateway.store import sync_log
from gateway.store.database import Transaction

_SENTENCES = {
    LinkState.FIRST_SYNC: "The first sync is under way; everything that is there already is being compared.",
    LinkState.ACTIVE: "Linked. Changes arrive within moments.",
    LinkState.PAUSED: "Paused.",
    LinkState.RESTORED: "Restored from a backup: an operator must approve a plan first.",
    LinkState.WAITING: "A large deletion waits for an operator.",
    LinkState.MISSING: "The calendar is gone at the provider; choose another one.",
    LinkState.FORBIDDEN: "The account may not write into that calendar.",
    LinkState.BROKEN: "Stopped by an error; see the log of the server.",
}


_WAITS = "Copies of ours are in that calendar already. Nothing is written before you say so."


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A link as its page shows it."""

    link: Link
    resource: Resource
    copies: int
    parked: int
    sentence: str
    problem: str | None
    plan: str | None = None  # uuid of one that the person herself may apply
    summary: str | None = None

    @property
    def is_running(self) -> bool:
        """Return whether the page should look again."""
        return self.link.state is LinkState.FIRST_SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPage:
    """One object as a person may see it."""

    title: str
    resource: str
    kind: str
    when: str | None = None
    place: str | None = None
    text: str | None = None


def own_account(tx: Transaction, person: Principal, account_uuid: str) -> Account:
    """Return an account of this person.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    found = [one for one in account_store.by_uuid(tx, account_uuid) if one.uuid == account_uuid]
    if not found or found[0].owner_id != person.id:
        raise NotFound("There is no such account.")
    return found[0]


def managed(tx: Transaction, person: Principal, *, face: str) -> list[HomeEntry]:
    """Return the resources that a person manages."""
    return [one for one in access.home(tx, person, face=face) if one.level is Level.MANAGE]


def managed_calendar(tx: Transaction, person: Principal, slug: str, *, face: str) -> Calendar:
    """Return the calendar of a resource that a person manages.

    Raises:
        NotFound: there is none of that name, or she does not manage it.
    """
    found = access.resolve(tx, person, slug, face=face)
    if found is None or found.level is not Level.MANAGE:
        raise NotFound("You manage no resource of that name.")
    return calendar_store.get(tx, found.calendar_id)


def direction_of(word: str) -> Direction:
    """Return a direction.

    Raises:
        InvalidInput: there is none of that name.
    """
    try:
        return Direction(word)
    except ValueError:
        raise InvalidInput("A direction is push, pull or both.") from None


def progress(tx: Transaction, account: Account, link_uuid: str) -> Progress:
    """Return how a link of an account is doing.

    Raises:
        NotFound: the account has no such link.
    """
    found = [one for one in link_store.by_uuid(tx, link_uuid) if one.uuid == link_uuid]
    if not found or found[0].account_id != account.id:
        raise NotFound("There is no such link.")
    link = found[0]
    plan = sync_log.newest_plan(tx, link.id, state="open") if may_apply(link) else None
    sentence = _WAITS if plan is not None else _SENTENCES[link.state]
    if account.state is not AccountState.CONNECTED:
        sentence = "Nothing is copied until the account is connected again; what changes meanwhile is kept."
    return Progress(
        link=link,
        resource=calendar_store.get(tx, link.calendar_id).resource,
        copies=mapping_store.count(tx, link.id),
        parked=sync_log.count_parked(tx, link.id),
        sentence=sentence,
        problem=None if plan is not None else problem_of(link, account),
        plan=plan["uuid"] if plan is not None else None,
        summary=summary(plan["items"]) if plan is not None else None,
    )


def may_apply(link: Link) -> bool:
    """Return whether who made a link may apply its plan: it is new; after a restore an operator decides."""
    return link.state is LinkState.RESTORED and link.synced_at_utc is None


def object_page(
    tx: Transaction, person: Principal, resource_uuid: str, marker: str, *, face: str, now: datetime
) -> ObjectPage:
    """Return the object behind a back link as a person may see it.

    Raises:
        NotFound: there is none, or she may not see the resource: the same answer, so that nothing is told.
    """
    resource = resource_store.by_uuid(tx, resource_uuid)
    level = access.level_on(tx, person, resource.id, face=face) if resource is not None else None
    if resource is None or level is None:
        raise NotFound("There is nothing here.")
    calendar = calendar_store.of_resource(tx, resource.id)
    uids = [uid for uid in object_store.uids(tx, calendar.id) if marker_of(uid) == marker]
    stored = object_store.by_uid(tx, calendar.id, uids[0]) if uids else None
    if stored is None:
        raise NotFound("There is nothing here.")
    when = _next(stored, calendar, now)
    is_private = stored.classification is not Classification.PUBLIC
    is_own = stored.creator_id is not None and stored.creator_id == person.id
    if level < Level.READ or (is_private and level is not Level.MANAGE and not is_own):
        return ObjectPage(title="Busy", resource=resource.name, kind=stored.kind.value, when=when)
    parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
    first = parsed.components[0]
    return ObjectPage(
        title=(text_of(first, "SUMMARY") or "").strip() or "(no title)",
        resource=resource.name,
        kind=stored.kind.value,
        when=when,
        place=text_of(first, "LOCATION"),
        text=text_of(first, "DESCRIPTION"),
    )


def _next(stored: CalendarObject, calendar: Calendar, now: datetime) -> str | None:
    parsed = parse_object(stored.ical, max_bytes=len(stored.ical))
    zone = ZoneInfo(calendar.resource.zone)
    window = Window(start=now - timedelta(days=366), end=now + timedelta(days=731))
    found = expand(parsed, zone=zone, window=window, limit=10_000).occurrences
    if not found:
        return None
    ahead = [one for one in found if one.end > now]
    one = ahead[0] if ahead else found[-1]
    start, end = one.start.astimezone(zone), one.end.astimezone(zone)
    if one.is_all_day:
        return f"{start:%A %d %B %Y}, all day"
    return f"{start:%A %d %B %Y, %H:%M} to {end:%H:%M} ({zone.key})"
