"""Live properties of the root, the home (which is the principal) and calendars: name in, XML out.

Each table maps a name in Clark form to a function that returns the inner XML of the property, or None where
the property does not exist there. Objects have theirs in ``object_properties``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.domain.date_bounds import FIRST, LAST
from gateway.domain.jcal import MEDIA_TYPE
from gateway.domain.model import Calendar, Level
from plugins.radicale import access_control, home_token, principal_nodes, quota, supported, zones
from plugins.radicale.collations import COLLATIONS
from plugins.radicale.names import APPLE, CALSERVER, caldav, dav, text
from plugins.radicale.requests import Request
from plugins.radicale.view import View

_MIN_DATE_TIME = (
    f"{FIRST.isoformat().replace('-', '').replace(':', '')[:15]}Z"  # strftime writes year 1 short
)
_MAX_DATE_TIME = f"{LAST:%Y%m%dT%H%M%S}Z"
COLOR = f"{{{APPLE}}}calendar-color"
ORDER = f"{{{APPLE}}}calendar-order"
DISPLAY_NAME = dav("displayname")
DESCRIPTION = caldav("calendar-description")
# What a person may set on a calendar for herself, beside all names that nobody here knows.
PERSONAL = frozenset({COLOR, ORDER, DISPLAY_NAME, DESCRIPTION})


@dataclass(slots=True, kw_only=True)
class Folder:
    """The root or the home of the person who asks."""

    request: Request


@dataclass(slots=True, kw_only=True)
class CalendarNode:
    """A calendar as a person sees it; ``own``: what she has set on it for herself, as XML elements."""

    request: Request
    view: View
    calendar: Calendar
    own: Mapping[str, str] = field(default_factory=dict)


def _href(href: str) -> str:
    return f"<D:href>{href}</D:href>"


def _home_privileges(node: Folder) -> str:
    return access_control.folder_privileges(
        is_home=True, may_bind=node.request.handle.settings.personal_calendars
    )


def _calendar_acl(node: CalendarNode) -> str:
    return access_control.acl(node.request.home_href, access_control.privileges(node.view.entry.level))


FolderTable = Mapping[str, Callable[[Folder], str | None]]

ROOT: FolderTable = {
    dav("resourcetype"): lambda _node: "<D:collection/>",
    DISPLAY_NAME: lambda _node: "Calgate",
    dav("current-user-principal"): lambda node: _href(node.request.home_href),
    dav("principal-collection-set"): lambda node: _href(node.request.href()),
    dav("current-user-privilege-set"): lambda _node: access_control.folder_privileges(),
    dav("supported-privilege-set"): lambda _node: access_control.SUPPORTED,
    dav("acl"): lambda node: access_control.acl(node.request.home_href, access_control.folder_privileges()),
    dav("acl-restrictions"): lambda _node: access_control.RESTRICTIONS,
    dav("supported-report-set"): lambda _node: supported.reports("folder"),
    dav("supported-method-set"): lambda _node: supported.methods("folder"),
}

HOME: FolderTable = {
    dav("resourcetype"): lambda _node: "<D:collection/><D:principal/>",
    DISPLAY_NAME: lambda node: text(node.request.principal.name),
    dav("current-user-principal"): lambda node: _href(node.request.home_href),
    dav("principal-URL"): lambda node: _href(node.request.home_href),
    dav("owner"): lambda node: _href(node.request.home_href),
    dav("principal-collection-set"): lambda node: _href(node.request.href()),
    dav("alternate-URI-set"): lambda _node: "",
    dav("group-membership"): lambda _node: "",
    dav("current-user-privilege-set"): _home_privileges,
    dav("supported-privilege-set"): lambda _node: access_control.SUPPORTED,
    dav("acl"): lambda node: access_control.acl(node.request.home_href, _home_privileges(node)),
    dav("acl-restrictions"): lambda _node: access_control.RESTRICTIONS,
    dav("supported-report-set"): lambda _node: supported.reports("home"),
    dav("supported-method-set"): lambda _node: supported.methods("folder"),
    dav("sync-token"): lambda node: text(home_token.current(node.request)),
    dav("quota-used-bytes"): lambda node: quota.used_by_person(node.request),
    dav("quota-available-bytes"): lambda node: quota.available(node.request),
    caldav("calendar-home-set"): lambda node: _href(node.request.home_href),
    caldav("calendar-user-address-set"): lambda node: principal_nodes.addresses(
        node.request.principal.email, node.request.home_href
    ),
    caldav("calendar-user-type"): lambda _node: "INDIVIDUAL",
    principal_nodes.EMAILS: lambda node: principal_nodes.emails(node.request.principal.email),
}


def _token(node: CalendarNode) -> str:
    return text(node.view.token(node.calendar))


def _color(node: CalendarNode) -> str | None:
    color = node.view.entry.resource.color
    return text(color) if color else None


def _description(node: CalendarNode) -> str | None:
    if node.view.is_busy_only:
        return None
    description = node.view.entry.resource.description
    return text(description) if description else None


def _add_member(node: CalendarNode) -> str | None:
    """Return where to POST new objects (RFC 5995 §3.2.1): the calendar itself, for who may write in it."""
    entry = node.view.entry
    return _href(node.request.calendar_href(entry.slug)) if entry.level >= Level.WRITE else None


def _components(node: CalendarNode) -> str:
    names = ("VEVENT",) if node.view.is_busy_only else node.calendar.components
    return "".join(f'<C:comp name="{name}"/>' for name in names)


def _timezone(node: CalendarNode) -> str:
    return zones.vtimezone_text(node.view.entry.resource.zone, node.calendar)


CALENDAR: Mapping[str, Callable[[CalendarNode], str | None]] = {
    dav("resourcetype"): lambda _node: "<D:collection/><C:calendar/>",
    DISPLAY_NAME: lambda node: text(node.view.entry.resource.name),
    dav("owner"): lambda node: _href(node.request.home_href),
    dav("current-user-principal"): lambda node: _href(node.request.home_href),
    dav("principal-collection-set"): lambda node: _href(node.request.href()),
    dav("current-user-privilege-set"): lambda node: access_control.privileges(node.view.entry.level),
    dav("supported-privilege-set"): lambda _node: access_control.SUPPORTED,
    dav("acl"): _calendar_acl,
    dav("acl-restrictions"): lambda _node: access_control.RESTRICTIONS,
    dav("supported-report-set"): lambda _node: supported.reports("calendar"),
    dav("supported-method-set"): lambda _node: supported.methods("calendar"),
    dav("quota-used-bytes"): lambda node: quota.used_by_calendar(node.request, node.view),
    dav("quota-available-bytes"): lambda node: quota.available(node.request),
    dav("sync-token"): _token,
    dav("add-member"): _add_member,
    dav("getcontenttype"): lambda _node: "text/calendar; charset=utf-8",
    f"{{{CALSERVER}}}getctag": _token,
    COLOR: _color,
    ORDER: lambda _node: None,
    DESCRIPTION: _description,
    caldav("supported-calendar-component-set"): _components,
    caldav("supported-calendar-data"): lambda _node: "".join(
        f'<C:calendar-data content-type="{kind}" version="2.0"/>' for kind in ("text/calendar", MEDIA_TYPE)
    ),
    caldav("supported-collation-set"): lambda _node: "".join(
        f"<C:supported-collation>{name}</C:supported-collation>" for name in COLLATIONS
    ),
    caldav("max-resource-size"): lambda node: str(node.request.handle.limits.max_object_bytes),
    caldav("max-instances"): lambda node: str(node.request.handle.limits.max_instances),
    caldav("min-date-time"): lambda _node: _MIN_DATE_TIME,
    caldav("max-date-time"): lambda _node: _MAX_DATE_TIME,
    caldav("schedule-calendar-transp"): lambda _node: "<C:opaque/>",
    caldav("calendar-timezone"): _timezone,
    caldav("calendar-timezone-id"): lambda node: text(node.view.entry.resource.zone),
}

# RFC 3744 §5, RFC 4331 §3, RFC 4791 §5.2, RFC 6578 §4: not told by allprop.
_IN_ALLPROP = frozenset({dav("resourcetype"), DISPLAY_NAME, dav("getcontenttype"), COLOR, ORDER, DESCRIPTION})
NOT_IN_ALLPROP = (frozenset(CALENDAR) | frozenset(HOME) | frozenset(ROOT)) - _IN_ALLPROP
