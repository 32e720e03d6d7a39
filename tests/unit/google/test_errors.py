"""Google's error answers become the errors of the contract (google-calendar.md §10)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.providers import errors
from gateway.providers.contract import Answer
from plugins.google.errors import error_of, reason_of


def answer(status: int, body: Any) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={}, body=data, url="", retry_after_s=None)


def old(reason: str) -> dict[str, Any]:
    return {
        "error": {"code": 0, "message": "m", "errors": [{"domain": "d", "reason": reason, "message": "m"}]}
    }


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "invalid", errors.Rejected),
        (400, "timeRangeEmpty", errors.Rejected),
        (401, "authError", errors.SignInExpired),
        (403, "rateLimitExceeded", errors.RateLimited),
        (403, "userRateLimitExceeded", errors.RateLimited),
        (429, "rateLimitExceeded", errors.RateLimited),
        (403, "quotaExceeded", errors.QuotaExhausted),
        (403, "dailyLimitExceeded", errors.QuotaExhausted),
        (403, "insufficientPermissions", errors.Forbidden),
        (403, "forbiddenForNonOrganizer", errors.Forbidden),
        (403, "accessNotConfigured", errors.Misconfigured),
        (404, "notFound", errors.NotFound),
        (409, "duplicate", errors.VersionConflict),
        (410, "deleted", errors.NotFound),
        (410, "fullSyncRequired", errors.CursorExpired),
        (410, "updatedMinTooLongAgo", errors.CursorExpired),
        (412, "conditionNotMet", errors.VersionConflict),
        (500, "backendError", errors.Unavailable),
        (503, "backendError", errors.Unavailable),
    ],
)
def test_status_and_reason_decide(status: int, reason: str, kind: type[errors.ProviderError]) -> None:
    error = error_of(answer(status, old(reason)), is_write=True)
    assert type(error) is kind
    assert error.code == reason
    assert error.maybe_applied == (status >= 500)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 410, 418, 451])
@pytest.mark.parametrize(
    "body", [b"", b"<html>sign in to the network</html>", {}, [], {"error": "x"}, {"error": {}}]
)
def test_pain_8_without_googles_own_word_nothing_is_concluded(status: int, body: Any) -> None:
    error = error_of(answer(status, body), is_write=False)
    assert type(error) is errors.BadAnswer
    assert error.retry is errors.Retry.LATER


def test_the_newer_envelope_is_read_too() -> None:
    body = {
        "error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}
    }
    assert type(error_of(answer(403, body), is_write=False)) is errors.Misconfigured
    del body["error"]["details"]
    assert type(error_of(answer(403, body), is_write=False)) is errors.Forbidden
    assert reason_of(answer(404, {"error": {"status": "NOT_FOUND"}})) == "NOT_FOUND"


@pytest.mark.parametrize("reason", ["ada@example.org", "x" * 61, "a b", "", 7, None, "<b>"])
def test_words_that_are_no_words_are_not_repeated(reason: Any) -> None:
    assert reason_of(answer(403, old(reason))) == ""
