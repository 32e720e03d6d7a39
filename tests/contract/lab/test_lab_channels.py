"""Push channels of the simulated Google, and the faults of their messages."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.contract.lab.lab_client import ADA, CLIENT_ID, LabClient, events, timed


class Receiver:
    """A receiver of webhooks."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.address = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.messages.append((dict(request.headers), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application(client_max_size=10 * 1024**2)
    app.router.add_post("/hook", made.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def watch(lab: LabClient, receiver: Receiver, channel: str = "c1", **more: Any) -> Any:
    await lab.set(webhook_http=True, webhook_backoff_s=0.01)
    api = await lab.api()
    body = {"id": channel, "type": "web_hook", "address": receiver.address, "token": "secret"} | more
    reply = await api.call("POST", f"{events()}/watch", body)
    assert reply.status == 200, reply.body
    await lab.control("POST", "webhooks/idle")
    return api, reply.body


def states(receiver: Receiver) -> list[str]:
    return [headers["X-Goog-Resource-State"] for headers, _body in receiver.messages]


async def test_a_channel_says_sync_then_exists_with_an_empty_body(lab: LabClient, receiver: Receiver) -> None:
    api, channel = await watch(lab, receiver)
    await api.insert(timed())
    await lab.control("POST", "webhooks/idle")
    assert states(receiver) == ["sync", "exists"]
    headers, body = receiver.messages[0]
    assert (headers["X-Goog-Channel-ID"], headers["X-Goog-Channel-Token"], body) == ("c1", "secret", b"")
    assert (headers["X-Goog-Message-Number"], headers["X-Goog-Resource-ID"]) == ("1", channel["resourceId"])
    wrong = await api.call("POST", "channels/stop", {"id": "c1", "resourceId": "other"})
    assert wrong.status == 404
    assert (
        await api.call("POST", "channels/stop", {"id": "c1", "resourceId": channel["resourceId"]})
    ).status == 204
    await api.insert(timed())
    await lab.control("POST", "webhooks/idle")
    assert len(receiver.messages) == 2


async def test_https_unique_ids_and_lengths_are_required(lab: LabClient, receiver: Receiver) -> None:
    api, _ = await watch(lab, receiver)
    path = f"{events()}/watch"
    body = {"id": "c1", "type": "web_hook", "address": receiver.address}
    assert (await api.call("POST", path, body)).reason == "channelIdNotUnique"
    assert (await api.call("POST", path, body | {"id": "x" * 65})).status == 400
    assert (await api.call("POST", path, body | {"id": "c2", "token": "x" * 257})).status == 400
    await lab.set(webhook_http=False)
    assert (await api.call("POST", path, body | {"id": "c3"})).reason == "push.webhookUrlNotHttps"


async def test_channels_end_by_their_expiration_and_with_the_grant(
    lab: LabClient, receiver: Receiver
) -> None:
    soon = int((time.time() + 3600) * 1000)
    api, channel = await watch(lab, receiver, expiration=str(soon))
    assert abs(int(channel["expiration"]) - soon) < 2000
    _, capped = await watch(lab, receiver, "c2", params={"ttl": "9999999"})
    assert int(capped["expiration"]) < (time.time() + 604_900) * 1000
    await lab.advance(3601)
    api.token = await lab.token()
    await api.insert(timed())
    await lab.control("POST", "webhooks/idle")
    assert states(receiver) == ["sync", "sync", "exists"]
    await lab.control("POST", "google/revoke", account=ADA, client_id=CLIENT_ID)
    api.token = await lab.token()
    await api.insert(timed())
    await lab.control("POST", "webhooks/idle")
    assert len(receiver.messages) == 3


async def test_messages_are_repeated_only_after_server_errors(lab: LabClient, receiver: Receiver) -> None:
    api, _ = await watch(lab, receiver)
    for statuses, deliveries in (([500, 502, 503, 200], 4), ([404], 1), ([504] * 9, 5)):
        receiver.messages.clear()
        receiver.statuses = list(statuses)
        await api.insert(timed())
        await lab.control("POST", "webhooks/idle")
        assert len(receiver.messages) == deliveries
        receiver.statuses = []


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("doubled", 2), ("lost", 0), ("delayed", 1), ("wrong_token", 2), ("unknown_channel", 2),
        ("expired_channel", 2), ("huge", 1), ("not_json", 1), ("channel_gone", 0),
    ],
)  # fmt: skip
async def test_faults_of_messages(lab: LabClient, receiver: Receiver, kind: str, count: int) -> None:
    api, _ = await watch(lab, receiver)
    receiver.messages.clear()
    await lab.fault(f"webhook_{kind}", params={"seconds": 0.05})
    await api.insert(timed())
    await lab.control("POST", "webhooks/idle")
    assert len(receiver.messages) == count
    assert (await lab.fired())[f"webhook_{kind}"] == 1
    if kind == "channel_gone":
        assert (await lab.control("GET", "google/channels"))["channels"] == []
    if kind == "wrong_token":
        assert {headers["X-Goog-Channel-Token"] == "secret" for headers, _ in receiver.messages} == {
            True,
            False,
        }


async def test_a_message_can_be_overtaken(lab: LabClient, receiver: Receiver) -> None:
    api, _ = await watch(lab, receiver)
    receiver.messages.clear()
    await lab.fault("webhook_reordered", params={"seconds": 20})
    await api.insert(timed())
    await api.insert(timed())
    await lab.control("POST", "webhooks/idle")
    numbers = [int(headers["X-Goog-Message-Number"]) for headers, _ in receiver.messages]
    assert numbers == sorted(numbers, reverse=True)
