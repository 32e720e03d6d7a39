"""Push channels (§9): they say that something changed, never what; polling is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.providers.contract import Handshake, Notification, Signal, Watch
from gateway.providers.errors import BadAnswer, NotFound
from plugins.google.client import GoogleClient

LIFE_S = 7 * 24 * 3600
# Trap: without an answer about the end, the shortest life that was seen (§9).
SHORTEST_S = 3600


async def open_channel(
    client: GoogleClient, calendar_id: str, *, callback_url: str, secret: str, watch_id: str
) -> Watch:
    """Open a channel; there is no renewal, a new one with a new id overlaps with the old (§9)."""
    body = {
        "id": watch_id,
        "type": "web_hook",
        "address": callback_url,
        "token": secret,
        "params": {"ttl": str(LIFE_S)},
    }
    answer = await client.call("POST", f"{client.events(calendar_id)}/watch", json=body)
    resource = answer.get("resourceId")
    if not isinstance(resource, str) or not resource:
        raise BadAnswer("Google opened a channel without naming it.", maybe_applied=True)
    return Watch(
        id=watch_id, resource=resource, calendar_id=calendar_id, expires_at_utc=_end(answer.get("expiration"))
    )


async def close_channel(client: GoogleClient, watch: Watch) -> None:
    """Stop a channel; gone already counts as done. It outlives our database otherwise (§9)."""
    try:
        await client.call("POST", "channels/stop", json={"id": watch.id, "resourceId": watch.resource})
    except NotFound:
        return


def read_notification(request: Notification) -> Handshake | Sequence[Signal]:
    """Read a message. Trap: the body is empty; doubled, unordered and forged ones come too (§9)."""
    state = request.headers.get("x-goog-resource-state", "")
    watch_id = request.headers.get("x-goog-channel-id", "")
    if state == "sync":
        return Handshake()
    if state not in {"exists", "not_exists"} or not 0 < len(watch_id) <= 64:
        return ()
    secret = request.headers.get("x-goog-channel-token", "")
    return (Signal(watch_id=watch_id, secret=secret, is_gone=state == "not_exists"),)


def _end(value: Any) -> datetime:
    """Read the end in milliseconds since 1970, sent as text."""
    now = datetime.now(UTC)
    try:
        end = datetime.fromtimestamp(int(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return now + timedelta(seconds=SHORTEST_S)
    return min(end, now + timedelta(days=31))
