"""Live properties of calendar objects, made for listings: per object one call of ``str.format``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.utils import format_datetime

from gateway.services.reading import Summary
from plugins.radicale import access_control, supported
from plugins.radicale.multistatus import status_line
from plugins.radicale.names import dav, element
from plugins.radicale.problems import quote_segment
from plugins.radicale.requests import Request
from plugins.radicale.view import View

MODIFIED, CREATED, LENGTH = dav("getlastmodified"), dav("creationdate"), dav("getcontentlength")
OF_THE_WHOLE_ROW = frozenset({MODIFIED, CREATED, LENGTH})
ALLPROP = (dav("getetag"), dav("getcontenttype"), dav("resourcetype"), MODIFIED, CREATED, LENGTH)
NAMES = (
    *ALLPROP,
    dav("owner"),
    dav("current-user-principal"),
    dav("current-user-privilege-set"),
    dav("principal-collection-set"),
    dav("supported-privilege-set"),
    dav("acl"),
    dav("acl-restrictions"),
    dav("supported-report-set"),
    dav("supported-method-set"),
)
_FIXED = {
    dav(name): f"<D:{name}>{inner}</D:{name}>"
    for name, inner in {
        "supported-privilege-set": access_control.SUPPORTED,
        "acl-restrictions": access_control.RESTRICTIONS,
        "supported-report-set": supported.reports("object"),
        "supported-method-set": supported.methods("object"),
    }.items()
}
_FIELDS = {
    dav("getetag"): "<D:getetag>{1}</D:getetag>",
    dav("getcontenttype"): "<D:getcontenttype>text/calendar; charset=utf-8; component={2}</D:getcontenttype>",
    dav("resourcetype"): "<D:resourcetype/>",
    MODIFIED: "<D:getlastmodified>{3}</D:getlastmodified>",
    CREATED: "<D:creationdate>{7}</D:creationdate>",
    LENGTH: "<D:getcontentlength>{6}</D:getcontentlength>",
    dav("current-user-privilege-set"): "<D:current-user-privilege-set>{4}</D:current-user-privilege-set>",
} | _FIXED
_KNOWN = frozenset(NAMES)
_SPECIAL = str.maketrans({"{": "{{", "}": "}}"})


def needs_times(names: Sequence[str]) -> bool:
    """Return whether properties tell when an object was made or changed."""
    return MODIFIED in names or CREATED in names


def template(
    request: Request,
    view: View,
    names: Sequence[str],
    *,
    is_names_only: bool = False,
    has_length: bool = True,
) -> str:
    """Return the response of one object as a format.

    Its fields: 0 the escaped name, 1 the entity tag, 2 the component, 3 the time of change, 4 what may be
    done with it, 5 XML of further properties, 6 the length of its text, 7 when it was made. Without
    ``has_length`` that is not told: of a masked object it would say how much is hidden. Other arguments: see
    ``renderer``.
    """
    base = request.calendar_href(view.entry.slug)
    told = [name for name in names if name in _KNOWN and (has_length or name != LENGTH)]
    good = "".join(element(name) if is_names_only else _written(name, request) for name in told)
    missing = [name for name in names if name not in told]
    bad = "".join(element(name).translate(_SPECIAL) for name in missing)
    whole = "<D:response><D:href>" + base.translate(_SPECIAL) + "{0}</D:href>"
    whole += f"<D:propstat><D:prop>{good}{{5}}</D:prop>{status_line(200)}</D:propstat>"
    if bad:
        whole += f"<D:propstat><D:prop>{bad}</D:prop>{status_line(404)}</D:propstat>"
    return whole + "</D:response>"


def _written(name: str, request: Request) -> str:
    """Return one known property as a format."""
    if (always := _FIELDS.get(name)) is not None:
        return always
    home = request.home_href
    if name == dav("acl"):
        return "<D:acl>" + access_control.acl(home, "{4}") + "</D:acl>"
    href = request.href() if name == dav("principal-collection-set") else home
    return element(name, f"<D:href>{href}</D:href>")


def renderer(
    request: Request, view: View, names: Sequence[str], *, is_names_only: bool = False
) -> Callable[[Summary, str], str]:
    """Return what writes the response of one object; its second argument is XML of further properties.

    Args:
        request: for hrefs.
        view: decides names, tags and privileges per object.
        names: the properties asked for; unknown ones come out as 404.
        is_names_only: they are named, without values.
    """
    write = template(request, view, names, is_names_only=is_names_only).format
    write_hidden = write
    if view.is_masked:
        write_hidden = template(request, view, names, is_names_only=is_names_only, has_length=False).format
    own = access_control.privileges(view.entry.level)
    masked = access_control.privileges(view.entry.level, is_masked=True)
    has_times = needs_times(names)

    def render(item: Summary, inner: str = "") -> str:
        when = made = ""
        if has_times and item.modified_at_utc is not None and item.created_at_utc is not None:
            when = format_datetime(item.modified_at_utc, usegmt=True)
            made = f"{item.created_at_utc:%Y-%m-%dT%H:%M:%SZ}"
        hidden = view.hides(item)
        return (write_hidden if hidden else write)(
            quote_segment(view.href_of(item) if hidden else item.href),
            view.etag_of(item) if hidden else item.etag,
            item.component,
            when,
            masked if hidden else own,
            inner,
            item.size_bytes,
            made,
        )

    return render
