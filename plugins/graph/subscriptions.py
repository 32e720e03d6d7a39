"""Change notifications (§11): they say that something changed, never what; polling is the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.providers.contract import Handshake, Notification, Signal, Watch
from gateway.providers.errors import BadAnswer, NotFound
from plugins.graph.client import GraphClient

LIFE = timedelta(minutes=10_080 - 60)
SHORTEST = timedelta(minutes=45)
MAX_TOKEN = 2048
MAX_ENTRIES = 1000
_GONE = "subscriptionRemoved"


async def open_subscription(
    client: GraphClient, calendar_id: str, *, callback_url: str, secret: str, watch_id: str
) -> Watch:
    """Subscribe to a calendar. Its handshake comes back while this call is still under way.

    ``clientState`` holds id and secret of the watch: notifications carry nothing else that we have chosen.
    Trap: the address for lifecycle notices cannot be added later.
    """
    body = {
        "changeType": "created,updated,deleted",
        "resource": f"/{client.events(calendar_id)}",
        "notificationUrl": callback_url,
        "lifecycleNotificationUrl": callback_url,
        "clientState": f"{watch_id}.{secret}",
        "expirationDateTime": _text(datetime.now(UTC) + LIFE),
    }
    answer = await client.call("POST", "subscriptions", json=body)
    name = answer.get("id")
    if not isinstance(name, str) or not name:
        raise BadAnswer("Microsoft made a subscription without naming it.", maybe_applied=True)
    end = _end(answer.get("expirationDateTime"))
    return Watch(id=watch_id, resource=name, calendar_id=calendar_id, expires_at_utc=end)


async def renew_subscription(client: GraphClient, watch: Watch) -> Watch:
    """Prolong a subscription; this also answers "reauthorizationRequired".

    Raises:
        NotFound: it is gone; make another.
    """
    body = {"expirationDateTime": _text(datetime.now(UTC) + LIFE)}
    answer = await client.call("PATCH", client.subscription(watch.resource), json=body)
    end = _end(answer.get("expirationDateTime"))
    return Watch(id=watch.id, resource=watch.resource, calendar_id=watch.calendar_id, expires_at_utc=end)


async def close_subscription(client: GraphClient, watch: Watch) -> None:
    """End a subscription; gone already counts as done."""
    try:
        await client.call("DELETE", client.subscription(watch.resource))
    except NotFound:
        return


def read_notification(request: Notification) -> Handshake | Sequence[Signal]:
    """Read a batch of notifications, or answer a handshake with its token.

    Trap: forged ones come too, several subscriptions share one batch, and one bad entry spoils no other.
    """
    token = request.query.get("validationToken")
    if token is not None:
        # Plain text, bounded, and never anything that a browser could take for a page.
        is_text = 0 < len(token) <= MAX_TOKEN and token.isprintable() and not set("<>") & set(token)
        return Handshake(body=token.encode()) if is_text else ()
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        return ()
    entries = value.get("value") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return ()
    found = (_signal(entry) for entry in entries[:MAX_ENTRIES])
    return tuple(dict.fromkeys(signal for signal in found if signal is not None))


def _signal(entry: Any) -> Signal | None:
    state = entry.get("clientState") if isinstance(entry, dict) else None
    if not isinstance(state, str) or len(state) > 128 or not state.isascii():
        return None
    watch_id, dot, secret = state.partition(".")
    if not dot or not 0 < len(watch_id) <= 64 or not secret:
        return None
    event = entry.get("lifecycleEvent")
    # ``missed`` is a reason to look now, like any change; a new word of Microsoft's is too.
    return Signal(
        watch_id=watch_id,
        secret=secret,
        is_gone=event == _GONE,
        must_renew=event == "reauthorizationRequired",
    )


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.0000000Z"


def _end(value: object) -> datetime:
    """Read when a subscription ends; where that is not told, the shortest life that there is."""
    now = datetime.now(UTC)
    try:
        end = datetime.fromisoformat(str(value))
        end = (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return now + SHORTEST
    return min(end, now + timedelta(days=31))
