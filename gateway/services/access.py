"""Who may see what: a person's calendar home and her level on each resource.

The highest of these counts: MANAGE on what she owns, and her own or her groups' grants on the resource or
on its department. Being an administrator gives no right on any calendar by itself. Each function needs
at most two statements, however many resources there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.model import Calendar, CalendarId, Level, Principal, PrincipalId, Resource, ResourceId
from gateway.domain.people import ALIAS_SUFFIX
from gateway.store import grants
from gateway.store.database import Transaction
from gateway.store.grants import GrantRow


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeEntry:
    """One calendar as one person sees it: ``slug`` names it in her home and nowhere else.

    ``calendar`` is as it was when her right was looked up.
    """

    calendar: Calendar
    slug: str
    level: Level

    @property
    def resource(self) -> Resource:
        """Return whose calendar it is."""
        return self.calendar.resource

    @property
    def calendar_id(self) -> CalendarId:
        """Return the id of the calendar."""
        return self.calendar.id


def home(tx: Transaction, principal: Principal, *, face: str) -> tuple[HomeEntry, ...]:
    """Return every calendar that a person may see on this face, by slug, with her level."""
    found = grants.reachable(tx, principal.id)
    rows = grants.of_principal(tx, principal.id) if found else []
    slugs = home_slugs([each.resource for each in found], principal.id)
    return tuple(sorted(_entries(found, rows, slugs, principal, face), key=lambda entry: entry.slug))


def resolve(tx: Transaction, principal: Principal, slug: str, *, face: str) -> HomeEntry | None:
    """Return what ``slug`` means in a person's home, or None where she may not see it or it is not there."""
    suffix = ALIAS_SUFFIX.search(slug)
    base, digits = (slug[: suffix.start()], suffix.group(1)) if suffix else (None, None)
    found = grants.candidates(tx, principal.id, slug=slug, base=base, digits=digits)
    if not found:
        return None
    only = [each.resource for each in found]
    # What is hers needs no grant.
    others = [each for each in only if each.owner_id != principal.id]
    rows = grants.of_principal(tx, principal.id, resources_only=others) if others else []
    slugs = home_slugs(only, principal.id)
    for entry in _entries(found, rows, slugs, principal, face):
        if entry.slug == slug:
            return entry
    return None


def level_on(tx: Transaction, principal: Principal, resource_id: ResourceId, *, face: str) -> Level | None:
    """Return a person's level on one resource on this face, or None for no right at all."""
    found = grants.one(tx, resource_id)
    if not found:
        return None
    resource = found[0].resource
    rows = grants.of_principal(tx, principal.id, resources_only=[resource])
    return effective_level(resource, principal.id, rows, face=face)


def home_slugs(resources: Sequence[Resource], principal_id: PrincipalId) -> dict[ResourceId, str]:
    """Return under which slug each resource lies in a person's home: pure, and unique within it.

    Her own calendars keep their slug. Shared resources keep theirs unless an own calendar has it. Other
    people's calendars always carry the first eight digits of their uuid, as their slugs are not hers.
    """
    own = {each.slug for each in resources if _is_own(each, principal_id)}
    slugs: dict[ResourceId, str] = {}
    for each in resources:
        keeps = _is_own(each, principal_id) or (not each.is_personal and each.slug not in own)
        slugs[each.id] = each.slug if keeps else f"{each.slug}--{each.uuid[:8]}"
    return slugs


def effective_level(
    resource: Resource, principal_id: PrincipalId, rows: Iterable[GrantRow], *, face: str
) -> Level | None:
    """Return the highest level that ownership and grants give on this face: pure."""
    if resource.owner_id == principal_id:
        return Level.MANAGE
    levels = [
        row.level
        for row in rows
        if (not row.faces or face in row.faces)
        and (
            row.resource_id == resource.id
            or (row.department_id is not None and row.department_id == resource.department_id)
        )
    ]
    return max(levels, default=None)


def _is_own(resource: Resource, principal_id: PrincipalId) -> bool:
    return resource.is_personal and resource.owner_id == principal_id


def _entries(
    found: Sequence[Calendar],
    rows: Sequence[GrantRow],
    slugs: dict[ResourceId, str],
    principal: Principal,
    face: str,
) -> Iterable[HomeEntry]:
    on_resource: dict[int, list[GrantRow]] = {}
    on_department: dict[int, list[GrantRow]] = {}
    for row in rows:
        if row.resource_id is not None:
            on_resource.setdefault(row.resource_id, []).append(row)
        elif row.department_id is not None:
            on_department.setdefault(row.department_id, []).append(row)
    for calendar in found:
        resource = calendar.resource
        touching = on_resource.get(resource.id, []) + on_department.get(resource.department_id or -1, [])
        level = effective_level(resource, principal.id, touching, face=face)
        if level is not None:
            yield HomeEntry(calendar=calendar, slug=slugs[resource.id], level=level)
