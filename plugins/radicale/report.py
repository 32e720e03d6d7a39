"""REPORT (RFC 3253 §3.6): which report is asked for, and what each of them shares."""

from __future__ import annotations

from collections.abc import Callable

from gateway.services import reading
from plugins.radicale import freebusy_report, report_multiget, report_query, report_sync
from plugins.radicale.names import caldav, dav
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.reporting import Report
from plugins.radicale.requests import Request
from plugins.radicale.view import View

_REPORTS: dict[str, Callable[[Report], Answer]] = {
    dav("sync-collection"): report_sync.answer,
    caldav("calendar-multiget"): report_multiget.answer,
    caldav("calendar-query"): report_query.answer,
    caldav("free-busy-query"): freebusy_report.answer,
}


def handle(request: Request) -> Answer:
    """Answer a REPORT."""
    root = request.xml()
    if root is None:
        raise Problem(400, "A REPORT needs a body that names the report.")
    method = _REPORTS.get(root.tag)
    request.check_home()
    if method is None or request.target.slug is None:
        raise Problem(
            403, "This report is not answered here; see DAV:supported-report-set.", "<D:supported-report/>"
        )
    with request.session.reading():
        entry = request.entry()
        tx = request.session.tx
        view = View.of(tx, request.principal, entry)
        calendar = reading.calendar(tx, entry.calendar_id)
        return method(Report(request=request, root=root, view=view, calendar=calendar))
