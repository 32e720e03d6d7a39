"""Google's error answers to the contract's errors; decides by status and reason, not by message (§10)."""

from __future__ import annotations

import re

from gateway.providers.contract import Answer
from gateway.providers.errors import (
    BadAnswer,
    CursorExpired,
    Forbidden,
    Misconfigured,
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

_REASON = re.compile(r"[A-Za-z0-9._-]{1,60}")
QUOTA_PAUSE_S = 3 * 3600.0
_PATIENCE = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
_OF_ONE_EVENT = {"forbiddenForNonOrganizer", "eventTypeRestriction", "cannotChangeOrganizer"}
_SET_UP = {"accessNotConfigured", "SERVICE_DISABLED"}


def reason_of(answer: Answer) -> str:
    """Return Google's own word for an error, or an empty text where the body is not Google's.

    It is ``errors[0].reason``; the newer envelope has ``details[].reason`` and ``status`` instead.
    """
    try:
        value = answer.json()
    except BadAnswer:
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ""
    words = [
        item.get("reason")
        for name in ("errors", "details")
        if isinstance(error.get(name), list)
        for item in error[name]
        if isinstance(item, dict)
    ]
    for word in (*words, error.get("status")):
        if isinstance(word, str) and _REASON.fullmatch(word):
            return word
    return ""


def error_of(answer: Answer, *, is_write: bool) -> ProviderError:
    """Return the error that an answer other than 2xx stands for."""
    status, reason = answer.status, reason_of(answer)
    if status == 429 or (status == 403 and reason in _PATIENCE):
        return RateLimited(retry_after_s=answer.retry_after_s, code=reason or "429")
    if status == 403:
        return _forbidden(answer, reason)
    if status >= 500:
        # The write may have been applied (§10).
        return Unavailable(
            retry_after_s=answer.retry_after_s, code=reason or str(status), maybe_applied=is_write
        )
    if status == 401:
        return SignInExpired(code=reason or "401")
    if status == 410 and reason in {"fullSyncRequired", "updatedMinTooLongAgo"}:
        return CursorExpired(code=reason)
    if status in {404, 410} and reason:
        return NotFound(code=reason)
    if status in {409, 412}:
        return VersionConflict(code=reason or str(status))
    if status == 400 and reason:
        return Rejected(f"Google does not take this event ({reason}).", code=reason)
    if status == 413:
        return Rejected("Google does not take this event: it is too large.", code="413")
    # A 3xx, or a 4xx without Google's envelope: a proxy or a captive portal talks. Nothing is concluded.
    return BadAnswer(
        f"Something else than Google answered ({status}).", code=str(status), maybe_applied=is_write
    )


def _forbidden(answer: Answer, reason: str) -> ProviderError:
    if reason == "quotaExceeded":
        # Trap: the account is read-only for hours (§10); seconds of back-off only make it longer.
        return QuotaExhausted(retry_after_s=answer.retry_after_s or QUOTA_PAUSE_S, code=reason)
    if reason == "dailyLimitExceeded":
        return QuotaExhausted(
            retry_after_s=answer.retry_after_s or QUOTA_PAUSE_S, code=reason, reach=Reach.INSTALLATION
        )
    if reason in _SET_UP:
        return Misconfigured(
            "The Google Calendar API is not enabled in the Google Cloud project; enable it there.",
            code=reason,
        )
    if reason == "insufficientPermissions":
        return Forbidden("The permission for this was not given; connect the account again.", code=reason)
    if not reason:
        return BadAnswer("Something else than Google answered (403).", code="403")
    if reason in _OF_ONE_EVENT:
        return Forbidden("The account may not change this event.", code=reason, reach=Reach.ITEM)
    return Forbidden(code=reason)
