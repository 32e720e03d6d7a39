"""Push channels: watch, stop, the sync message, what a changed calendar says, expiry."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from gateway.lab.core.clock import http_date
from gateway.lab.core.errors import Refusal
from gateway.lab.core.webhooks import Message
from gateway.lab.google.model import Calendar, Channel

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.google.world import Google

_ID_CAP, _TOKEN_CAP = 64, 256


def watch(google: Google, call: Call) -> dict[str, Any]:
    """events.watch."""
    calendar = google.calendar(call, call.path_args["calendarId"], "freeBusyReader")
    body = call.body
    if not isinstance(body, dict):
        raise Refusal(400, "required", "A channel is required.", violation=True)
    channel_id, address = body.get("id", ""), body.get("address", "")
    if not channel_id or len(channel_id) > _ID_CAP:
        raise Refusal(400, "invalid", "Channel id: 1 to 64 characters.", location="id")
    if body.get("type") not in {"web_hook", "webhook"}:
        raise Refusal(400, "invalid", "Channel type must be web_hook.", location="type")
    if len(body.get("token", "")) > _TOKEN_CAP:
        raise Refusal(400, "invalid", "Channel token: at most 256 characters.", location="token")
    _address(google, address)
    _prune(google)
    if channel_id in google.state.channels:
        raise Refusal(400, "channelIdNotUnique", f"Channel id {channel_id} not unique", location="id")
    resource = f"{google.lab.base_url}/calendar/v3/calendars/{quote(calendar.id, safe='')}/events"
    channel = Channel(
        id=channel_id,
        resource_id=secrets.token_urlsafe(20),
        resource_uri=f"{resource}?alt=json",
        calendar_id=calendar.id,
        account=call.account or "",
        client_id=call.token.client_id if call.token else "",
        grant=_grant_number(google, call),
        address=address,
        token=body.get("token", ""),
        expires_at_s=_expiry(google, body),
    )
    google.state.channels[channel.id] = channel
    _send(google, channel, "sync")
    answer = {
        "kind": "api#channel",
        "id": channel.id,
        "resourceId": channel.resource_id,
        "resourceUri": channel.resource_uri,
        "expiration": str(int(channel.expires_at_s * 1000)),
    }
    return answer | ({"token": channel.token} if channel.token else {})


def _grant_number(google: Google, call: Call) -> str:
    grant = google.lab.tokens.grants.get(call.token.grant) if call.token else None
    return grant.number if grant else ""


def _address(google: Google, address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and google.lab.settings.webhook_http):
        return
    raise Refusal(
        400, "push.webhookUrlNotHttps", f"WebHook callback must be HTTPS: {address[:200]}", location="address"
    )


def _expiry(google: Google, body: dict[str, Any]) -> float:
    settings, now_s = google.lab.settings, google.lab.clock.true_s()
    life_s = settings.channel_life_s
    ttl = body.get("params", {}).get("ttl", "")
    if body.get("expiration") is not None:
        life_s = int(body["expiration"]) / 1000 - now_s
    elif ttl:
        if not ttl.isdigit():
            raise Refusal(400, "invalid", "params.ttl: seconds.", location="params.ttl")
        life_s = float(ttl)
    if life_s <= 0:
        raise Refusal(400, "invalid", "The expiration lies in the past.", location="expiration")
    return now_s + min(life_s, settings.channel_life_cap_s)


def stop(google: Google, call: Call) -> None:
    """channels.stop: needs both ids."""
    body = call.body or {}
    _prune(google)
    channel = google.state.channels.get(body.get("id", ""))
    if channel is None or channel.resource_id != body.get("resourceId") or channel.account != call.account:
        raise Refusal(404, "notFound", f"Channel '{body.get('id', '')}' not found for project")
    del google.state.channels[channel.id]


def _prune(google: Google) -> None:
    """Forget channels that expired or whose grant was revoked; nobody is told."""
    now_s = google.lab.clock.true_s()
    live = {grant.number for grant in google.lab.tokens.grants.values()}
    for channel in list(google.state.channels.values()):
        if channel.expires_at_s <= now_s or (channel.grant and channel.grant not in live):
            del google.state.channels[channel.id]


def notify(google: Google, calendar: Calendar) -> None:
    """Say ``exists`` on every live channel of a calendar."""
    if not google.state.channels:
        return
    _prune(google)
    for channel in list(google.state.channels.values()):
        if channel.calendar_id == calendar.id:
            _send(google, channel, "exists")


def _send(google: Google, channel: Channel, state: str) -> None:
    channel.messages += 1 if state == "sync" else google.lab.random.randint(1, 1000)
    headers = _headers(channel, state)

    def forged(forgery: str) -> dict[str, str]:
        changes = {
            "wrong_token": {"X-Goog-Channel-Token": secrets.token_hex(8)},
            "unknown_channel": {"X-Goog-Channel-ID": secrets.token_hex(16)},
            "expired_channel": {"X-Goog-Channel-Expiration": http_date(datetime(2020, 1, 1, tzinfo=UTC))},
        }
        return {**headers, **changes.get(forgery, {})}

    google.lab.webhooks.post(
        Message(
            door="google",
            account=channel.account,
            channel=channel.id,
            address=channel.address,
            headers=headers,
            forged=forged,
            silence=lambda: _forget(google, channel),
            state=state,
        )
    )


def _forget(google: Google, channel: Channel) -> None:
    google.state.channels.pop(channel.id, None)


def _headers(channel: Channel, state: str) -> dict[str, str]:
    headers = {
        "X-Goog-Channel-ID": channel.id,
        "X-Goog-Channel-Expiration": http_date(datetime.fromtimestamp(channel.expires_at_s, UTC)),
        "X-Goog-Message-Number": str(channel.messages),
        "X-Goog-Resource-ID": channel.resource_id,
        "X-Goog-Resource-State": state,
        "X-Goog-Resource-URI": channel.resource_uri,
        "User-Agent": "APIs-Google; (calgate laboratory, a simulator)",
    }
    return headers | ({"X-Goog-Channel-Token": channel.token} if channel.token else {})


ROOMS = {"calendar.events.watch": watch, "calendar.channels.stop": stop}
