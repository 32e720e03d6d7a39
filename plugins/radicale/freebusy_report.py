"""free-busy-query (RFC 4791 §7.10): busy time of one calendar, from the occurrence index and availability."""

from __future__ import annotations

import hashlib
from zoneinfo import ZoneInfo

from gateway.domain.freebusy import vfreebusy
from gateway.domain.model import ResourceKind
from gateway.domain.vavailability import Availability
from gateway.services import occurrence_index, person_properties, vavailability
from plugins.radicale import home_availability
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
    periods += vavailability.busy_periods(report.tx, report.calendar, window, of_owner=_of_owner(report))
    # Times are no secret of a masked view, so everybody gets the same answer.
    seed = f"{report.calendar.resource.uuid} {window.start} {window.end}".encode()
    body = vfreebusy(
        window, periods, uid=hashlib.sha256(seed).hexdigest()[:40], dtstamp=now, method_publish=False
    )
    return Answer(200, {"Content-Type": "text/calendar; charset=utf-8; component=VFREEBUSY"}, body)


def _of_owner(report: Report) -> tuple[Availability, ...]:
    """Return what the person whose schedule it is has set on her home; her other calendars are not her."""
    resource = report.calendar.resource
    if resource.kind is not ResourceKind.PERSON or resource.owner_id is None or resource.is_personal:
        return ()
    own = person_properties.of_person(report.tx, resource.owner_id)
    return home_availability.read_kept(own, zone=ZoneInfo(resource.zone))
