"""Notifications: what changed items and lifecycle events say to whom.

They are gathered for a moment and sent together, several of one receiver in one POST. A receiver that
answers slowly too often loses what is meant for it.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.lab.core.webhooks import Message
from gateway.lab.microsoft import subscriptions
from gateway.lab.microsoft.model import Subscription, guid

if TYPE_CHECKING:
    from gateway.lab.microsoft.world import Change, Microsoft

_WINDOW_S = 600.0
_ENOUGH = 20_000


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
        self.lab.on_reset.append(self.forget)

    def forget(self) -> None:
        """Start without receivers and without anything to send."""
        self.receivers.clear()
        self._waiting.clear()
        self._missed.clear()

    def changed(self, change: Change) -> None:
        """Tell every live subscription of a calendar."""
        subscriptions.prune(self.microsoft)
        for item in list(self.microsoft.state.subscriptions.values()):
            if item.email != change.calendar.owner or item.calendar not in {"", change.calendar.key}:
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
            "subscriptionExpirationDateTime": subscriptions.until(item),
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
            delay_s = self.lab.settings.notification_delay_s
            self.lab.webhooks.later(delay_s, lambda: self._flush(address))
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
