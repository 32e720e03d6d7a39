"""Subscriptions: handshake, life, renewal, lifecycle notices, and what changed items say to whom.

Notifications are gathered for a moment and sent together, several of one receiver in one POST. A receiver
that answers slowly too often loses what is meant for it.
"""

from __future__ import annotations

import asyncio
import html
import json
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from gateway.lab.core.calls import Answer
from gateway.lab.core.errors import Refusal
from gateway.lab.core.webhooks import Message
from gateway.lab.microsoft import odata, pages, times
from gateway.lab.microsoft.model import Subscription, guid

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Calendar
    from gateway.lab.microsoft.world import Change, Microsoft

_STATE_CAP = 128
_URLS = ("notificationUrl", "lifecycleNotificationUrl")
_WINDOW_S = 600.0
_ENOUGH = 20_000
_GONE = "The subscription was not found."


# --- handshake


async def shake_hands(microsoft: Microsoft, call: Call) -> None:
    """Ask every receiver that a call names to prove itself; what each answered is left in the call."""
    outcomes: dict[str, str] = {}
    call.notes["handshakes"] = outcomes
    if microsoft.lab.settings.skip_handshake:
        return
    addresses = dict.fromkeys(_addresses(call))
    for address in addresses:
        if not _refused_address(microsoft, address):
            outcomes[address] = await _prove(microsoft, address)


def _addresses(call: Call) -> list[str]:
    try:
        body = json.loads(call.raw)
        bodies = [entry.get("body") for entry in body["requests"]] if "requests" in body else [body]
    except (ValueError, TypeError, AttributeError):
        return []
    return [
        str(one[name])
        for one in bodies
        if isinstance(one, dict)
        for name in _URLS
        if isinstance(one.get(name), str)
    ]


def _refused_address(microsoft: Microsoft, address: str) -> bool:
    schemes = {"https", "http"} if microsoft.lab.settings.webhook_http else {"https"}
    parts = urlsplit(address)
    return parts.scheme not in schemes or not parts.netloc


async def _prove(microsoft: Microsoft, address: str) -> str:
    """Return an empty text when the receiver echoes a token, decoded and as plain text; else what is wrong."""
    token = f"Validation: Testing client application reachability for {secrets.token_hex(8)} +/=&%"
    mark = "&" if urlsplit(address).query else "?"
    timeout_s = microsoft.lab.settings.handshake_timeout_s
    try:
        async with microsoft.lab.webhooks.client().post(
            f"{address}{mark}validationToken={quote(token, safe='')}",
            headers={"Content-Type": "text/plain; charset=utf-8"},
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            allow_redirects=False,
            ssl=False,
        ) as answer:
            if answer.status != 200:
                return f"the validation request got {answer.status}"
            if answer.content_type != "text/plain":
                return f"the validation request got {answer.content_type}, not text/plain"
            echoed = (await answer.content.read(4096)).decode("utf-8", "replace")
    except TimeoutError:
        return f"the validation request timed out after {timeout_s:g} s"
    except (aiohttp.ClientError, ValueError, OSError) as error:
        return f"the validation request failed: {type(error).__name__}"
    if token not in {echoed, html.unescape(echoed)}:
        return "the validation token was not returned"
    return ""


def _proven(microsoft: Microsoft, call: Call, address: str) -> None:
    if microsoft.lab.settings.skip_handshake:
        return
    problem = call.notes.get("handshakes", {}).get(address, "the receiver was not asked")
    if problem:
        raise Refusal(
            400, "ValidationError", f"Subscription validation request failed: {problem}. {address[:200]}"
        )


# --- rooms


def create(microsoft: Microsoft, call: Call) -> Answer:
    """POST subscriptions."""
    body = call.body
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not body.get(name):
            raise Refusal(400, "ExtensionError", f"{name} is required.")
    for name in _URLS:
        if body.get(name) and _refused_address(microsoft, body[name]):
            raise Refusal(400, "ValidationError", f"{name} must be https.")
    if len(body.get("clientState") or "") > _STATE_CAP:
        raise Refusal(400, "ValidationError", "clientState: 128 characters at most.")
    if body.get("includeResourceData"):
        raise Refusal(501, "notImplemented", "The laboratory sends no resource data.", violation=True)
    kinds = str(body["changeType"]).split(",")
    if not set(kinds) <= {"created", "updated", "deleted"}:
        raise Refusal(400, "ValidationError", "changeType: created, updated, deleted.")
    calendar = _watched(microsoft, call, str(body["resource"]))
    expires_at_s = _expiry(microsoft, body["expirationDateTime"])
    _prune(microsoft)
    mine = [item for item in microsoft.state.subscriptions.values() if item.email == calendar.owner]
    if len(mine) >= microsoft.lab.settings.mailbox_subscriptions:
        raise Refusal(403, "ExtensionError", "Subscription limit for this mailbox exceeded.")
    for name in _URLS:
        if body.get(name):
            _proven(microsoft, call, body[name])
    now_s = microsoft.lab.clock.true_s()
    subscription = Subscription(
        id=guid(),
        email=calendar.owner,
        client_id=call.token.client_id if call.token else "",
        grant=call.token.grant if call.token else "",
        resource=str(body["resource"]),
        calendar=calendar.key,
        change_types=kinds,
        url=body["notificationUrl"],
        lifecycle_url=body.get("lifecycleNotificationUrl") or "",
        state=body.get("clientState") or "",
        immutable='IdType="ImmutableId"' in call.headers.get("prefer", ""),
        expires_at_s=expires_at_s,
        authorized_at_s=now_s,
    )
    microsoft.state.subscriptions[subscription.id] = subscription
    return Answer(status=201, body=_shown(microsoft, subscription))


def _watched(microsoft: Microsoft, call: Call, resource: str) -> Calendar:
    """Return the calendar behind a subscription's resource; raises Refusal 400, 403 or 404."""
    parts = [unquote(part) for part in resource.strip("/").split("/")]
    if parts[:1] == ["v1.0"]:
        parts = parts[1:]
    arguments: dict[str, str] = {}
    rest = parts[1:]
    if parts[0].lower() == "users" and len(parts) > 1:
        arguments["user_id"], rest = parts[1], parts[2:]
    elif parts[0].lower() != "me":
        raise Refusal(400, "ExtensionError", f"The resource {resource[:100]!r} is not supported.")
    names = [part.lower() for part in rest]
    if names not in (["events"], ["calendar", "events"]):
        if len(rest) != 3 or names[0] != "calendars" or names[2] != "events":
            raise Refusal(400, "ExtensionError", f"The resource {resource[:100]!r} is not supported.")
        arguments["calendar_id"] = rest[1]
    kept, call.path_args = call.path_args, arguments
    try:
        calendar = microsoft.calendar(call)
        box = microsoft.mailbox(call)
    finally:
        call.path_args = kept
    if calendar.owner != box.email:
        raise Refusal(403, "ErrorAccessDenied", "Shared folders can be watched by applications only.")
    return calendar


def _expiry(microsoft: Microsoft, text: Any) -> float:
    settings, now = microsoft.lab.settings, microsoft.lab.clock.now()
    wanted = times.parameter(str(text), "expirationDateTime")
    if wanted <= now:
        raise Refusal(400, "ValidationError", "Subscription expiration lies in the past.")
    if wanted - now > timedelta(minutes=settings.subscription_minutes):
        raise Refusal(
            400,
            "ValidationError",
            f"Subscription expiration can only be {settings.subscription_minutes:.0f} minutes in the future.",
        )
    least = now + timedelta(minutes=settings.subscription_least_minutes)
    return max(wanted, least).timestamp()


def _shown(microsoft: Microsoft, item: Subscription) -> dict[str, Any]:
    return {
        "@odata.context": f"{microsoft.root()}/$metadata#subscriptions/$entity",
        "id": item.id,
        "resource": item.resource,
        "applicationId": item.client_id,
        "changeType": ",".join(item.change_types),
        "clientState": None,
        "notificationUrl": item.url,
        "lifecycleNotificationUrl": item.lifecycle_url or None,
        "expirationDateTime": _until(item),
        "creatorId": microsoft.state.mailboxes[item.email].id,
        "includeResourceData": None,
        "latestSupportedTlsVersion": "v1_2",
        "notificationQueryOptions": None,
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": None,
    }


def _until(item: Subscription) -> str:
    return times.stamp(datetime.fromtimestamp(item.expires_at_s, UTC))


def _mine(microsoft: Microsoft, call: Call) -> Subscription:
    _prune(microsoft)
    item = microsoft.state.subscriptions.get(call.path_args["subscription_id"])
    client_id = call.token.client_id if call.token else ""
    if item is None or item.client_id != client_id or (call.account and item.email != call.account):
        raise Refusal(404, "ResourceNotFound", _GONE)
    return item


def get(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET a subscription."""
    return _shown(microsoft, _mine(microsoft, call))


def listed(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET subscriptions of the calling program and person."""
    _prune(microsoft)
    client_id = call.token.client_id if call.token else ""
    found = [
        {name: value for name, value in _shown(microsoft, item).items() if not name.startswith("@")}
        for item in microsoft.state.subscriptions.values()
        if item.client_id == client_id and (not call.account or item.email == call.account)
    ]
    if call.one("$filter"):
        raise odata.bad("$filter is not supported for subscriptions.")
    return pages.listed(microsoft, call, found)


def patch(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """PATCH: renews; nothing else can be changed (I)."""
    item = _mine(microsoft, call)
    other = sorted(set(call.body) - {"expirationDateTime"})
    if other:
        raise Refusal(400, "ValidationError", f"{other[0]} cannot be changed.")
    item.expires_at_s = _expiry(microsoft, call.body.get("expirationDateTime"))
    _authorized(microsoft, item)
    return _shown(microsoft, item)


def reauthorize(microsoft: Microsoft, call: Call) -> Answer:
    """POST reauthorize."""
    _authorized(microsoft, _mine(microsoft, call))
    return Answer(status=200)


def _authorized(microsoft: Microsoft, item: Subscription) -> None:
    item.asked, item.authorized_at_s = False, microsoft.lab.clock.true_s()


def delete(microsoft: Microsoft, call: Call) -> None:
    """DELETE a subscription."""
    del microsoft.state.subscriptions[_mine(microsoft, call).id]


def _prune(microsoft: Microsoft) -> None:
    """Forget expired subscriptions; nobody is told."""
    now_s = microsoft.lab.clock.true_s()
    if not microsoft.lab.settings.never_expire_tokens:
        for item in list(microsoft.state.subscriptions.values()):
            if item.expires_at_s <= now_s:
                del microsoft.state.subscriptions[item.id]


# --- notifications


@dataclass(slots=True)
class _Receiver:
    """How fast one address answered lately."""

    answers: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=1000))
    dropped: int = 0


class Notifier:
    """Turns changes into POSTs."""

    def __init__(self, microsoft: Microsoft) -> None:
        self.microsoft = microsoft
        self.lab = microsoft.lab
        self.receivers: dict[str, _Receiver] = defaultdict(_Receiver)
        self._waiting: dict[str, list[tuple[Subscription, dict[str, Any]]]] = defaultdict(list)
        self._missed: dict[str, Subscription] = {}

    def changed(self, change: Change) -> None:
        """Tell every live subscription of a calendar."""
        _prune(self.microsoft)
        for item in list(self.microsoft.state.subscriptions.values()):
            if item.calendar != change.calendar.key:
                continue
            if item.grant and item.grant not in self.lab.tokens.grants:
                self.lifecycle(item, "subscriptionRemoved")
                continue
            if self._wants_reauthorization(item) or change.kind not in item.change_types:
                continue
            self._queue(item.url, item, self._entry(item, change))

    def _wants_reauthorization(self, item: Subscription) -> bool:
        limit_s = self.lab.settings.reauthorize_after_s
        if limit_s <= 0 or self.lab.clock.true_s() - item.authorized_at_s < limit_s:
            return False
        if not item.asked:
            self.lifecycle(item, "reauthorizationRequired")
        return True

    def _entry(self, item: Subscription, change: Change) -> dict[str, Any]:
        box = self.microsoft.state.mailboxes[item.email]
        event_id = self.microsoft.ids.item(change.key, change.generation, immutable=item.immutable)
        resource = f"Users/{box.id}/Events/{event_id}"
        return self._base(item) | {
            "changeType": change.kind,
            "resource": resource,
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Event",
                "@odata.id": resource,
                "@odata.etag": f'W/"{change.change_key}"',
                "id": event_id,
            },
        }

    def _base(self, item: Subscription) -> dict[str, Any]:
        entry = {
            "subscriptionId": item.id,
            "subscriptionExpirationDateTime": _until(item),
            "tenantId": self.microsoft.state.mailboxes[item.email].tenant,
        }
        return entry | ({"clientState": item.state} if item.state else {})

    def lifecycle(self, item: Subscription, event: str) -> bool:
        """Send a lifecycle notice, if there is an address for it; a removal takes the subscription away."""
        if event == "subscriptionRemoved":
            self.microsoft.state.subscriptions.pop(item.id, None)
        if event == "reauthorizationRequired":
            item.asked = True
        if not item.lifecycle_url:
            return False
        entry = self._base(item) | {"lifecycleEvent": event, "resource": item.resource}
        self._queue(item.lifecycle_url, item, entry)
        return True

    def _queue(self, address: str, item: Subscription, entry: dict[str, Any]) -> None:
        waiting = self._waiting[address]
        waiting.append((item, entry))
        if len(waiting) == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(self.lab.settings.notification_delay_s, self._flush, address)
        elif len(waiting) > _ENOUGH:
            waiting.pop(0)

    def _flush(self, address: str) -> None:
        waiting = self._waiting.pop(address, [])
        size = max(1, self.lab.settings.notification_batch)
        for start in range(0, len(waiting), size):
            part = waiting[start : start + size]
            if self._punished(address):
                self.receivers[address].dropped += len(part)
                for item, entry in part:
                    if "lifecycleEvent" not in entry:
                        self._missed[item.id] = item
                continue
            self._send(address, part)

    def _send(self, address: str, part: list[tuple[Subscription, dict[str, Any]]]) -> None:
        item = part[0][0]
        body = {"value": [entry for _item, entry in part]}
        for text in self.microsoft.api.errors("microsoft.graph.changeNotificationCollection", body):
            self.lab.journal.violations.append(
                {
                    "side": "webhook",
                    "method": "POST",
                    "path": address,
                    "operation": "webhook",
                    "text": text,
                }
            )

        def forged(forgery: str) -> bytes:
            changes = {
                "wrong_token": {"clientState": secrets.token_hex(8)},
                "unknown_channel": {"subscriptionId": guid()},
                "expired_channel": {"subscriptionExpirationDateTime": "2020-01-01T00:00:00Z"},
            }
            return json.dumps(
                {"value": [{**entry, **changes.get(forgery, {})} for _item, entry in part]}
            ).encode()

        self.lab.webhooks.post(
            Message(
                door="graph",
                account=item.email,
                channel=item.id,
                address=address,
                headers={"Content-Type": "application/json; charset=utf-8"},
                body=json.dumps(body).encode(),
                forged_body=forged,
                silence=lambda: self._forget(item),
                state=", ".join(
                    str(entry.get("lifecycleEvent") or entry.get("changeType")) for _item, entry in part
                ),
                insist=True,
                done=lambda outcome, took_s: self._done(address, outcome, took_s),
            )
        )

    def _forget(self, item: Subscription) -> None:
        self.microsoft.state.subscriptions.pop(item.id, None)

    def _done(self, address: str, outcome: str, took_s: float) -> None:
        slow = took_s > self.lab.settings.slow_answer_s or outcome == "TimeoutError"
        self.receivers[address].answers.append((self.lab.clock.true_s(), slow))
        if not self._punished(address):
            self.tell_missed(address)

    def tell_missed(self, address: str) -> None:
        """Tell subscriptions of an address that something was dropped, once it is fast again."""
        for item in [item for item in self._missed.values() if item.url == address]:
            del self._missed[item.id]
            if item.id in self.microsoft.state.subscriptions:
                self.lifecycle(item, "missed")

    def _punished(self, address: str) -> bool:
        settings, now_s = self.lab.settings, self.lab.clock.true_s()
        recent = [slow for at_s, slow in self.receivers[address].answers if now_s - at_s < _WINDOW_S]
        return len(recent) >= settings.slow_least and sum(recent) / len(recent) > settings.slow_share


ROOMS = {
    "graph.subscriptions.create": create,
    "graph.subscriptions.get": get,
    "graph.subscriptions.list": listed,
    "graph.subscriptions.patch": patch,
    "graph.subscriptions.delete": delete,
    "graph.subscriptions.reauthorize": reauthorize,
}
