"""A server's answers to the contract's errors: by status and named precondition, never by message."""

from __future__ import annotations

from gateway.providers.contract import Answer
from gateway.providers.errors import (
    BadAnswer,
    Forbidden,
    NotFound,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    Reach,
    Rejected,
    SignInExpired,
    Unavailable,
    VersionConflict,
)
from plugins.caldav.multistatus import preconditions

FULL_PAUSE_S = 3600.0
OF_THE_OBJECT = {
    "supported-calendar-data": "it takes no such data",
    "valid-calendar-data": "it finds the data not valid",
    "valid-calendar-object-resource": "it does not take it as one object",
    "supported-calendar-component": "this calendar takes no events",
    "no-uid-conflict": "the calendar has this UID already",
    "max-resource-size": "it is too large for it",
    "min-date-time": "it begins too early for it",
    "max-date-time": "it ends too late for it",
    "max-instances": "it has too many occurrences for it",
    "max-attendees-per-instance": "it has too many guests for it",
    "same-organizer-in-all-components": "its organizers differ",
    "unique-scheduling-object-resource": "the account has this UID already",
    "allowed-organizer-scheduling-object-change": "its organizer may not be changed",
    "need-privileges": "",
}


def error_of(answer: Answer, *, is_write: bool) -> ProviderError:
    """Return the error that an answer other than 2xx stands for."""
    status, named = answer.status, preconditions(answer.body)
    if status == 429:
        return RateLimited(retry_after_s=answer.retry_after_s, code="429")
    if status == 507 or "quota-not-exceeded" in named:
        # Nothing more fits; deleting may go on, writing waits (RFC 4331 §6).
        return QuotaExhausted(
            "The server says that there is no room left for this account.",
            retry_after_s=answer.retry_after_s or FULL_PAUSE_S,
            code="507",
        )
    if status >= 500 or status in {408, 423, 425}:
        return Unavailable(
            retry_after_s=answer.retry_after_s, code=str(status), maybe_applied=is_write and status >= 500
        )
    if status == 401:
        return SignInExpired(code="401")
    if status in {404, 410}:
        return NotFound(code=str(status))
    if status == 412:
        return VersionConflict(code="412")
    if status == 413:
        return Rejected("The server does not take this event: it is too large.", code="413")
    return _refused(status, named, is_write=is_write)


def _refused(status: int, named: frozenset[str], *, is_write: bool) -> ProviderError:
    known = sorted(named & OF_THE_OBJECT.keys() - {"need-privileges"})
    if known and status in {400, 403, 409, 415, 422}:
        return Rejected(
            f"The server does not take this event: {OF_THE_OBJECT[known[0]]} ({known[0]}).", code=known[0]
        )
    if status == 403:
        reach = Reach.CALENDAR if not is_write or "need-privileges" in named or not named else Reach.ITEM
        return Forbidden(
            "The server forbids this to the account; check the rights of the calendar.",
            code="403",
            reach=reach,
        )
    if status == 405 and is_write:
        return Forbidden("The server takes no such write at this address.", code="405")
    if status in {400, 409, 415, 422} and is_write:
        word = min(named) if named else str(status)
        return Rejected(f"The server does not take this event ({word[:60]}).", code=word[:60])
    return BadAnswer(
        f"The server gave an answer that means nothing here ({status}).",
        code=str(status),
        maybe_applied=is_write,
    )
