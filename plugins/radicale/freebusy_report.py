"""free-busy-query (RFC 4791 §7.10): busy time of one calendar, from the occurrence index."""

from __future__ import annotations

import hashlib

from gateway.domain.freebusy import vfreebusy
from gateway.services import occurrence_index
from plugins.radicale.names import caldav
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.reporting import Report
from plugins.radicale.times import read_window


def answer(report: Report) -> Answer:
    """Answer a free-busy-query; who may read the calendar may read when it is busy."""
    node = report.root.find(caldav("time-range"))
    if node is None:
        raise Problem(400, "A free-busy-query needs a CALDAV:time-range.")
    window = read_window(node)
    now = report.request.handle.clock()
    periods = occurrence_index.busy_periods(report.tx, report.calendar, window, now=now)
    # Times are no secret of a masked view, so everybody gets the same answer.
    seed = f"{report.calendar.resource.uuid} {window.start} {window.end}".encode()
    body = vfreebusy(
        window, periods, uid=hashlib.sha256(seed).hexdigest()[:40], dtstamp=now, method_publish=False
    )
    return Answer(200, {"Content-Type": "text/calendar; charset=utf-8; component=VFREEBUSY"}, body)
