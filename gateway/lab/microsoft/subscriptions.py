"""Subscriptions: handshake, life, renewal. What they say is written in ``notifications``."""

from __future__ import annotations

import html
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from gateway.lab.core.calls import Answer
from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import odata, pages, times
from gateway.lab.microsoft.model import Subscription, guid

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Calendar
    from gateway.lab.microsoft.world import Microsoft

_STATE_CAP = 128
_URLS = ("notificationUrl", "lifecycleNotificationUrl")
_RESOURCE = re.compile(
    r"(?:v1\.0/)?(?:me|users/(?P<user_id>[^/]+))/(?:(?P<wide>events)|calendar/events|calendars/(?P<calendar_id>.+)/events)",
    re.IGNORECASE,
)
"""An id may hold slashes, encoded or not."""
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
    """Return an empty text when the receiver echoes a token, decoded, as plain text; else the problem."""
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
    calendar, wide = _watched(microsoft, call, str(body["resource"]))
    expires_at_s = _expiry(microsoft, body["expirationDateTime"])
    prune(microsoft)
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
        calendar="" if wide else calendar.key,
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


def _watched(microsoft: Microsoft, call: Call, resource: str) -> tuple[Calendar, bool]:
    """Return the calendar behind a resource, and whether its whole mailbox is meant; raises Refusal."""
    match = _RESOURCE.fullmatch(resource.strip("/"))
    if match is None:
        raise Refusal(400, "ExtensionError", f"The resource {resource[:100]!r} is not supported.")
    found = match.groupdict()
    wide = bool(found.pop("wide")) and microsoft.lab.settings.mailbox_wide_events
    arguments = {name: unquote(value) for name, value in found.items() if value}
    kept, call.path_args = call.path_args, arguments
    try:
        calendar = microsoft.calendar(call)
        box = microsoft.mailbox(call)
    finally:
        call.path_args = kept
    if calendar.owner != box.email:
        raise Refusal(403, "ErrorAccessDenied", "Shared folders can be watched by applications only.")
    return calendar, wide


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
        "expirationDateTime": until(item),
        "creatorId": microsoft.state.mailboxes[item.email].id,
        "includeResourceData": None,
        "latestSupportedTlsVersion": "v1_2",
        "notificationQueryOptions": None,
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": None,
    }


def until(item: Subscription) -> str:
    """Return when a subscription ends, as answers show it."""
    return times.stamp(datetime.fromtimestamp(item.expires_at_s, UTC))


def _mine(microsoft: Microsoft, call: Call) -> Subscription:
    prune(microsoft)
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
    prune(microsoft)
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


def prune(microsoft: Microsoft) -> None:
    """Forget expired subscriptions; nobody is told."""
    now_s = microsoft.lab.clock.true_s()
    if not microsoft.lab.settings.never_expire_tokens:
        for item in list(microsoft.state.subscriptions.values()):
            if item.expires_at_s <= now_s:
                del microsoft.state.subscriptions[item.id]


ROOMS = {
    "graph.subscriptions.create": create,
    "graph.subscriptions.get": get,
    "graph.subscriptions.list": listed,
    "graph.subscriptions.patch": patch,
    "graph.subscriptions.delete": delete,
    "graph.subscriptions.reauthorize": reauthorize,
}
