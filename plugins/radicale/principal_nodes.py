"""Principals beside the person herself: the people, rooms and equipment whose calendars she may see.

They lie at ``/@principals/<slug>/``; no login begins with ``@``. The slug is that of her home, so that
nobody learns names from it, and what she has no right on is not there (RFC 3744 §2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.model import Principal, PrincipalId, ResourceKind
from gateway.services import principals
from gateway.services.access import HomeEntry
from plugins.radicale import access_control, supported
from plugins.radicale.names import CALSERVER, caldav, dav, text
from plugins.radicale.problems import not_found
from plugins.radicale.requests import PRINCIPALS, Request, Target

# RFC 5545 §3.2.3 in the words of RFC 6638 §2.4.2.
_TYPES = {
    ResourceKind.PERSON: "INDIVIDUAL",
    ResourceKind.ROOM: "ROOM",
    ResourceKind.EQUIPMENT: "RESOURCE",
}
_NOBODY = PrincipalId(0)
EMAILS = f"{{{CALSERVER}}}email-address-set"


@dataclass(slots=True, kw_only=True)
class Known:
    """A principal as the person who asks may know it; ``entry`` is None for herself."""

    name: str
    email: str | None
    type: str
    href: str
    target: Target
    entry: HomeEntry | None


@dataclass(slots=True, kw_only=True)
class PrincipalNode:
    """Somebody else's principal under PROPFIND."""

    request: Request
    known: Known


def herself(request: Request) -> Known:
    """Return the person who asks."""
    person: Principal = request.principal
    return Known(
        name=person.name,
        email=person.email,
        type="INDIVIDUAL",
        href=request.home_href,
        target=Target(person.login),
        entry=None,
    )


def others(request: Request) -> list[Known]:
    """Return whom the person may know beside herself: resources on which she has any right."""
    home = request.session.home(request.principal)
    return _known(request, [entry for entry in home if not entry.resource.is_personal])


def find(request: Request, slug: str) -> Known:
    """Return one of them.

    Raises:
        Problem: 404, whether it does not exist or may not be known.
    """
    entry = request.session.entry(request.principal, slug)
    if entry is None or entry.resource.is_personal:
        raise not_found("There is no such principal.")
    return _known(request, [entry])[0]


def _known(request: Request, entries: Sequence[HomeEntry]) -> list[Known]:
    """Return the principals of resources; a schedule without a mail address has that of its person."""
    owners = {
        entry.calendar_id: entry.resource.owner_id
        for entry in entries
        if entry.resource.kind is ResourceKind.PERSON and entry.resource.owner_id is not None
    }
    mail = principals.addresses_of(request.session.tx, owners.values()) if owners else {}
    return [
        Known(
            name=entry.resource.name,
            email=entry.resource.email or mail.get(owners.get(entry.calendar_id, _NOBODY)),
            type=_TYPES[entry.resource.kind],
            href=request.href(PRINCIPALS, entry.slug),
            target=Target(PRINCIPALS, entry.slug),
            entry=entry,
        )
        for entry in entries
    ]


def addresses(email: str | None, href: str) -> str:
    """Return the inner XML of calendar-user-address-set."""
    mail = f'<D:href preferred="1">mailto:{text(email)}</D:href>' if email else ""
    return f"{mail}<D:href>{href}</D:href>"


def emails(email: str | None) -> str | None:
    """Return the inner XML of Apple's email-address-set."""
    return f"<CS:email-address>{text(email)}</CS:email-address>" if email else None


def _href(href: str) -> str:
    return f"<D:href>{href}</D:href>"


def _acl(node: PrincipalNode) -> str:
    return access_control.acl(node.request.home_href, access_control.folder_privileges())


PRINCIPAL: Mapping[str, Callable[[PrincipalNode], str | None]] = {
    dav("resourcetype"): lambda _node: "<D:principal/>",
    dav("displayname"): lambda node: text(node.known.name),
    dav("principal-URL"): lambda node: _href(node.known.href),
    dav("alternate-URI-set"): lambda _node: "",
    dav("group-membership"): lambda _node: "",
    dav("current-user-principal"): lambda node: _href(node.request.home_href),
    dav("principal-collection-set"): lambda node: _href(node.request.href()),
    dav("current-user-privilege-set"): lambda _node: access_control.folder_privileges(),
    dav("supported-privilege-set"): lambda _node: access_control.SUPPORTED,
    dav("acl"): _acl,
    dav("acl-restrictions"): lambda _node: access_control.RESTRICTIONS,
    dav("supported-report-set"): lambda _node: supported.reports("principal"),
    dav("supported-method-set"): lambda _node: supported.methods("principal"),
    caldav("calendar-user-address-set"): lambda node: addresses(node.known.email, node.known.href),
    caldav("calendar-user-type"): lambda node: node.known.type,
    EMAILS: lambda node: emails(node.known.email),
}
