"""Limits, errors and batches of the simulated Graph."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.lab.app import Laboratory
from tests.contract.lab.graph_client import ADA, BEN, Graph, Microsoft, error_of, events, timed


async def test_a_fifth_call_at_once_for_one_mailbox_is_429_with_retry_after(
    ms: Microsoft, graph: Graph
) -> None:
    await ms.set(graph_latency_s=0.6)
    ben = await ms.graph(BEN)
    replies = await asyncio.gather(
        *(graph.call("GET", "me/events") for _ in range(6)), *(ben.call("GET", "me/events") for _ in range(3))
    )
    assert sorted(reply.status for reply in replies[:6]) == [200, 200, 200, 200, 429, 429]
    assert {reply.status for reply in replies[6:]} == {200}
    refused = next(reply for reply in replies if reply.status == 429)
    assert error_of(refused) == "ApplicationThrottled"
    assert refused.headers["Retry-After"] == "1"
    assert (await graph.call("GET", "me/events")).status == 200


async def test_an_aborted_call_frees_its_place(ms: Microsoft, graph: Graph, redmond: Laboratory) -> None:
    await ms.set(graph_latency_s=1.0)
    tasks = [asyncio.create_task(graph.call("GET", "me/events")) for _ in range(4)]
    in_flight = redmond.microsoft.in_flight
    async with asyncio.timeout(30):
        while list(in_flight.values()) != [4]:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while list(in_flight.values()) != [0]:
            await asyncio.sleep(0.01)


async def test_ten_thousand_requests_in_ten_minutes_roll_with_the_clock(ms: Microsoft, graph: Graph) -> None:
    await ms.set(mailbox_per_10_minutes=3.0)
    statuses = [(await graph.call("GET", "me/events")).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    await ms.advance(200)
    assert (await graph.call("GET", "me/events")).status == 200


async def test_errors_carry_code_and_ids(ms: Microsoft, graph: Graph) -> None:
    headers = {"client-request-id": "mine-1", "return-client-request-id": "true"}
    reply = await graph.call("GET", events("", "AAMkADnonsense"), headers=headers)
    assert (reply.status, error_of(reply)) == (400, "ErrorInvalidIdMalformed")
    assert reply.headers["client-request-id"] == "mine-1"
    assert reply.headers["request-id"] == reply.body["error"]["innerError"]["request-id"]
    stranger = Graph(ms, "nonsense")
    reply = await stranger.call("GET", "me/events")
    assert (reply.status, error_of(reply)) == (401, "InvalidAuthenticationToken")
    assert "Bearer" in reply.headers["WWW-Authenticate"]
    reply = await graph.call("GET", f"users/{BEN}/events")
    assert (reply.status, error_of(reply)) == (403, "ErrorAccessDenied")
    assert (await graph.call("GET", f"users/{ADA}/events")).status == 200


async def test_an_access_token_ends(ms: Microsoft, graph: Graph) -> None:
    await ms.advance(3601)
    assert (await graph.call("GET", "me/events")).status == 401
    await ms.set(never_expire_tokens=True)
    assert (await graph.call("GET", "me/events")).status == 200


def batch(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"requests": [{"id": str(number), **entry} for number, entry in enumerate(entries, start=1)]}


async def test_a_batch_answers_each_entry_with_its_own_status(ms: Microsoft, graph: Graph) -> None:
    made = await graph.create()
    json = {"Content-Type": "application/json"}
    path = "/" + events("", made["id"])
    answer = await graph.ok(
        "POST",
        "$batch",
        batch(
            {"method": "GET", "url": path},
            {"method": "POST", "url": "/me/events", "body": timed("2026-12-02"), "headers": json},
            {
                "method": "PATCH",
                "url": path,
                "body": {"subject": "x"},
                "headers": {**json, "If-Match": 'W/"old"'},
            },
            {"method": "GET", "url": "/me/events?$filter=subject%20eq%20'Visit'&$top=1"},
        ),
    )
    status = {item["id"]: item["status"] for item in answer["responses"]}
    assert status == {"1": 200, "2": 201, "3": 412, "4": 200}
    bodies = {item["id"]: item["body"] for item in answer["responses"]}
    assert bodies["3"]["error"]["code"] == "ErrorIrresolvableConflict"
    assert len(bodies["4"]["value"]) == 1


async def test_a_batch_throttles_the_fifth_of_a_mailbox_unless_they_wait_for_each_other(
    ms: Microsoft, graph: Graph
) -> None:
    entries = [{"method": "GET", "url": "/me/calendar"} for _ in range(6)]
    answer = await graph.ok("POST", "$batch", batch(*entries))
    assert sorted(item["status"] for item in answer["responses"]) == [200, 200, 200, 200, 429, 429]
    assert all(item["headers"]["Retry-After"] for item in answer["responses"] if item["status"] == 429)
    chained = batch(*entries)
    for number, entry in enumerate(chained["requests"][1:], start=1):
        entry["dependsOn"] = [str(number)]
    answer = await graph.ok("POST", "$batch", chained)
    assert {item["status"] for item in answer["responses"]} == {200}
    await ms.set(batch_fifth_throttled=False)
    answer = await graph.ok("POST", "$batch", batch(*entries))
    assert {item["status"] for item in answer["responses"]} == {200}


async def test_what_depends_on_a_failed_entry_fails(graph: Graph) -> None:
    entries = batch(
        {"method": "GET", "url": "/" + events("", "AAMkADx=")},
        {"method": "GET", "url": "/me/calendar", "dependsOn": ["1"]},
    )
    answer = await graph.ok("POST", "$batch", entries)
    assert {item["id"]: item["status"] for item in answer["responses"]} == {"1": 400, "2": 424}


@pytest.mark.provokes_violations
async def test_a_batch_holds_at_most_twenty(graph: Graph) -> None:
    entries = [{"method": "GET", "url": "/me/calendar"} for _ in range(21)]
    assert (await graph.call("POST", "$batch", batch(*entries))).status == 400


async def test_batches_answer_in_any_order(ms: Microsoft, graph: Graph) -> None:
    await ms.set(batch_fifth_throttled=False)
    entries = [{"method": "GET", "url": "/me/calendar"} for _ in range(12)]
    orders = set()
    for _ in range(4):
        answer = await graph.ok("POST", "$batch", batch(*entries))
        orders.add(tuple(item["id"] for item in answer["responses"]))
    assert len(orders) > 1
