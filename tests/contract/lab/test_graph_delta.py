"""calendarView/delta at the simulated Graph: windows, stubs, removals, tokens and their end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.lab.graph_client import (
    ADA,
    IMMUTABLE,
    Graph,
    Microsoft,
    error_of,
    events,
    host_of,
    timed,
    weekly,
)

PATH = "me/calendarView/delta"
WINDOW = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}


def removed(items: list[Any]) -> set[str]:
    return {item["id"] for item in items if "@removed" in item}


async def test_a_first_round_is_the_window_with_occurrences_as_stubs(graph: Graph) -> None:
    single = await graph.create(timed("2026-12-02"))
    master = await graph.create(weekly())
    await graph.create(timed("2027-06-01"))
    items, link, pages = await graph.pages(PATH, **WINDOW)
    assert pages > 1
    assert link.startswith(graph.lab.base)
    whole = {item["id"]: item for item in items}
    assert whole[single["id"]]["subject"] == "Visit"
    assert whole[master["id"]]["type"] == "seriesMaster"
    stubs = [item for item in items if item.get("type") == "occurrence"]
    assert len(stubs) == 4
    assert set(stubs[0]) == {"@odata.type", "@odata.etag", "id", "seriesMasterId", "type", "start", "end"}
    assert len(items) == 6


async def test_a_delta_tells_what_changed_and_a_quiet_one_nothing(graph: Graph) -> None:
    single = await graph.create(timed("2026-12-02"))
    other = await graph.create(timed("2026-12-03"))
    _, link, _ = await graph.pages(PATH, **WINDOW)
    items, link = await graph.delta(link)
    assert items == []
    await graph.ok("PATCH", events("", single["id"]), {"subject": "New"})
    await graph.ok("DELETE", events("", other["id"]))
    items, link = await graph.delta(link)
    assert [item["subject"] for item in items if "subject" in item] == ["New"]
    assert removed(items) == {other["id"]}
    assert (await graph.delta(link))[0] == []


async def test_events_outside_the_window_come_as_removed_unknown_ids_too(graph: Graph, ms: Microsoft) -> None:
    inside = await graph.create(timed("2026-12-02"))
    _, link, _ = await graph.pages(PATH, **WINDOW)
    far = await graph.create(timed("2027-06-01"))
    moved = {name: timed("2027-07-01")[name] for name in ("start", "end")}
    await graph.ok("PATCH", events("", inside["id"]), moved)
    items, _ = await graph.delta(link)
    assert removed(items) == {far["id"], inside["id"]}
    assert (await graph.call("GET", events("", inside["id"]))).status == 200
    await ms.set(delta_outside_removed=False)
    items, _ = await graph.delta(link)
    assert removed(items) == {inside["id"]}


@pytest.mark.parametrize("chance", [0.0, 1.0])
async def test_a_deleted_occurrence_comes_with_or_without_notice(
    graph: Graph, ms: Microsoft, chance: float
) -> None:
    await ms.set(delta_lost_occurrences=chance)
    master = await graph.create(weekly())
    items, link, _ = await graph.pages(PATH, **WINDOW)
    victim = next(
        item["id"] for item in items if item.get("start", {}).get("dateTime", "")[:10] == "2026-12-08"
    )
    await graph.ok("DELETE", events("", victim))
    items, _ = await graph.delta(link)
    assert removed(items) == (set() if chance else {victim})
    assert master["id"] in {item["id"] for item in items}
    assert victim not in {item["id"] for item in items if "@removed" not in item}


async def test_an_exception_comes_whole(graph: Graph) -> None:
    await graph.create(weekly())
    items, link, _ = await graph.pages(PATH, **WINDOW)
    one = next(item["id"] for item in items if item.get("type") == "occurrence")
    await graph.ok("PATCH", events("", one), {"subject": "Special"})
    items, _ = await graph.delta(link)
    assert [item["subject"] for item in items if item.get("type") == "exception"] == ["Special"]


@pytest.mark.parametrize("name", ["S_select", "S_filter", "S_expand", "S_orderby", "S_search"])
async def test_query_options_are_refused(graph: Graph, name: str) -> None:
    reply = await graph.call("GET", PATH, **WINDOW, **{name: "subject"})
    assert (reply.status, error_of(reply)) == (400, "ErrorInvalidUrlQuery")


async def test_the_window_is_frozen_in_the_token(graph: Graph) -> None:
    _, link, _ = await graph.pages(PATH, **WINDOW)
    late = await graph.create(timed("2027-06-01"))
    items, _ = await graph.delta(
        f"{link}&startDateTime=2027-01-01T00%3A00%3A00Z&endDateTime=2027-12-31T00%3A00%3A00Z"
    )
    assert removed(items) == {late["id"]}
    assert (await graph.call("GET", PATH)).status == 400


async def test_pages_follow_the_preferred_size_and_ids_the_preferred_form(
    graph: Graph, ms: Microsoft
) -> None:
    await ms.set(page_cap=50, empty_page_chance=0.0)
    for day in range(1, 6):
        await graph.create(timed(f"2026-12-0{day}"))
    headers = {"Prefer": 'odata.maxpagesize=2, IdType="ImmutableId"'}
    items, link, pages = await graph.pages(PATH, headers=headers, **WINDOW)
    assert (len(items), pages) == (5, 3)
    assert (await graph.call("GET", events("", items[0]["id"]), headers=IMMUTABLE)).body["id"] == items[0][
        "id"
    ]
    assert (await graph.delta(link, headers))[0] == []


async def test_empty_pages_with_a_next_link_happen(graph: Graph, ms: Microsoft) -> None:
    await ms.set(empty_page_chance=1.0)
    for day in range(1, 6):
        await graph.create(timed(f"2026-12-0{day}"))
    items, _, pages = await graph.pages(PATH, **WINDOW)
    assert (len(items), pages) == (5, 3)


async def test_a_token_ends_by_age_by_number_of_changes_and_on_demand(graph: Graph, ms: Microsoft) -> None:
    await graph.create(timed("2026-12-02"))
    _, link, _ = await graph.pages(PATH, **WINDOW)
    await ms.advance(31 * 86400)
    token = await ms.graph()
    reply = await token.follow(link)
    assert (reply.status, error_of(reply)) == (410, "syncStateNotFound")
    _, link, _ = await token.pages(PATH, **WINDOW)
    await ms.set(delta_token_changes=0)
    await token.create(timed("2026-12-03"))
    assert (await token.follow(link)).status == 410
    await ms.set(delta_token_changes=100_000)
    assert (await token.follow(link)).status == 200
    await ms.control("POST", "microsoft/expire-delta-tokens", account=ADA)
    assert (await token.follow(link)).status == 410


async def test_a_link_of_another_mailbox_or_a_broken_one_is_refused(graph: Graph, ms: Microsoft) -> None:
    _, link, _ = await graph.pages(PATH, **WINDOW)
    ben = await ms.graph("ben@example.org")
    reply = await ben.follow(link)
    assert (reply.status, error_of(reply)) == (400, "SyncStateInvalid")
    assert (await graph.follow(link[:-6])).status == 400


async def test_a_move_out_of_the_calendar_is_a_removal_there(graph: Graph, ms: Microsoft) -> None:
    await graph.ok("POST", "me/calendars", {"name": "Room"})
    made = await graph.create(timed("2026-12-02"), headers=IMMUTABLE)
    _, link, _ = await graph.pages(PATH, headers=IMMUTABLE, **WINDOW)
    await ms.control("POST", "microsoft/move", account=ADA, event_id=made["id"], to="Room")
    items, _ = await graph.delta(link, IMMUTABLE)
    assert removed(items) == {made["id"]}


async def test_faults_of_a_round_tell_410_lead_away_and_repeat(graph: Graph, ms: Microsoft) -> None:
    for day in range(1, 6):
        await graph.create(timed(f"2026-12-0{day}"))
    await ms.set(empty_page_chance=0.0)
    _, link, _ = await graph.pages(PATH, **WINDOW)
    for kind, code in (("graph_410_state", "syncStateNotFound"), ("graph_410_resync", "resyncRequired")):
        await ms.fault(kind)
        reply = await graph.follow(link)
        assert (reply.status, error_of(reply)) == (410, code)
    await ms.fault("graph_page_foreign")
    reply = await graph.call("GET", PATH, **WINDOW)
    assert host_of(reply.body["@odata.nextLink"]) == "graph.attacker.example"
    await ms.fault("graph_page_repeat")
    items, _, _ = await graph.pages(PATH, **WINDOW)
    assert len(items) == 6
    assert len({item["id"] for item in items}) == 5
    reply = await graph.call("GET", PATH, **WINDOW)
    await ms.fault("graph_410_paging")
    assert (await graph.follow(reply.body["@odata.nextLink"])).status == 410


async def test_a_lagging_read_misses_a_write_and_the_next_delta_tells_it(graph: Graph, ms: Microsoft) -> None:
    _, link, _ = await graph.pages(PATH, **WINDOW)
    await ms.set(list_lag_s=5.0)
    await graph.create(timed("2026-12-02"))
    items, link = await graph.delta(link)
    assert items == []
    await ms.advance(6)
    assert [item["subject"] for item in (await graph.delta(link))[0]] == ["Visit"]


async def test_a_change_between_two_pages_loses_nothing_and_comes_again(graph: Graph, ms: Microsoft) -> None:
    await ms.set(empty_page_chance=0.0)
    made = [await graph.create(timed(f"2026-12-0{day}")) for day in range(1, 8)]
    first = await graph.call("GET", PATH, **WINDOW)
    for item in made[:2]:
        await graph.ok("PATCH", events("", item["id"]), {"subject": "New"})
    await graph.ok("DELETE", events("", made[2]["id"]))
    items, link, _ = await graph.rest(first)
    assert {item["id"] for item in items} == {item["id"] for item in made}
    later, _ = await graph.delta(link)
    assert removed(later) == {made[2]["id"]}
    assert {item["id"] for item in later if item.get("subject") == "New"} == {item["id"] for item in made[:2]}


async def test_an_expired_token_may_ask_for_a_resync_with_a_fresh_address(
    graph: Graph, ms: Microsoft
) -> None:
    await ms.set(delta_gone_code="resyncRequired")
    _, link, _ = await graph.pages(PATH, **WINDOW)
    await ms.control("POST", "microsoft/expire-delta-tokens")
    reply = await graph.follow(link)
    assert (reply.status, error_of(reply)) == (410, "resyncRequired")
    assert reply.headers["Location"] == f"{ms.base}/v1.0/{PATH}"
