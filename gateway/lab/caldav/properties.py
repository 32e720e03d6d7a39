"""Properties of everything that has an address, as XML; what is not known answers 404 in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from gateway.lab.caldav import paths
from gateway.lab.caldav.quirks import shown_etag

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Calendar, Person, Resource
    from gateway.lab.caldav.world import Dav

D, C, A = "DAV:", "urn:ietf:params:xml:ns:caldav", "http://apple.com/ns/ical/"
HEAD = f'<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="{D}" xmlns:C="{C}" xmlns:A="{A}">'
FOOT = "</D:multistatus>"
Values = dict[str, str]
"""Clark name -> inner XML."""


def response(href: str, asked: list[str], known: Values) -> str:
    """Return one response: what is known under 200, the rest under 404; everything where nothing is asked."""
    names = asked or list(known)
    found = "".join(element(name, known[name]) for name in names if name in known)
    lacking = "".join(element(name, "") for name in names if name not in known)
    parts = [_propstat(found, "200 OK")] if found or not lacking else []
    parts += [_propstat(lacking, "404 Not Found")] if lacking else []
    return f"<D:response><D:href>{escape(href)}</D:href>{''.join(parts)}</D:response>"


def gone(href: str, status: str = "404 Not Found") -> str:
    """Return a response with a status of its own."""
    return f"<D:response><D:href>{escape(href)}</D:href><D:status>HTTP/1.1 {status}</D:status></D:response>"


def _propstat(inner: str, status: str) -> str:
    return f"<D:propstat><D:prop>{inner}</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>"


def element(clark: str, inner: str) -> str:
    """Return an element by its Clark name."""
    space, _, name = clark[1:].partition("}")
    prefix = {D: "D", C: "C", A: "A"}.get(space)
    if prefix is None:
        return f'<X:{name} xmlns:X="{escape(space)}">{inner}</X:{name}>'
    return f"<{prefix}:{name}>{inner}</{prefix}:{name}>"


def _href(path: str) -> str:
    return f"<D:href>{escape(path)}</D:href>"


def of_root(person: Person) -> Values:
    """Return what the root says."""
    return {
        f"{{{D}}}resourcetype": "<D:collection/>",
        f"{{{D}}}current-user-principal": _href(paths.principal(person.login)),
    }


def of_principal(person: Person) -> Values:
    """Return what a person's address says."""
    addresses = _href(f"mailto:{person.address}") + _href(paths.principal(person.login))
    return {
        f"{{{D}}}resourcetype": "<D:collection/><D:principal/>",
        f"{{{D}}}displayname": escape(person.name or person.login),
        f"{{{D}}}current-user-principal": _href(paths.principal(person.login)),
        f"{{{C}}}calendar-home-set": _href(paths.home(person.login)),
        f"{{{C}}}calendar-user-address-set": addresses,
        f"{{{C}}}schedule-outbox-URL": _href(f"{paths.home(person.login)}outbox/"),
    }


def of_home(person: Person) -> Values:
    """Return what a calendar home says."""
    return {
        f"{{{D}}}resourcetype": "<D:collection/>",
        f"{{{D}}}displayname": escape(person.name or person.login),
        f"{{{D}}}current-user-principal": _href(paths.principal(person.login)),
        f"{{{D}}}current-user-privilege-set": _privileges("all"),
    }


def of_calendar(dav: Dav, calendar: Calendar) -> Values:
    """Return what a calendar says; a sync token only where the switch is on."""
    known = {
        f"{{{D}}}resourcetype": "<D:collection/><C:calendar/>",
        f"{{{D}}}displayname": escape(calendar.name),
        f"{{{D}}}current-user-privilege-set": _privileges("read" if calendar.read_only else "all"),
        f"{{{C}}}supported-calendar-component-set": "".join(
            f'<C:comp name="{name}"/>' for name in calendar.components
        ),
        "{http://calendarserver.org/ns/}getctag": str(calendar.seq),
    }
    for name, value in (
        (f"{{{A}}}calendar-color", calendar.color),
        (f"{{{C}}}calendar-description", calendar.description),
        (f"{{{C}}}calendar-timezone", calendar.timezone),
    ):
        if value:
            known[name] = escape(value)
    reports = ["C:calendar-query", "C:calendar-multiget"]
    if dav.lab.settings.dav_sync_collection:
        reports.append("D:sync-collection")
        known[f"{{{D}}}sync-token"] = dav.token(calendar)
    known[f"{{{D}}}supported-report-set"] = "".join(
        f"<D:supported-report><D:report><{name}/></D:report></D:supported-report>" for name in reports
    )
    return known


def of_resource(dav: Dav, resource: Resource, *, data: bool = False) -> Values:
    """Return what an object says; its data only to a report."""
    known = {
        f"{{{D}}}resourcetype": "",
        f"{{{D}}}getcontenttype": "text/calendar; component=VEVENT",
    }
    etag = shown_etag(resource, dav.lab.settings)
    if etag is not None:
        known[f"{{{D}}}getetag"] = escape(etag)
    if data:
        known[f"{{{C}}}calendar-data"] = escape(resource.body).replace("\r", "&#13;")
    return known


def _privileges(*names: str) -> str:
    return "".join(f"<D:privilege><D:{name}/></D:privilege>" for name in names)
