"""REPORT (RFC 3253 §3.6): which report is asked for, and what each of them shares."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

from plugins.radicale import (
    expand_property,
    freebusy_report,
    home_sync,
    preferences,
    principal_reports,
    report_multiget,
    report_query,
    report_sync,
)
from plugins.radicale.names import CALSERVER, caldav, dav
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.reporting import Report
from plugins.radicale.requests import PRINCIPALS, Request
from plugins.radicale.view import View

# On calendars.
_REPORTS: dict[str, Callable[[Report], Answer]] = {
    dav("sync-collection"): report_sync.answer,
    caldav("calendar-multiget"): report_multiget.answer,
    caldav("calendar-query"): report_query.answer,
    caldav("free-busy-query"): freebusy_report.answer,
}
_SYNC = dav("sync-collection")
# On a single object too (RFC 4791 §7).
_ON_OBJECTS = frozenset({caldav("calendar-multiget"), caldav("calendar-query")})
# On the root, the home and the collection of principals.
_FOLDER_REPORTS: dict[str, Callable[[Request, ET.Element], Answer]] = {
    dav("principal-property-search"): principal_reports.search,
    dav("principal-search-property-set"): principal_reports.search_properties,
    dav("principal-match"): principal_reports.match,
    f"{{{CALSERVER}}}calendarserver-principal-search": principal_reports.search_by_words,
}


def handle(request: Request) -> Answer:
    """Answer a REPORT."""
    root = request.xml()
    if root is None:
        raise Problem(400, "A REPORT needs a body that names the report.")
    target = request.target
    if target.login != PRINCIPALS:
        request.check_home()
    with request.session.reading():
        if root.tag == dav("expand-property"):
            return expand_property.answer(request, root)
        if root.tag == dav("acl-principal-prop-set"):
            return principal_reports.of_acl(request, root)
        is_folder = target.slug is None
        on_folder = _FOLDER_REPORTS.get(root.tag) if is_folder else None
        if on_folder is not None:
            return on_folder(request, root)
        if root.tag == _SYNC and is_folder and target.login == request.principal.login:
            return home_sync.answer(request, root)
        method = _REPORTS.get(root.tag)
        is_of_objects = target.name is None or root.tag in _ON_OBJECTS
        if method is None or is_folder or target.login == PRINCIPALS or not is_of_objects:
            raise Problem(
                403,
                "This report is not answered here; see DAV:supported-report-set.",
                "<D:supported-report/>",
            )
        entry = request.entry()
        tx = request.session.tx
        view = View.of(tx, request.principal, entry)
        # Read in this very snapshot.
        answer = method(Report(request=request, root=root, view=view, calendar=entry.calendar))
    answer.headers |= preferences.of(request).headers
    return answer
