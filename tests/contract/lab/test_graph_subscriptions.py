"""Subscriptions at the simulated Graph: handshake, notifications, life, lifecycle notices, slow receivers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from tests.contract.lab.graph_client import (
    ADA,
    BEN,
    CLIENT_ID,
    IMMUTABLE,
    Graph,
    Microsoft,
    error_of,
    events,
    timed,
)


class Receiver:
    """A gateway's side of notifications."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.raw: list[bytes] = []
        self.asked: list[str] = []
        self.manner = "good"
        self.status = 202
        self.pause_s = 0.0
        self.url = ""
        self.gives_up = asyncio.Event()
        self.refuses = False

    async def handle(self, request: web.Request) -> web.Response:
        token = request.query.get("validationToken")
        if token is not None:
            self.asked.append(token)
            match self.manner:
                case "silent":
                    await self.gives_up.wait()
                    if self.refuses:
                        return web.Response(status=403)
                case "html":
                    return web.Response(text=token, content_type="text/html")
                case "encoded":
                    return web.Response(text=request.rel_url.raw_query_string.partition("=")[2])
                case "refusing":
                    return web.Response(status=403)
            return web.Response(text=token)
        await asyncio.sleep(self.pause_s)
        self.raw.append(await request.read())
        try:
            self.bodies.append(await request.json())
        except ValueError:
            self.bodies.append(None)
        return web.Response(status=self.status)

    def entries(self) -> list[dict[str, Any]]:
        """All notifications that came, in order."""
        return [entry for body in self.bodies if body for entry in body["value"]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application(client_max_size=10_000_000)
    app.add_routes([web.post("/{rest:.*}", made.handle)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.gives_up.set()
    await runner.cleanup()


@pytest.fixture(autouse=True)
async def plain_webhooks(ms: Microsoft) -> None:
    await ms.set(webhook_http=True, webhook_backoff_s=0.01)


async def wish(ms: Microsoft, receiver: Receiver, minutes: float = 1000, **changes: Any) -> dict[str, Any]:
    """Return the body of a new subscription."""
    now = datetime.fromisoformat((await ms.control("GET", "clock"))["now"])
    until = (now + timedelta(minutes=minutes)).astimezone(UTC)
    return {
        "changeType": "created,updated,deleted",
        "resource": "me/events",
        "notificationUrl": f"{receiver.url}/graph?link=7",
        "lifecycleNotificationUrl": f"{receiver.url}/lifecycle",
        "clientState": "s3cret",
        "expirationDateTime": until.isoformat().replace("+00:00", "Z"),
    } | changes


async def test_both_addresses_shake_hands_during_the_create_call(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    reply = await graph.call("POST", "subscriptions", await wish(ms, receiver))
    assert reply.status == 201
    assert len(set(receiver.asked)) == 2
    assert reply.body["clientState"] is None
    assert (await graph.ok("GET", f"subscriptions/{reply.body['id']}"))["applicationId"] == CLIENT_ID
    assert len((await graph.pages("subscriptions"))[0]) == 1


@pytest.mark.parametrize("manner", ["silent", "html", "encoded", "refusing"])
async def test_a_receiver_that_does_not_prove_itself_gets_no_subscription(
    ms: Microsoft, graph: Graph, receiver: Receiver, manner: str
) -> None:
    await ms.set(handshake_timeout_s=0.2)
    receiver.manner = manner
    reply = await graph.call("POST", "subscriptions", await wish(ms, receiver))
    assert (reply.status, error_of(reply)) == (400, "ValidationError")
    assert (await graph.pages("subscriptions"))[0] == []
    await ms.set(skip_handshake=True)
    assert (await graph.call("POST", "subscriptions", await wish(ms, receiver))).status == 201


async def test_the_handshake_leaves_other_calls_alone(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await ms.set(handshake_timeout_s=60.0)
    receiver.manner = "silent"
    body = await wish(ms, receiver)
    making = asyncio.create_task(graph.call("POST", "subscriptions", body))
    async with asyncio.timeout(30):
        while not receiver.asked:
            await asyncio.sleep(0.01)
        assert (await graph.call("GET", "me/events")).status == 200
        assert not making.done()
        receiver.refuses = True
        receiver.gives_up.set()
        assert (await making).status == 400


async def test_changes_are_told_with_client_state_and_several_in_one_post(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await ms.set(notification_delay_s=0.8)
    made = await graph.ok("POST", "subscriptions", await wish(ms, receiver), headers=IMMUTABLE)
    event = await graph.create(headers=IMMUTABLE)
    await graph.ok("PATCH", events("", event["id"]), {"subject": "x"})
    await graph.ok("DELETE", events("", event["id"]))
    await ms.idle()
    assert len(receiver.bodies) == 1
    entries = receiver.entries()
    assert [entry["changeType"] for entry in entries] == ["created", "updated", "deleted"]
    assert {entry["clientState"] for entry in entries} == {"s3cret"}
    assert {entry["subscriptionId"] for entry in entries} == {made["id"]}
    assert {entry["resourceData"]["id"] for entry in entries} == {event["id"]}


async def test_change_types_and_calendars_limit_what_is_told(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    room = await graph.ok("POST", "me/calendars", {"name": "Room"})
    body = await wish(ms, receiver, changeType="deleted", resource=f"/me/calendars/{room['id']}/events")
    await graph.ok("POST", "subscriptions", body)
    await graph.create()
    event = await graph.create(calendar=room["id"])
    await graph.ok("DELETE", events(room["id"], event["id"]))
    await ms.idle()
    assert [entry["changeType"] for entry in receiver.entries()] == ["deleted"]


@pytest.mark.parametrize(("minutes", "status"), [(10_079, 201), (10_082, 400), (-1, 400)])
async def test_a_subscription_lives_at_most_seven_days(
    ms: Microsoft, graph: Graph, receiver: Receiver, minutes: float, status: int
) -> None:
    body = await wish(ms, receiver, minutes)
    assert (await graph.call("POST", "subscriptions", body)).status == status


async def test_short_lives_are_raised_renewed_and_end_with_404(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    made = await graph.ok("POST", "subscriptions", await wish(ms, receiver, 1))
    path = f"subscriptions/{made['id']}"
    await ms.advance(40 * 60)
    until = (await wish(ms, receiver, 60))["expirationDateTime"]
    renewed = await graph.ok("PATCH", path, {"expirationDateTime": until})
    assert renewed["expirationDateTime"][:16] == until[:16]
    reply = await graph.call("PATCH", path, {"expirationDateTime": until, "clientState": "other"})
    assert reply.status == 400
    await ms.advance(61 * 60)
    later = await ms.graph()
    reply = await later.call("PATCH", path, {"expirationDateTime": until})
    assert (reply.status, error_of(reply)) == (404, "ResourceNotFound")
    await later.create()
    assert await ms.idle() == []


async def test_the_three_lifecycle_notices_come_to_their_own_address(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    made = await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    for event in ("missed", "reauthorizationRequired", "subscriptionRemoved"):
        await ms.control("POST", "microsoft/lifecycle", subscription=made["id"], event=event)
        await ms.idle()
    assert [entry["lifecycleEvent"] for entry in receiver.entries()] == [
        "missed",
        "reauthorizationRequired",
        "subscriptionRemoved",
    ]
    assert (await graph.call("GET", f"subscriptions/{made['id']}")).status == 404


async def test_without_reauthorization_nothing_more_is_sent(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await ms.set(reauthorize_after_s=600.0)
    made = await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    await ms.advance(601)
    await graph.create()
    await graph.create(timed("2026-12-02"))
    await ms.idle()
    assert [entry.get("lifecycleEvent") for entry in receiver.entries()] == ["reauthorizationRequired"]
    assert (await graph.call("POST", f"subscriptions/{made['id']}/reauthorize")).status == 200
    await graph.create(timed("2026-12-03"))
    await ms.idle()
    assert [entry.get("changeType") for entry in receiver.entries()] == [None, "created"]


async def test_withdrawn_consent_removes_the_subscription_with_a_notice(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    await ms.control("POST", "microsoft/revoke", account=ADA, client_id=CLIENT_ID)
    await ms.control("POST", "microsoft/events", account=ADA, event=timed())
    await ms.idle()
    assert [entry.get("lifecycleEvent") for entry in receiver.entries()] == ["subscriptionRemoved"]


async def test_a_slow_receiver_loses_notifications_and_hears_that_it_missed_some(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await ms.set(slow_answer_s=0.4, slow_least=2, notification_delay_s=0.001)
    made = await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    receiver.pause_s = 0.5
    for day in range(1, 6):
        await graph.create(timed(f"2026-12-0{day}"))
        await ms.idle()
    assert len(receiver.entries()) == 2
    dropped = (await ms.control("GET", "microsoft/subscriptions"))["dropped"]
    assert sum(dropped.values()) == 3
    receiver.pause_s = 0.0
    await ms.advance(601)
    await graph.create(timed("2026-12-07"))
    await ms.idle()
    assert [entry.get("lifecycleEvent") for entry in receiver.entries()][-2:] == [None, "missed"]
    assert made["id"] in {entry["subscriptionId"] for entry in receiver.entries()}


async def test_anything_but_2xx_is_repeated(ms: Microsoft, graph: Graph, receiver: Receiver) -> None:
    await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    receiver.status = 404
    await graph.create()
    sent = await ms.idle()
    assert (sent[-1]["outcome"], sent[-1]["tries"]) == ("404", 5)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("webhook_doubled", lambda seen: len(seen) == 2 and seen[0] == seen[1]),
        ("webhook_lost", lambda seen: seen == []),
        (
            "webhook_wrong_token",
            lambda seen: {item["clientState"] == "s3cret" for item in seen} == {True, False},
        ),
        ("webhook_unknown_channel", lambda seen: len({item["subscriptionId"] for item in seen}) == 2),
    ],
)
async def test_faulty_notifications(
    ms: Microsoft, graph: Graph, receiver: Receiver, kind: str, check: Any
) -> None:
    await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    await ms.fault(kind)
    await graph.create()
    await ms.idle()
    assert check(receiver.entries())


async def test_huge_and_unreadable_notifications_and_a_silent_end(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    for kind in ("webhook_huge", "webhook_not_json", "webhook_channel_gone"):
        await ms.fault(kind)
        await graph.create()
        await ms.idle()
    assert [len(raw) > 1_000_000 for raw in receiver.raw] == [True, False]
    assert (await graph.pages("subscriptions"))[0] == []


async def test_another_person_s_calendar_or_an_unknown_resource_cannot_be_watched(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    for resource, status in (
        ("users/ben@example.org/events", 403),
        ("me/messages", 400),
        ("groups/1/events", 400),
    ):
        body = await wish(ms, receiver, resource=resource)
        assert (await graph.call("POST", "subscriptions", body)).status == status
    ben = await ms.graph(BEN)
    made = await ben.ok("POST", "subscriptions", await wish(ms, receiver))
    assert (await graph.call("DELETE", f"subscriptions/{made['id']}")).status == 404
    assert (await ben.call("DELETE", f"subscriptions/{made['id']}")).status == 204


@pytest.mark.provokes_violations
async def test_http_addresses_and_long_client_states_are_refused(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    body = await wish(ms, receiver, clientState="x" * 129)
    assert (await graph.call("POST", "subscriptions", body)).status == 400
    await ms.set(webhook_http=False)
    assert (await graph.call("POST", "subscriptions", await wish(ms, receiver))).status == 400


async def test_refused_creations_and_renewals_as_faults(
    ms: Microsoft, graph: Graph, receiver: Receiver
) -> None:
    await ms.fault("graph_subscription_refused")
    assert (await graph.call("POST", "subscriptions", await wish(ms, receiver))).status == 400
    body = await wish(ms, receiver)
    made = await graph.ok("POST", "subscriptions", body)
    await ms.fault("graph_renewal_refused")
    until = {"expirationDateTime": body["expirationDateTime"]}
    assert (await graph.call("PATCH", f"subscriptions/{made['id']}", until)).status == 404


@pytest.mark.parametrize("wide", [True, False])
async def test_me_events_means_the_whole_mailbox_or_the_default_calendar(
    ms: Microsoft, graph: Graph, receiver: Receiver, wide: bool
) -> None:
    await ms.set(mailbox_wide_events=wide)
    room = await graph.ok("POST", "me/calendars", {"name": "Room"})
    await graph.ok("POST", "subscriptions", await wish(ms, receiver))
    await graph.create(calendar=room["id"])
    await graph.create()
    await ms.idle()
    assert len(receiver.entries()) == 1 + wide
    assert len((await graph.pages("me/events"))[0]) == 1 + wide
