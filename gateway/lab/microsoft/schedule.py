"""The room getSchedule: availability of the default calendars of several addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import event_reads, prefer, times
from gateway.lab.microsoft.small_rooms import working_hours

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Mailbox
    from gateway.lab.microsoft.prefer import Wish
    from gateway.lab.microsoft.world import Microsoft

_DIGIT = {"free": 0, "workingElsewhere": 0, "unknown": 0, "tentative": 1, "busy": 2, "oof": 3}
_DAY = timedelta(days=1)
_HIDDEN = {"private", "confidential", "personal"}


def get_schedule(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """POST getSchedule; what cannot be told is an error inside the answer, not an empty schedule."""
    box = microsoft.with_mailbox(call)
    if box.personal:
        raise Refusal(403, "ErrorAccessDenied", "getSchedule is not available for personal accounts.")
    body = {name[0].lower() + name[1:]: value for name, value in call.body.items()}
    after = times.instant(times.read(body.get("startTime"), "startTime"))
    before = times.instant(times.read(body.get("endTime"), "endTime"))
    interval = body.get("availabilityViewInterval") or 30
    addresses = body.get("schedules") or []
    settings = microsoft.lab.settings
    if not addresses or len(addresses) > settings.schedule_addresses:
        raise Refusal(
            400, "ErrorInvalidRequest", f"1 to {settings.schedule_addresses} schedules can be asked for."
        )
    if not isinstance(interval, int) or not 5 <= interval <= 1440:
        raise Refusal(400, "ErrorInvalidParameter", "availabilityViewInterval: 5 to 1440 minutes.")
    if before <= after or before - after > timedelta(days=settings.schedule_days):
        raise Refusal(
            400,
            "ErrorTimeIntervalTooBig",
            "The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long or empty.",
        )
    wish = prefer.of(call)
    return {
        "@odata.context": f"{microsoft.root()}/$metadata#Collection(microsoft.graph.scheduleInformation)",
        "value": [_one(microsoft, box, str(address), after, before, interval, wish) for address in addresses],
    }


def _error(address: str, code: str, text: str) -> dict[str, Any]:
    return {
        "scheduleId": address,
        "availabilityView": "",
        "scheduleItems": [],
        "error": {"message": text, "responseCode": code},
    }


def _one(
    microsoft: Microsoft,
    asking: Mailbox,
    address: str,
    after: datetime,
    before: datetime,
    interval: int,
    wish: Wish,
) -> dict[str, Any]:
    box = microsoft.state.mailboxes.get(address.lower())
    if box is None or box.without_mailbox or box.tenant != asking.tenant:
        return _error(
            address, "ErrorMailRecipientNotFound", "Unable to resolve e-mail address to an AD object."
        )
    calendar = microsoft.default_calendar(box.email)
    # An all-day event is busy on the day of its own zone, while views compare it in UTC.
    near = event_reads.rows_between(microsoft, calendar, after - _DAY, before + _DAY)
    rows = [
        body
        for _item, _version, body, _day in near
        if times.instant(body["start"]) < before and times.instant(body["end"]) > after
    ]
    if len(rows) > microsoft.lab.settings.schedule_items:
        return _error(address, "5006", "The result set contains too many calendar entries.")
    items = []
    digits = [0] * -(-int((before - after).total_seconds()) // (60 * interval))
    step = timedelta(minutes=interval)
    for body in rows:
        start, end = times.instant(body["start"]), times.instant(body["end"])
        for number in range(len(digits)):
            low = after + number * step
            if start < low + step and end > low:
                digits[number] = max(digits[number], _DIGIT[body["showAs"]])
        hidden = body["sensitivity"] in _HIDDEN
        items.append(
            {
                "isPrivate": hidden,
                "status": body["showAs"],
                "subject": None if hidden else body["subject"],
                "location": None if hidden else body["location"]["displayName"],
                "start": _time(start, wish),
                "end": _time(end, wish),
            }
        )
    items.sort(key=lambda item: str(item["start"]))
    return {
        "scheduleId": address,
        "availabilityView": "".join(str(digit) for digit in digits),
        "scheduleItems": items,
        "workingHours": working_hours(box),
    }


def _time(value: datetime, wish: Wish) -> dict[str, str]:
    return {
        "dateTime": times.fraction(value.astimezone(UTC).astimezone(wish.zone)),
        "timeZone": wish.zone_name,
    }


ROOMS = {"graph.getSchedule": get_schedule}
