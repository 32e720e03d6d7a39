"""Resources: people, rooms and equipment, and the calendars that people make themselves."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.errors import AlreadyExists, InvalidInput, NotFound
from gateway.domain.model import CalendarId, ConflictPolicy, Principal, Resource, ResourceKind, Window
from gateway.domain.people import check_personal_slug, check_slug, normal_login
from gateway.services import departments
from gateway.services import principals as people
from gateway.services.limits import Limits
from gateway.services.principals import OPERATOR
from gateway.store import audit, calendars
from gateway.store import principals as store_principals
from gateway.store import resources as store
from gateway.store.database import Transaction

_COLOR = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")
_MAX_TEXT_CHARS = 255
_MAX_DESCRIPTION_CHARS = 10_000
_MAX_BUFFER_S = 7 * 86400
_MOVES_THE_INDEX = ("zone", "policy", "capacity", "buffer_before_s", "buffer_after_s")
_SHOWN_IN_FEEDS = ("name", "zone", "color", "location", "description")
_DEFAULT_POLICY = {
    ResourceKind.ROOM: ConflictPolicy.REFUSE,
    ResourceKind.EQUIPMENT: ConflictPolicy.REFUSE,
    ResourceKind.PERSON: ConflictPolicy.WARN,
}
FIELDS = (
    "name", "kind", "zone", "color", "location", "capacity", "seats", "opening_hours", "email", "department",
    "owner", "policy", "buffer_before_s", "buffer_after_s", "description",
)  # fmt: skip


def add(
    tx: Transaction,
    /,
    slug: str,
    *,
    kind: ResourceKind,
    horizon: Window,
    now: datetime,
    actor: str = OPERATOR,
    **fields: Any,  # Any: one of FIELDS each, checked below
) -> Resource:
    """Add a resource with its empty calendar.

    ``horizon`` is what its occurrence index covers; ``fields`` are those of ``set_``.

    Raises:
        InvalidName: the slug cannot be used.
        InvalidInput: a field cannot have this value.
        AlreadyExists: the slug is taken.
    """
    check_slug(slug)
    if store.by_slug(tx, slug) is not None:
        raise AlreadyExists(f"There is already a resource {slug}; choose another name.")
    fields = {"name": slug, "policy": _DEFAULT_POLICY[kind], **_given(fields)}
    columns = _columns(tx, fields, now=now, actor=actor)
    resource_id, _calendar_id = store.add(tx, slug=slug, kind=kind.value, horizon=horizon, now=now, **columns)
    _audit(tx, now, actor, "resource.add", slug, {"kind": kind.value})
    return _loaded(store.by_id(tx, resource_id))


def add_personal(
    tx: Transaction,
    owner: Principal,
    slug: str,
    *,
    name: str | None = None,
    color: str | None = None,
    description: str | None = None,
    horizon: Window,
    now: datetime,
) -> Resource:
    """Make a calendar in the home of a person (MKCALENDAR): a resource she manages.

    Raises:
        InvalidName: the name cannot be a path segment.
        AlreadyExists: she has one of this name.
    """
    check_personal_slug(slug)
    if store.personal(tx, owner.id, slug) is not None:
        raise AlreadyExists("There is already a calendar of this name.")
    fields = {"name": name or slug, "color": color, "description": description}
    columns = _columns(tx, _given(fields), now=now, actor=owner.login)
    resource_id, _calendar_id = store.add(
        tx,
        slug=slug,
        kind=ResourceKind.PERSON.value,
        horizon=horizon,
        now=now,
        is_personal=True,
        owner_id=owner.id,
        policy=ConflictPolicy.ALLOW.value,
        **columns,
    )
    _audit(tx, now, owner.login, "resource.add", f"{owner.login}/{slug}", {"is_personal": True})
    return _loaded(store.by_id(tx, resource_id))


def get(tx: Transaction, address: str) -> Resource:
    """Return a shared resource by its slug, or a personal calendar by ``LOGIN/SLUG``.

    Raises:
        NotFound: there is no such resource.
    """
    found: Resource | None
    if "/" in address:
        login, _, slug = address.partition("/")
        owner = people.find_by_login(tx, login)
        found = store.personal(tx, owner.id, slug) if owner else None
    else:
        found = store.by_slug(tx, address)
    if found is None:
        raise NotFound(f"There is no resource {address[:80]!r}; see `calgate resource list`.")
    return found


def calendar_id(tx: Transaction, address: str) -> CalendarId:
    """Return the id of a resource's calendar.

    Raises:
        NotFound: there is no such resource.
    """
    return calendars.of_resource(tx, get(tx, address).id).id


def list_(
    tx: Transaction, *, kind: ResourceKind | None = None, with_personal: bool = False
) -> list[Resource]:
    """Return resources by slug; personal calendars only where asked for."""
    return store.all_(tx, kind=kind, with_personal=with_personal)


def address(tx: Transaction, resource: Resource) -> str:
    """Return how the CLI names a resource: its slug, or ``LOGIN/SLUG``."""
    if not resource.is_personal:
        return resource.slug
    owner = store_principals.by_id(tx, resource.owner_id) if resource.owner_id is not None else None
    return f"{owner.login if owner else ''}/{resource.slug}"


def owner_logins(tx: Transaction, resources: list[Resource]) -> dict[int, str]:
    """Return the logins of the owners of these resources, by id."""
    return {int(key): login for key, login in store.owner_logins(tx, resources).items()}


def set_(
    tx: Transaction,
    address: str,
    *,
    limits: Limits,
    now: datetime,
    actor: str = OPERATOR,
    **fields: Any,  # Any: one of FIELDS each, checked below
) -> Resource:
    """Change the given fields; an empty string clears a field that may be empty.

    A new zone moves floating and all-day times, and policy, capacity and buffers decide what guards a slot:
    the occurrence index is rebuilt in this transaction.

    Raises:
        InvalidInput: a field is unknown or cannot have this value.
    """
    resource = get(tx, address)
    given = _given(fields)
    columns = _columns(tx, given, now=now, actor=actor)
    store.update_fields(tx, resource.id, **columns)
    changed = _loaded(store.by_id(tx, resource.id))
    if any(getattr(changed, name) != getattr(resource, name) for name in _SHOWN_IN_FEEDS):
        store.touch(tx, [resource.id], now=now)
        changed = _loaded(store.by_id(tx, resource.id))
    if any(getattr(changed, name) != getattr(resource, name) for name in _MOVES_THE_INDEX):
        _rebuild(tx, changed, limits=limits, now=now)
    if given:
        _audit(tx, now, actor, "resource.set", address, {"fields": sorted(given)})
    return changed


def remove(tx: Transaction, address: str, *, now: datetime, actor: str = OPERATOR) -> Resource:
    """Remove a resource with its calendar and everything in it."""
    resource = get(tx, address)
    store.remove(tx, resource.id)
    _audit(tx, now, actor, "resource.remove", address, {})
    return resource


def _rebuild(tx: Transaction, resource: Resource, *, limits: Limits, now: datetime) -> None:
    # Loaded here: most commands never expand anything.
    from gateway.services.occurrence_index import rebuild

    calendar = calendars.of_resource(tx, resource.id)
    rebuild(tx, calendar.id, horizon=limits.horizon(now))


def _loaded(resource: Resource | None) -> Resource:
    if resource is None:
        raise NotFound
    return resource


def _given(fields: dict[str, Any]) -> dict[str, Any]:  # Any: values of FIELDS
    return {key: value for key, value in fields.items() if value is not None}


# -- checks of single fields ------------------------------------------------------------------------


def _columns(
    tx: Transaction, fields: dict[str, Any], *, now: datetime, actor: str
) -> dict[str, object]:  # Any: values of FIELDS
    """Return the columns for the given fields, each checked."""
    columns: dict[str, object] = {}
    for key, value in fields.items():
        if key == "department":
            found = departments.ensure(tx, value, now=now, actor=actor) if value else None
            columns["department_id"] = found.id if found else None
        elif key == "owner":
            columns["owner_id"] = people.get(tx, normal_login(value)).id if value else None
        elif key in _CHECKS:
            columns[key] = _CHECKS[key](value)
        else:
            raise InvalidInput(f"A resource has no field {key!r}; there are {', '.join(FIELDS)}.")
    return columns


def check_zone(value: str) -> str | None:
    """Return an IANA zone, or None for the instance default.

    Raises:
        InvalidInput: there is no such zone.
    """
    if not value:
        return None
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"{value[:80]!r} is no IANA time zone; use e.g. Europe/Berlin.") from None
    return value


def _check_color(value: str) -> str | None:
    # Apple sends #RRGGBBAA; kept as sent.
    if value and not _COLOR.fullmatch(value):
        raise InvalidInput(f"{value[:80]!r} is no colour; use e.g. #3366cc.")
    return value or None


def _check_text(value: str) -> str | None:
    if len(value) > _MAX_TEXT_CHARS or not value.isprintable():
        raise InvalidInput(f"A text has at most {_MAX_TEXT_CHARS} printable characters.")
    return value.strip() or None


def _check_description(value: str) -> str | None:
    if len(value) > _MAX_DESCRIPTION_CHARS or "\0" in value:
        raise InvalidInput(f"A description has at most {_MAX_DESCRIPTION_CHARS} characters.")
    return value.strip() or None


def _check_capacity(value: int) -> int:
    if not 1 <= value <= 10_000:
        raise InvalidInput("A capacity (bookings at the same time) is 1 to 10000.")
    return value


def _check_seats(value: int) -> int | None:
    if not 0 <= value <= 1_000_000:
        raise InvalidInput("The number of seats is 1 to 1000000, or 0 for none.")
    return value or None


def _check_buffer(value: int) -> int:
    if not 0 <= value <= _MAX_BUFFER_S:
        raise InvalidInput("A buffer is 0 seconds to 7 days.")
    return value


_CHECKS: dict[str, Any] = {  # Any: each takes its field's own type
    "name": people.check_name,
    "kind": lambda value: ResourceKind(value).value,
    "zone": check_zone,
    "color": _check_color,
    "location": _check_text,
    "capacity": _check_capacity,
    "seats": _check_seats,
    "opening_hours": _check_description,
    "email": people.check_email,
    "policy": lambda value: ConflictPolicy(value).value,
    "buffer_before_s": _check_buffer,
    "buffer_after_s": _check_buffer,
    "description": _check_description,
}


def _audit(
    tx: Transaction, now: datetime, actor: str, action: str, target: str, detail: dict[str, object]
) -> None:
    audit.record(
        tx, now=now, actor=actor, action=action, target_kind="resource", target=target, detail=detail
    )
