"""Faults that only Microsoft shows: its error codes, 410 and 412, pages, lagging reads, subscriptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.lab.core import acts
from gateway.lab.core.errors import Refusal
from gateway.lab.core.faults import Kind, Scene
from gateway.lab.microsoft import delta, person, series

if TYPE_CHECKING:
    from gateway.lab.core.calls import Answer, Call
    from gateway.lab.microsoft.model import Calendar
    from gateway.lab.microsoft.world import Microsoft

DELTA = "graph.calendarView.delta"
PAGED = {DELTA, "graph.events.list", "graph.calendarView.list", "graph.events.instances"}
WRITES = {"graph.events.create", "graph.events.patch", "graph.events.delete"}
REFUSED = {
    "graph_403_access": (403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    "graph_404_mailbox": (404, "MailboxNotEnabledForRESTAPI", "The mailbox is inactive or on-premise."),
    "graph_503_move": (503, "ErrorMailboxMoveInProgress", "Mailbox move in progress. Try again later."),
    "graph_503_store": (503, "ErrorMailboxStoreUnavailable", "The mailbox store is unavailable."),
    "graph_507_quota": (507, "ErrorQuotaExceeded", "The mailbox is over its quota."),
    "graph_509_bandwidth": (509, "BandwidthLimitExceeded", "The bandwidth limit was exceeded."),
}


def is_graph(call: Call) -> bool:
    """Tell whether a call came through Graph's door."""
    return call.door == "graph"


def is_write(call: Call) -> bool:
    """Tell whether a call writes an event."""
    return call.operation in WRITES and call.token is not None


def has_etag(call: Call) -> bool:
    """Tell whether a call writes an event under If-Match."""
    return is_write(call) and "if-match" in call.headers and "event_id" in call.path_args


def _paged(call: Call) -> bool:
    return call.operation in PAGED


def _later_page(call: Call) -> bool:
    return _paged(call) and bool({"$skip", "$skiptoken"} & set(call.query))


def _refused(status: int, code: str, text: str) -> Callable[[Scene], Answer]:
    def before(scene: Scene) -> Answer:
        answer = scene.door.refuse(scene.call, status=status, reason=code, message=text)
        if status in {503, 509} and "retry_after_s" in scene.params:
            answer.headers["Retry-After"] = str(int(scene.number("retry_after_s", 1)))
        return answer

    return before


def _claims(scene: Scene) -> Answer:
    """Continuous access evaluation: a 401 that names the claims to ask for."""
    answer = scene.door.refuse(
        scene.call, status=401, reason="InvalidAuthenticationToken", message="Continuous access evaluation."
    )
    claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjA0MTA2NjUxIn19fQ=="
    answer.headers["WWW-Authenticate"] = (
        f'Bearer realm="", error="insufficient_claims", claims="{claims}", '
        'error_description="Continuous access evaluation resulted in challenge"'
    )
    return answer


def calendar_at(microsoft: Microsoft, scene: Scene) -> Calendar:
    """Return the calendar that a call concerns; raises Refusal."""
    call = scene.call
    if "event_id" in call.path_args:
        return person.event_of(microsoft, call.path_args["event_id"]).calendar
    return microsoft.calendar(call)


def graph_kinds(microsoft: Microsoft) -> list[Kind]:
    """Return the faults of Graph."""
    return [
        *(
            Kind(name=name, text=f"{status} {code}", before=_refused(status, code, text), applies=is_graph)
            for name, (status, code, text) in REFUSED.items()
        ),
        Kind(name="graph_401_claims", text="401 with a claims challenge", before=_claims, applies=is_graph),
        *_gone(microsoft),
        *_moments(microsoft),
        *_pages(microsoft),
        Kind(
            name="graph_subscription_refused",
            text="a new subscription is refused",
            before=_refused(400, "ValidationError", "Subscription validation request failed."),
            applies=lambda call: call.operation == "graph.subscriptions.create",
        ),
        Kind(
            name="graph_renewal_refused",
            text="the renewal of a subscription answers 404",
            before=_refused(404, "ResourceNotFound", "The subscription was not found."),
            applies=lambda call: call.operation == "graph.subscriptions.patch",
        ),
        Kind(
            name="graph_transaction_taken",
            text="the transactionId was used for another event",
            before=lambda scene: _take_transaction(microsoft, scene),
            applies=lambda call: call.operation == "graph.events.create" and b'"transactionId"' in call.raw,
        ),
    ]


def _gone(microsoft: Microsoft) -> list[Kind]:
    """Return the faults of delta links that are too old."""

    def gone(name: str, code: str, text: str, parameter: str) -> Kind:
        def before(scene: Scene) -> Answer:
            refusal = delta.gone(microsoft, scene.call, code)
            answer = scene.door.refuse(
                scene.call, status=refusal.status, reason=refusal.reason, message=refusal.message
            )
            answer.headers |= refusal.headers
            return answer

        def applies(call: Call) -> bool:
            return call.operation == DELTA and parameter in call.query

        return Kind(name=name, text=text, before=before, applies=applies)

    return [
        gone("graph_410_state", "syncStateNotFound", "410 syncStateNotFound at a delta link", "$deltatoken"),
        gone("graph_410_resync", "resyncRequired", "410 resyncRequired at a delta link", "$deltatoken"),
        gone("graph_410_paging", "syncStateNotFound", "410 in the middle of a delta's pages", "$skiptoken"),
    ]


def _moments(microsoft: Microsoft) -> list[Kind]:
    """Return the faults of change keys and lists that are not what they were, or not yet what they are."""

    def bump(scene: Scene) -> None:
        with suppress(Refusal):
            person.bump(microsoft, series.find(microsoft, scene.call))

    def lag(scene: Scene) -> None:
        with suppress(Refusal):
            acts.lag(calendar_at(microsoft, scene), scene)

    return [
        Kind(
            name="graph_412_spurious",
            text="the change key moves by itself before a write with If-Match",
            before=bump,
            applies=has_etag,
        ),
        Kind(
            name="graph_stale_read",
            text="reads of the calendar lag `seconds` (2)",
            before=lag,
            applies=_paged,
        ),
        Kind(
            name="graph_early_notification",
            text="a notification comes `seconds` (2) before lists show the write",
            before=lag,
            applies=is_write,
        ),
    ]


def _pages(microsoft: Microsoft) -> list[Kind]:
    """Return the faults of answers that come in pages."""

    def page(name: str, text: str, applies: Callable[[Call], bool] = _paged) -> Kind:
        before, after = acts.trick(microsoft, name), acts.untrick(microsoft)
        return Kind(name=f"graph_page_{name}", text=text, before=before, after=after, applies=applies)

    return [
        page("short", "a page ends one item early"),
        page("empty", "an empty page with a next link"),
        page("repeat", "the last item of the page before comes again", _later_page),
        page("foreign", "the next link, or the delta link, leads to another host"),
    ]


def _take_transaction(microsoft: Microsoft, scene: Scene) -> None:
    with suppress(Refusal, ValueError):
        name = json.loads(scene.call.raw).get("transactionId")
        box = microsoft.mailbox(scene.call)
        if name and name not in box.transactions:
            box.transactions[name] = {"key": "", "body": "", "at_s": microsoft.lab.clock.true_s()}
