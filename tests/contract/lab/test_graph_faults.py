"""Faults and mutations of the simulated Graph, its pages and its command line."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.lab.app import make_lab
from gateway.lab.core.settings import Settings
from gateway.lab.microsoft.description import GraphDescription
from gateway.lab.microsoft.rooms import ROOMS
from tests.contract.lab.graph_client import (
    ADA,
    EXPAND,
    MARKER,
    Graph,
    Microsoft,
    all_day,
    error_of,
    events,
    timed,
    weekly,
)

ANSWERS = {
    "429_seconds": (429, "ApplicationThrottled"),
    "503_before": (503, "ErrorInternalServerTransientError"),
    "500_after": (500, "ErrorInternalServerTransientError"),
    "401": (401, "InvalidAuthenticationToken"),
    "graph_401_claims": (401, "InvalidAuthenticationToken"),
    "graph_403_access": (403, "ErrorAccessDenied"),
    "graph_404_mailbox": (404, "MailboxNotEnabledForRESTAPI"),
    "graph_503_move": (503, "ErrorMailboxMoveInProgress"),
    "graph_507_quota": (507, "ErrorQuotaExceeded"),
    "graph_509_bandwidth": (509, "BandwidthLimitExceeded"),
    "graph_transaction_taken": (409, "ErrorDuplicateTransactionId"),
}


@pytest.mark.parametrize("kind", sorted(ANSWERS))
async def test_refusals_come_in_graph_s_envelope(ms: Microsoft, graph: Graph, kind: str) -> None:
    await ms.fault(kind)
    reply = await graph.call("POST", "me/events", timed(transactionId="try-1"))
    assert (reply.status, error_of(reply)) == ANSWERS[kind]
    assert (await ms.fired())[kind] == 1
    if kind == "graph_401_claims":
        assert "claims=" in reply.headers["WWW-Authenticate"]


async def test_a_write_of_unknown_outcome_is_answered_by_its_transaction(ms: Microsoft, graph: Graph) -> None:
    for kind in ("reset_after", "504_after", "duplicate_commit"):
        body = timed(transactionId=f"try-{kind}")
        await ms.fault(kind, operation="graph.events.create")
        with contextlib.suppress(aiohttp.ClientError):
            await graph.call("POST", "me/events", body)
        await graph.create(body)
    items, _, _ = await graph.pages("me/events")
    assert len(items) == 3
    await ms.set(ignore_transaction_id=True)
    await graph.create(timed(transactionId="try-reset_after"))
    assert len((await graph.pages("me/events"))[0]) == 4


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("graph_412_spurious", "Visit"), ("graph_412_foreign_edit", "Visit (edited by hand)")],
)
async def test_412_comes_from_exchange_itself_or_from_a_person(
    ms: Microsoft, graph: Graph, kind: str, subject: str
) -> None:
    made = await graph.create()
    path, headers = events("", made["id"]), {"If-Match": made["@odata.etag"]}
    await ms.fault(kind)
    assert (await graph.call("PATCH", path, {"showAs": "free"}, headers=headers)).status == 412
    assert (await graph.ok("GET", path))["subject"] == subject
    await ms.set(ignore_if_match=True)
    assert (await graph.call("PATCH", path, {"showAs": "free"}, headers=headers)).status == 200


async def test_people_edit_move_and_delete_behind_a_write(ms: Microsoft, graph: Graph) -> None:
    room = await graph.ok("POST", "me/calendars", {"name": "Room"})
    made = await graph.create()
    path = events("", made["id"])
    await ms.fault("graph_person_edits")
    await graph.ok("PATCH", path, {"subject": "Ours"})
    assert (await graph.ok("GET", path))["subject"] == "Ours (edited by hand)"
    await ms.fault("graph_person_moves")
    await graph.ok("PATCH", path, {"subject": "Ours"})
    assert (await graph.call("GET", path)).status == 404
    assert len((await graph.pages(events(room["id"])))[0]) == 1
    await ms.fault("graph_person_deletes")
    other = await graph.create(calendar=room["id"])
    assert (await graph.call("GET", events(room["id"], other["id"]))).status == 404
    await ms.fault("graph_person_deletes_calendar")
    await graph.create(calendar=room["id"])
    assert (await graph.call("GET", events(room["id"]))).status == 404


async def test_garbage_is_told_by_the_kind_and_never_a_violation(ms: Microsoft, graph: Graph) -> None:
    made = await graph.create()
    report = await ms.control("GET", "faults")
    kinds = [name for name in report["kinds"] if name.startswith("graph_garbage")]
    assert len(kinds) == 11
    for kind in kinds:
        await ms.fault(kind)
        async with ms.session.get(
            f"{ms.base}/v1.0/{events('', made['id'])}", headers={"Authorization": f"Bearer {graph.token}"}
        ) as answer:
            assert answer.status == 200
            await answer.read()
    fired = await ms.fired()
    assert {name for name in kinds if fired.get(name)} == set(kinds)


async def test_a_storm_of_everything_never_trips_the_laboratory_itself(ms: Microsoft, graph: Graph) -> None:
    await graph.ok("POST", "me/calendars", {"name": "Room"})
    await ms.set(graph_latency_s=0.0)
    rates = {
        name: 0.02
        for name, kind in (await ms.control("GET", "faults"))["kinds"].items()
        if kind["family"] == "api"
        and not name.startswith(("no_answer", "slow"))
        and name != "graph_garbage_huge"
    }
    await ms.control("POST", "storms", seed=7, rates=rates)
    known: list[str] = []
    window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}

    async def step(number: int) -> None:
        day = f"2026-12-{number % 27 + 1:02}"
        match number % 5:
            case 0:
                reply = await graph.call("POST", "me/events", timed(day, transactionId=f"t{number}"))
            case 1:
                reply = await graph.call("POST", "me/events", weekly("2026-12-01"))
            case 2 if known:
                headers = {"If-Match": "*"}
                reply = await graph.call("PATCH", events("", known[-1]), {"subject": "x"}, headers=headers)
            case 3 if known:
                reply = await graph.call("DELETE", events("", known.pop(0)))
            case _:
                reply = await graph.call("GET", "me/calendarView/delta", **window)
        if reply.status == 201 and isinstance(reply.body, dict):
            known.append(reply.body["id"])

    for number in range(300):
        try:
            await asyncio.wait_for(step(number), 5)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            continue
    await ms.control("DELETE", "faults")
    assert len(await ms.fired()) > 30
    assert [item for item in await ms.violations() if item["side"] == "laboratory"] == []


@pytest.mark.parametrize("name", ["markers_always", "keep_exceptions"])
async def test_mutations_break_what_they_name(ms: Microsoft, graph: Graph, name: str) -> None:
    await ms.set(**{name: True})
    if name == "markers_always":
        made = await graph.create(timed(singleValueExtendedProperties=[{"id": MARKER, "value": "r"}]))
        assert made["singleValueExtendedProperties"]
        return
    window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
    made = await graph.create(weekly())
    path = f"{events('', made['id'])}/instances"
    one = (await graph.pages(path, **window))[0][1]
    await graph.ok("DELETE", events("", one["id"]))
    times = timed(start="12:00", end="13:00")
    await graph.ok("PATCH", events("", made["id"]), {"start": times["start"], "end": times["end"]})
    assert len((await graph.pages(path, **window))[0]) == 3


async def test_state_survives_a_restart_with_ids_links_and_tokens(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    microsoft = frozenset({"microsoft"})
    async with aiohttp.ClientSession() as session:
        async with make_lab(state_file=path, providers=microsoft) as first:
            graph = await Microsoft(first.lab.base_url, session).graph()
            made = await graph.create(timed(singleValueExtendedProperties=[{"id": MARKER, "value": "r"}]))
        async with make_lab(state_file=path, providers=microsoft) as second:
            later = Graph(Microsoft(second.lab.base_url, session), graph.token)
            shown = await later.ok("GET", events("", made["id"]), S_expand=EXPAND)
            assert shown["singleValueExtendedProperties"][0]["value"] == "r"


async def test_both_providers_live_side_by_side(tmp_path: Path) -> None:
    async with (
        make_lab(providers=frozenset({"google", "microsoft"}), settings=Settings(page_cap=50)) as both,
        aiohttp.ClientSession() as session,
    ):
        ms = Microsoft(both.lab.base_url, session)
        page = (await ms.request("GET", "/lab/")).body
        assert "/lab/google/ada%40example.com" in page
        assert "/lab/microsoft/ada%40example.org" in page
        graph = await ms.graph()
        assert (await graph.call("GET", "me/events")).status == 200
        headers = {"Authorization": f"Bearer {graph.token}"}
        calendar = "/calendar/v3/users/me/calendarList"
        assert (await ms.request("GET", calendar, headers=headers)).status == 401


async def test_the_page_shows_what_outlook_would_and_takes_a_person_s_acts(
    ms: Microsoft, graph: Graph
) -> None:
    await graph.create(all_day(subject="Holiday & rest"))
    await graph.create(weekly(subject="Stand-up"))
    address = f"/lab/microsoft/{ADA}"
    page = (await ms.request("GET", f"{address}?day=2026-12-01")).body
    assert "Holiday &amp; rest" in page
    assert "Stand-up (series)" in re.sub(r"\s+", " ", page)
    assert "imulator" in page
    calendar = re.findall(r'<option value="([^"]+)"', page)[0]
    form = {"act": "add", "calendar": calendar, "title": "By hand", "day": "2026-12-01", "busy": "no"}
    form |= {"start": "2026-12-02T09:00", "end": "2026-12-02T10:00"}
    assert (await ms.request("POST", address, data=form)).status == 302
    items, _, _ = await graph.pages("me/events", S_filter="subject eq 'By hand'")
    assert (items[0]["showAs"], items[0]["start"]["dateTime"][:16]) == ("free", "2026-12-02T08:00")
    edit = {"act": "edit", "calendar": calendar, "event": items[0]["id"], "title": "Renamed"}
    assert (await ms.request("POST", address, data=edit)).status == 302
    link = await ms.request("GET", items[0]["webLink"].removeprefix(ms.base))
    assert link.headers["Location"].endswith("day=2026-12-02")
    delete = {"act": "delete", "calendar": calendar, "event": items[0]["id"]}
    assert (await ms.request("POST", address, data=delete)).status == 302
    assert (await graph.call("GET", events("", items[0]["id"]))).status == 404
    foreign = await ms.request("POST", address, data=form, headers={"Origin": "https://evil.example"})
    assert foreign.status == 403


async def test_the_dump_shows_what_is_stored_with_expanded_series(ms: Microsoft, graph: Graph) -> None:
    await graph.create(weekly())
    dump: Any = await ms.control("GET", f"microsoft/dump?account={ADA}&expand=true")
    stored = dump["calendars"][0]["events"][0]
    assert [item["day"] for item in stored["occurrences"]] == [
        "2026-12-01",
        "2026-12-08",
        "2026-12-15",
        "2026-12-22",
    ]


async def test_coverage_lists_methods_that_were_never_exercised(ms: Microsoft, graph: Graph) -> None:
    await graph.create()
    report = await ms.control("GET", "microsoft/coverage")
    assert report["methods"] == {"graph.events.create": 1}
    assert "graph.$batch" in report["methods_never"]
    assert "microsoft.graph.event.subject" in report["fields"]


async def test_the_command_starts_it(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.lab", "--microsoft", "--account", "zoe@example.net@@Europe/Vienna",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("Simulator of Microsoft, not the real service")
        address = line.split()[-1].removesuffix("/lab/")
        async with aiohttp.ClientSession() as session:
            status = await Microsoft(address, session).control("GET", "microsoft/status")
        assert [(item["email"], item["zone"]) for item in status["accounts"]] == [
            ("zoe@example.net", "Europe/Vienna")
        ]
    finally:
        process.terminate()
        await process.wait()


async def test_assumptions_have_another_setting(ms: Microsoft, graph: Graph) -> None:
    window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
    await ms.set(
        occurrences_as_stubs=False, windows_zone_names=False, folder_names_unique=False, wipe_exceptions=False
    )
    for _ in range(2):
        assert (await graph.call("POST", "me/calendars", {"name": "Room"})).status == 201
    made = await graph.create(weekly())
    assert made["originalStartTimeZone"] == "Europe/Berlin"
    items, _, _ = await graph.pages("me/calendarView/delta", **window)
    assert {item["subject"] for item in items} == {"Visit"}
    one = next(item["id"] for item in items if item["type"] == "occurrence")
    await graph.ok("DELETE", events("", one))
    await graph.ok("PATCH", events("", made["id"]), {"end": timed(end="11:30")["end"]})
    assert len((await graph.pages(f"{events('', made['id'])}/instances", **window))[0]) == 3


async def test_a_notification_may_come_before_the_item_is_readable(ms: Microsoft, graph: Graph) -> None:
    await ms.fault("graph_early_notification", params={"seconds": 5})
    made = await graph.create()
    assert (await graph.call("GET", events("", made["id"]))).status == 404
    assert (await graph.pages("me/events"))[0] == []
    await ms.advance(6)
    assert (await graph.call("GET", events("", made["id"]))).status == 200


async def test_every_fault_of_graph_can_fire(ms: Microsoft) -> None:
    await ms.control("POST", "clock", set="2026-11-21T12:00:00Z", freeze=True)
    graph = await ms.graph()
    await ms.set(webhook_http=True, skip_handshake=True, empty_page_chance=0.0, graph_latency_s=0.0)
    room = await graph.ok("POST", "me/calendars", {"name": "Room"})
    window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
    subscription = {
        "changeType": "created",
        "resource": "me/events",
        "notificationUrl": "http://127.0.0.1:1/x",
        "expirationDateTime": "2026-11-23T00:00:00Z",
    }

    async def tour(kind: str, number: int) -> None:
        for day in range(1, 6):
            await graph.create(timed(f"2026-12-0{day}"))
        _, link, _ = await graph.pages("me/calendarView/delta", **window)
        page = await graph.call("GET", "me/calendarView/delta", **window)
        made = await graph.create(calendar=room["id"])
        watch = await graph.ok("POST", "subscriptions", subscription)
        await ms.fault(kind)
        with contextlib.suppress(aiohttp.ClientError, ValueError):
            await graph.follow(link)
            await graph.follow(page.body["@odata.nextLink"])
            await graph.call("POST", "me/events", timed(transactionId=f"t{number}"))
            headers = {"If-Match": made["@odata.etag"]}
            await graph.call("PATCH", events(room["id"], made["id"]), {"subject": "x"}, headers=headers)
            await graph.call("POST", "subscriptions", subscription)
            until = {"expirationDateTime": subscription["expirationDateTime"]}
            await graph.call("PATCH", f"subscriptions/{watch['id']}", until)
        await ms.control("DELETE", "faults")
        if kind == "graph_person_deletes_calendar":
            room.update(await graph.ok("POST", "me/calendars", {"name": f"Room {number}"}))

    kinds = [name for name in (await ms.control("GET", "faults"))["kinds"] if name.startswith("graph_")]
    for number, kind in enumerate(kinds):
        await tour(kind, number)
        await ms.advance(10)
    assert len(kinds) > 35
    assert [name for name in kinds if not (await ms.fired()).get(name)] == []


def test_every_method_of_the_description_has_a_room_or_is_named_as_missing() -> None:
    assert GraphDescription().names - set(ROOMS) == {
        "graph.events.dismissReminder",
        "graph.events.forward",
        "graph.events.snoozeReminder",
        "graph.findMeetingTimes",
    }
