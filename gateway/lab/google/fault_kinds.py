"""Faults that only Google shows: its 403 reasons, 410 and 412, pages, lagging reads, sign-in, webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.lab.core import acts
from gateway.lab.core.calls import Answer
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.google import person

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google

LIST = "calendar.events.list"
EVENT_WRITES = {
    f"calendar.events.{name}"
    for name in ("insert", "import", "patch", "update", "delete", "move", "quickAdd")
}
REFUSED = {
    "rateLimitExceeded": "Rate Limit Exceeded",
    "userRateLimitExceeded": "User Rate Limit Exceeded",
    "quotaExceeded": "Calendar usage limits exceeded.",
    "dailyLimitExceeded": "Daily Limit Exceeded",
    "accessNotConfigured": "Google Calendar API has not been used in this project before or it is disabled.",
    "insufficientPermissions": "Insufficient Permission",
}


def _refused(reason: str, status: int = 403) -> Callable[[Scene], Answer]:
    message = REFUSED.get(reason, reason)

    def before(scene: Scene) -> Answer:
        return scene.door.refuse(scene.call, status=status, reason=reason, message=message)

    return before


def _at_google(call: Call) -> bool:
    return call.door == "google"


def _is_list(call: Call) -> bool:
    return call.operation == LIST


def _is_later_page(call: Call) -> bool:
    return _is_list(call) and "pageToken" in call.query


def _is_event_write(call: Call) -> bool:
    return call.operation in EVENT_WRITES


def has_etag(call: Call) -> bool:
    """Tell whether a call writes an event under If-Match."""
    return call.operation in EVENT_WRITES and "if-match" in call.headers and "eventId" in call.path_args


def chooses_id(call: Call) -> bool:
    """Tell whether a call inserts under an id of its own."""
    return call.operation == "calendar.events.insert" and b'"id"' in call.raw


def _gone(scene: Scene) -> Answer:
    return scene.door.refuse(
        scene.call,
        status=410,
        reason="fullSyncRequired",
        message="Sync token is no longer valid, a full sync is required.",
        domain="calendar",
    )


def _elsewhere(scene: Scene) -> str:
    return str(scene.params.get("to", "http://elsewhere.invalid")).rstrip("/") + scene.call.path


def _redirect(scene: Scene) -> Answer:
    return Answer(status=307, headers={"Location": _elsewhere(scene)}, spoiled=True)


def _token_elsewhere(scene: Scene, answer: Answer) -> Answer:
    if answer.status != 200 or not isinstance(answer.body, dict):
        return answer
    body = {name: value for name, value in answer.body.items() if name != "nextSyncToken"}
    body["nextPageToken"] = _elsewhere(scene)
    return Answer(status=200, body=body, headers=answer.headers, spoiled=True)


def google_kinds(google: Google) -> list[Kind]:
    """Return the faults of the Calendar API."""
    return [
        *(
            Kind(name=f"403_{reason}", text=f"403 {reason}", before=_refused(reason), applies=_at_google)
            for reason in REFUSED
        ),
        *_moments(google),
        *_pages(google),
        Kind(
            name="redirect_elsewhere",
            text="307 to the same path at `to`, another host, nothing executed",
            before=_redirect,
            applies=_at_google,
        ),
        Kind(
            name="channel_refused",
            text="a new channel is refused",
            before=_refused("pushNotSupportedForRequestedResource", 400),
            applies=lambda call: call.operation == "calendar.events.watch",
        ),
    ]


def _moments(google: Google) -> list[Kind]:
    """Return the faults of tokens, etags and lists that are not what they were, or not yet what they are."""

    def bump(scene: Scene) -> None:
        calendar = google.state.calendars.get(google.resolve(scene.call, scene.call.path_args["calendarId"]))
        if calendar is not None:
            person.bump(google, calendar, scene.call.path_args["eventId"])

    def lag(scene: Scene) -> None:
        name = google.resolve(scene.call, scene.call.path_args["calendarId"])
        calendar = google.state.calendars.get(name)
        if calendar is not None:
            acts.lag(calendar, scene)

    return [
        Kind(
            name="410_sync",
            text="410 at a sync token",
            before=_gone,
            applies=lambda call: (
                _is_list(call) and "syncToken" in call.query and "pageToken" not in call.query
            ),
        ),
        Kind(name="410_paging", text="410 in the middle of paging", before=_gone, applies=_is_later_page),
        Kind(
            name="412_spurious",
            text="the etag moves by itself before a write with If-Match",
            before=bump,
            applies=has_etag,
        ),
        Kind(name="stale_read", text="lists of the calendar lag `seconds` (2)", before=lag, applies=_is_list),
        Kind(
            name="early_notification",
            text="a message comes `seconds` (2) before the list shows the write",
            before=lag,
            applies=_is_event_write,
        ),
    ]


def _pages(google: Google) -> list[Kind]:
    """Return the faults of lists that come in pages."""

    def page(name: str, trick: str, text: str, applies: Callable[[Call], bool] = _is_list) -> Kind:
        before, after = acts.trick(google, trick), acts.untrick(google)
        return Kind(name=name, text=text, before=before, after=after, applies=applies)

    return [
        page("page_shift", "short", "a page ends one item early"),
        page("page_empty", "empty", "an empty page with a next token, if there is more than one page"),
        page("page_repeat", "repeat", "the last item of the page before comes again", _is_later_page),
        Kind(
            name="page_elsewhere",
            text="the next page's token is the address of `to`, another host",
            after=_token_elsewhere,
            applies=_is_list,
        ),
    ]
