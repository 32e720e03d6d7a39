"""Bodies of requests, from the elements of the caldav library; one function per question."""

from __future__ import annotations

from collections.abc import Iterable

from caldav.elements import cdav, dav, ical
from caldav.elements.base import BaseElement
from lxml import etree

CALENDAR = "{urn:ietf:params:xml:ns:caldav}"
APPLE = "{http://apple.com/ns/ical/}"


class PrivilegeSet(BaseElement):
    """RFC 3744 §5.4."""

    tag = "{DAV:}current-user-privilege-set"


class ComponentSet(BaseElement):
    """RFC 4791 §5.2.3, asked for."""

    tag = f"{CALENDAR}supported-calendar-component-set"


def _text(element: BaseElement) -> str:
    return str(etree.tostring(element.xmlelement(), encoding="unicode"))


def _of(element: BaseElement, *children: BaseElement) -> BaseElement:
    return element.append(children)


def propfind(*properties: BaseElement) -> str:
    """Ask for properties."""
    return _text(_of(dav.Propfind(), _of(dav.Prop(), *properties)))


def principal() -> str:
    """Ask who is signed in and where the calendars are."""
    return propfind(
        dav.CurrentUserPrincipal(),
        cdav.CalendarHomeSet(),
        cdav.CalendarUserAddressSet(),
        dav.DisplayName(),
        dav.ResourceType(),
    )


def calendar() -> str:
    """Ask what a calendar is called and what may be done with it."""
    return propfind(
        dav.ResourceType(),
        dav.DisplayName(),
        ical.CalendarColor(),
        cdav.CalendarTimeZone(),
        ComponentSet(),
        PrivilegeSet(),
        dav.SupportedReportSet(),
        dav.SyncToken(),
    )


def etags() -> str:
    """Ask for the ETags of everything in a collection."""
    return propfind(dav.GetEtag(), dav.ResourceType())


def sync_collection(token: str | None) -> str:
    """Ask what has changed (RFC 6578 §3.2)."""
    asked = _of(dav.Prop(), dav.GetEtag())
    return _text(_of(dav.SyncCollection(), dav.SyncToken(value=token or ""), dav.SyncLevel(value="1"), asked))


def multiget(hrefs: Iterable[str]) -> str:
    """Ask for objects by their addresses (RFC 4791 §7.9)."""
    return _text(_of(cdav.CalendarMultiGet(), _data(), *(dav.Href(href) for href in hrefs)))


def by_uid(uid: str) -> str:
    """Ask for the objects with a UID (RFC 4791 §7.8.6)."""
    wanted = _of(cdav.PropFilter("UID"), cdav.TextMatch(uid, collation="i;octet"))
    inside = _of(cdav.CompFilter("VCALENDAR"), _of(cdav.CompFilter("VEVENT"), wanted))
    return _text(_of(cdav.CalendarQuery(), _data(), _of(cdav.Filter(), inside)))


def _data() -> BaseElement:
    return _of(dav.Prop(), dav.GetEtag(), cdav.CalendarData())


def look(name: str | None, description: str | None, zone: str | None, color: str | None) -> BaseElement:
    """Return the properties of a calendar that are not None; ``zone`` is a VTIMEZONE in a VCALENDAR."""
    values = (
        (dav.DisplayName, name),
        (cdav.CalendarDescription, description),
        (cdav.CalendarTimeZone, zone),
        (ical.CalendarColor, color),
    )
    return _of(dav.Prop(), *(element(value) for element, value in values if value is not None))


def mkcalendar(prop: BaseElement) -> str:
    """Make a calendar of events (RFC 4791 §5.3.1)."""
    events = _of(cdav.SupportedCalendarComponentSet(), cdav.Comp("VEVENT"))
    return _text(_of(cdav.Mkcalendar(), _of(dav.Set(), _of(prop, events))))


def proppatch(prop: BaseElement) -> str:
    """Change properties."""
    return _text(_of(dav.PropertyUpdate(), _of(dav.Set(), prop)))
