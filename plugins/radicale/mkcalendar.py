"""MKCALENDAR (RFC 4791 §5.3.1) and extended MKCOL (RFC 5689): a person makes a calendar in her home."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from gateway.domain.errors import AlreadyExists, GatewayError
from gateway.domain.model import COMPONENTS
from gateway.services import Transaction, access, calendar_properties, resources
from gateway.services.calendars import set_components
from plugins.radicale import settable, zones
from plugins.radicale.mkcol_response import RefusedProperties
from plugins.radicale.names import caldav, dav
from plugins.radicale.problems import Answer, Problem, forbidden
from plugins.radicale.proppatch import Changes, as_xml, is_protected, plain_fields, read_changes
from plugins.radicale.requests import Request
from plugins.radicale.session import FACE

_SET = caldav("supported-calendar-component-set")
_TYPE = dav("resourcetype")


def handle(request: Request) -> Answer:
    """Answer MKCALENDAR or MKCOL."""
    target = request.target
    request.check_home()
    if target.slug is None:
        raise Problem(405, "Your calendar home is there already.", "<D:resource-must-be-null/>")
    if target.name is not None:
        raise Problem(403, "Calendars lie directly in your home.", "<C:calendar-collection-location-ok/>")
    if not request.handle.settings.personal_calendars:
        raise forbidden("People do not make calendars of their own here.", "bind", request.home_href)
    changes = _wanted(request)
    asked = tuple(changes)
    try:
        components, zone = _components(changes.pop(_SET, None)), _zone(changes)
        _check_protected(changes)
    except _Refused as refusal:
        raise _told(request, refusal, asked) from None
    request.handle.db.write(_make, request, target.slug, changes, components, zone)
    return Answer(201, {"Cache-Control": "no-cache"})


class _Refused(Exception):
    """These properties cannot be set so."""

    def __init__(self, names: Sequence[str], message: str, condition: str) -> None:
        self.names, self.condition = names, condition
        super().__init__(message)


def _check_protected(changes: Changes) -> None:
    refused = [name for name in changes if is_protected(name)]
    if refused:
        raise _Refused(
            refused,
            f"The calendar was not made: {', '.join(sorted(refused))} cannot be set.",
            "<D:cannot-modify-protected-property/>",
        )


def _told(request: Request, refusal: _Refused, asked: Iterable[str]) -> RefusedProperties:
    others = [name for name in asked if name not in refusal.names]
    return RefusedProperties(request.method, refusal.names, others, refusal.condition, str(refusal))


def _wanted(request: Request) -> Changes:
    root = request.xml()
    is_calendar = request.method == "MKCALENDAR"
    if root is None:
        if not is_calendar:
            raise Problem(403, "Only calendars can be made here; use MKCALENDAR.", "<D:valid-resourcetype/>")
        return {}
    if root.tag not in {caldav("mkcalendar"), dav("mkcol")}:
        raise Problem(400, "The body begins with CALDAV:mkcalendar or DAV:mkcol.")
    changes = read_changes(root)
    kind = changes.pop(_TYPE, None)
    kinds = {child.tag for child in kind} if kind is not None else set()
    if not is_calendar and caldav("calendar") not in kinds:
        refusal = _Refused([_TYPE], "Only calendars can be made here.", "<D:valid-resourcetype/>")
        raise _told(request, refusal, changes)
    return changes


def _components(node: ET.Element | None) -> tuple[str, ...]:
    if node is None:
        return COMPONENTS
    names = [(child.get("name") or "").upper() for child in node]
    kept = tuple(name for name in COMPONENTS if name in names)
    if not kept:
        raise _Refused(
            [_SET], f"A calendar takes {', '.join(COMPONENTS)}.", "<C:supported-calendar-component/>"
        )
    return kept


def _zone(changes: Changes) -> str | None:
    """Return the IANA name of the zone that the body gives."""
    refused = settable.refused(changes)
    if refused:
        _, condition = next(iter(refused.values()))
        raise _Refused(tuple(refused), "A property cannot have this value.", condition)
    zone = settable.zone_of(changes)
    for name in (zones.ZONE, zones.ZONE_ID):
        changes.pop(name, None)
    return zone.key if zone is not None else None


def _make(
    tx: Transaction,
    request: Request,
    slug: str,
    changes: Changes,
    components: tuple[str, ...],
    zone: str | None,
) -> None:
    principal, now = request.principal, request.handle.clock()
    if access.resolve(tx, principal, slug, face=FACE) is not None:
        raise AlreadyExists("There is already a calendar of this name in your home.")
    fields = plain_fields(changes)
    made = resources.add_personal(
        tx,
        principal,
        slug,
        name=fields.get("name"),
        color=fields.get("color"),
        description=fields.get("description"),
        horizon=request.handle.limits.horizon(now),
        now=now,
    )
    if zone is not None:
        resources.set_(
            tx,
            resources.address(tx, made),
            limits=request.handle.limits,
            now=now,
            actor=principal.login,
            zone=zone,
        )
    entry = access.resolve(tx, principal, slug, face=FACE)
    if entry is None:
        raise GatewayError("The calendar was made and is not there.")
    set_components(tx, entry.calendar_id, components)
    kept = {name: as_xml(node) for name, node in changes.items() if node is not None}
    calendar_properties.change(tx, entry.calendar_id, principal, dict(kept))
