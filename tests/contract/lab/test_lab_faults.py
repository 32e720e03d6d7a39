"""Faults by script and by probability: each kind does what it says, and is counted."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from tests.contract.lab.lab_client import ADA, BEN, LabClient, events, timed

OWN = "0123456789abcdefghijklmnopqrstuv"


async def living(lab: LabClient, account: str = ADA) -> list[str]:
    dump = await lab.control("GET", f"google/dump?account={account}")
    return [item["id"] for cal in dump["calendars"] for item in cal["events"] if not item["deleted"]]


async def test_throttling_in_its_four_forms_hits_the_account_that_is_named(lab: LabClient) -> None:
    api, ben = await lab.api(), await lab.api(BEN)
    for kind in ("429_seconds", "429_date", "429_bare", "429_long"):
        await lab.fault(kind, account=ADA)
        assert (await ben.call("GET", "colors")).status == 200
        reply = await api.call("GET", "colors")
        wait = reply.headers.get("Retry-After")
        assert (reply.status, reply.reason) == (429, "rateLimitExceeded")
        if kind == "429_date":
            sent = parsedate_to_datetime(reply.headers["Date"])
            assert 0 < (parsedate_to_datetime(wait) - sent).total_seconds() < 4
        else:
            assert wait == {"429_seconds": "1", "429_bare": None, "429_long": "120"}[kind]
        assert (await api.call("GET", "colors")).status == 200


@pytest.mark.parametrize(
    "reason",
    [
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "dailyLimitExceeded",
        "accessNotConfigured",
        "insufficientPermissions",
    ],
)
async def test_google_s_403s(lab: LabClient, reason: str) -> None:
    api = await lab.api()
    await lab.fault(f"403_{reason}")
    reply = await api.call("GET", "colors")
    assert (reply.status, reply.reason) == (403, reason)


async def test_server_errors_before_and_after_the_write(lab: LabClient) -> None:
    api = await lab.api()
    for status in (500, 502, 503, 504):
        for when, count in (("before", 0), ("after", 1)):
            had = len(await living(lab))
            await lab.fault(f"{status}_{when}", method="POST", path="/events$")
            assert (await api.call("POST", events(), timed())).status == status
            assert len(await living(lab)) - had == count


async def test_broken_connections_before_and_after_the_write(lab: LabClient) -> None:
    api = await lab.api()
    for kind, count in (("reset_before", 0), ("reset_after", 1), ("half_body", 1)):
        had = len(await living(lab))
        await lab.fault(kind, operation="calendar.events.insert")
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await api.call("POST", events(), timed())
        assert len(await living(lab)) - had == count, kind
    for kind, count in (("no_answer_before", 0), ("no_answer_after", 1)):
        had = len(await living(lab))
        await lab.fault(kind, params={"seconds": 60})
        asking = asyncio.create_task(api.call("POST", events(), timed()))
        async with asyncio.timeout(30):
            while kind not in await lab.fired():
                await asyncio.sleep(0.01)
            while len(await living(lab)) - had != count:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert not asking.done()
        asking.cancel()
        assert len(await living(lab)) - had == count, kind


async def test_slow_and_odd_answers_are_whole(lab: LabClient) -> None:
    api = await lab.api()
    for kind in ("slow_answer", "slow_body", "gzip", "closed_keep_alive"):
        await lab.fault(kind, params={"seconds": 0.1})
        reply = await api.call("GET", "colors")
        assert len(reply.body["event"]) == 11, kind
        assert (reply.headers.get("Content-Encoding") == "gzip") == (kind == "gzip")
        assert (await api.call("GET", "colors")).status == 200


async def test_a_proxy_executes_twice(lab: LabClient) -> None:
    api = await lab.api()
    await lab.fault("duplicate_commit")
    assert (await api.call("POST", events(), timed())).status == 200
    assert len(await living(lab)) == 2
    await lab.fault("duplicate_commit", params={"answer": "second"})
    assert (await api.call("POST", events(), timed(id=OWN))).status == 409


async def test_401_once_and_for_ever(lab: LabClient) -> None:
    api = await lab.api()
    await lab.fault("401")
    assert [(await api.call("GET", "colors")).status for _ in range(2)] == [401, 200]
    await lab.fault("401", times=-1, skip=1)
    assert [(await api.call("GET", "colors")).status for _ in range(3)] == [200, 401, 401]
    await lab.control("DELETE", "faults")
    assert (await api.call("GET", "colors")).status == 200


async def test_faults_of_refreshing(lab: LabClient) -> None:
    await lab.set(rotate_refresh_tokens=True)
    back, verifier = await lab.sign_in()
    token = (await lab.exchange(back["code"], verifier)).body["refresh_token"]
    await lab.fault("refresh_invalid_grant")
    reply = await lab.refresh(token)
    assert (reply.status, reply.body["error"]) == (400, "invalid_grant")
    await lab.fault("refresh_500")
    assert (await lab.refresh(token)).status == 500
    await lab.fault("refresh_slow", params={"seconds": 0.05})
    token = (await lab.refresh(token)).body["refresh_token"]
    for kind in ("token_reset_after", "token_half"):
        await lab.fault(kind)
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await lab.refresh(token)
        assert (await lab.refresh(token)).status == 400, "the rotated token was lost with the answer"
        back, verifier = await lab.sign_in()
        token = (await lab.exchange(back["code"], verifier)).body["refresh_token"]


async def test_410_at_the_token_and_in_the_middle_of_paging(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(empty_page_chance=0.0)
    for day in range(1, 6):
        await api.insert(timed(f"2026-12-0{day}"))
    _, token, _ = await api.pages(events())
    await lab.fault("410_sync")
    assert (await api.call("GET", events(), syncToken=token)).reason == "fullSyncRequired"
    first = await api.call("GET", events())
    await lab.fault("410_paging")
    assert (await api.call("GET", events(), pageToken=first.body["nextPageToken"])).status == 410


async def test_412_spurious_and_by_a_foreign_edit(lab: LabClient) -> None:
    api = await lab.api()
    for kind, title in (("412_spurious", "Visit"), ("412_foreign_edit", "Visit (edited by hand)")):
        made = await api.insert(timed())
        path = events("primary", made["id"])
        await lab.fault(kind)
        reply = await api.call("PATCH", path, {"location": "x"}, headers={"If-Match": made["etag"]})
        assert reply.status == 412
        assert (await api.call("GET", path)).body["summary"] == title


async def test_409_ours_foreign_and_deleted(lab: LabClient) -> None:
    api = await lab.api()
    for number, kind in enumerate(("409_ours", "409_foreign", "409_deleted")):
        event_id = f"{OWN}{number}"
        body = timed(id=event_id, extendedProperties={"private": {"mark": "ours"}})
        await lab.fault(kind)
        assert (await api.call("POST", events(), body)).reason == "duplicate"
        twin = (await api.call("GET", events("primary", event_id))).body
        ours = twin.get("extendedProperties", {}).get("private", {}).get("mark") == "ours"
        assert (ours, twin["status"]) == (
            kind == "409_ours",
            "cancelled" if kind == "409_deleted" else "confirmed",
        )


async def test_what_people_do_after_a_write(lab: LabClient) -> None:
    api = await lab.api()
    other = (await lab.control("POST", "google/calendars", account=ADA, summary="Other"))["id"]
    made = await api.insert(timed())
    path = events("primary", made["id"])
    await lab.fault("person_edits")
    await api.call("PATCH", path, {"location": "x"})
    assert (await api.call("GET", path)).body["summary"] == "Visit (edited by hand)"
    await lab.fault("person_moves")
    await api.call("PATCH", path, {"location": "y"})
    assert (await api.call("GET", path)).body["status"] == "cancelled"
    assert (await api.call("GET", events(other, made["id"]))).body["location"] == "y"
    await lab.fault("person_deletes")
    await api.call("PATCH", events(other, made["id"]), {"location": "z"})
    assert (await api.call("GET", events(other, made["id"]))).body["status"] == "cancelled"
    await lab.fault("access_reduced")
    await api.insert(timed(), other)
    assert (await api.call("POST", events(other), timed())).reason == "requiredAccessLevel"
    third = (await lab.control("POST", "google/calendars", account=ADA, summary="Third"))["id"]
    await lab.fault("person_deletes_calendar")
    await api.insert(timed(), third)
    assert (await api.call("GET", f"calendars/{third}")).status == 404


async def test_reads_that_lag_and_pages_that_shift(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(empty_page_chance=0.0)
    for day in range(1, 8):
        await api.insert(timed(f"2026-12-0{day}"))
    whole = sorted(await living(lab))
    for kind in ("page_shift", "page_empty"):
        await lab.fault(kind)
        items, _, pages = await api.pages(events())
        assert (sorted(item["id"] for item in items), pages) == (whole, 3 if kind == "page_shift" else 4)
    await lab.fault("page_repeat")
    items, _, _ = await api.pages(events())
    assert (len(items), sorted({item["id"] for item in items})) == (8, whole)
    await lab.control("POST", "clock", freeze=True)
    for kind, verb in (("stale_read", "GET"), ("early_notification", "POST")):
        _, token, _ = await api.pages(events())
        await lab.fault(kind, method=verb)
        await api.insert(timed())
        assert (await api.pages(events(), syncToken=token))[0] == [], kind
        await lab.advance(3)
        assert len((await api.pages(events(), syncToken=token))[0]) == 1


async def test_the_server_s_clock_may_be_off(lab: LabClient) -> None:
    api = await lab.api()
    await lab.fault("clock_skew", params={"seconds": -600})
    reply = await api.call("GET", "colors")
    off_s = (parsedate_to_datetime(reply.headers["Date"]) - datetime.now(UTC)).total_seconds()
    assert -610 < off_s < -590


async def test_unreadable_answers(lab: LabClient) -> None:
    api = await lab.api()
    made = await api.insert(timed())
    report = await lab.control("GET", "faults")
    kinds = [name for name in report["kinds"] if name.startswith("garbage") or name == "unknown_zone"]
    good = (await api.call("GET", events("primary", made["id"]))).body
    for kind in kinds:
        await lab.fault(kind)
        assert (await api.call("GET", events("primary", made["id"]))).body != good, kind
    assert len(kinds) == 10


async def test_a_refused_channel(lab: LabClient) -> None:
    api = await lab.api()
    await lab.fault("channel_refused")
    body = {"id": "c", "type": "web_hook", "address": "https://x.example/hook"}
    assert (await api.call("POST", f"{events()}/watch", body)).status == 400


async def test_a_storm_repeats_for_its_seed_and_is_counted(lab: LabClient) -> None:
    api = await lab.api()

    async def run(seed: int) -> list[int]:
        await lab.control("DELETE", "faults")
        await lab.control("POST", "storms", seed=seed, rates={"500_before": 0.3, "429_bare": 0.2})
        return [(await api.call("GET", "colors")).status for _ in range(40)]

    first, again, other = await run(7), await run(7), await run(8)
    assert first == again != other
    assert set(first) == {200, 429, 500}
    report = await lab.control("GET", "faults")
    assert report["fired"]["500_before"] + report["fired"]["429_bare"] == sum(
        status != 200 for status in first + again + other
    )
    assert "reset_after" in report["never"]
    assert (await lab.request("POST", "/lab/faults", json={"kind": "no_such"})).status == 400


SLOW = {"no_answer_before", "no_answer_after", "slow_answer", "slow_body", "refresh_slow"}


@pytest.mark.provokes_violations
async def test_a_storm_of_everything_never_trips_the_laboratory_itself(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(user_per_minute=0.0, new_calendars=1000, empty_page_chance=0.2)
    await lab.control("POST", "storms", seed=42, rates=0.03, without=sorted(SLOW))
    dice = random.Random(5)
    known: list[str] = []
    cursor = calendar = ""
    for number in range(500):
        step = dice.choice(
            ("insert", "series", "patch", "exception", "delete", "list", "delta", "get", "new")
        )
        etag: dict[str, str] = {"If-Match": '"1"'} if dice.random() < 0.2 else {}
        some = dice.choice(known) if known else "none0000"
        day = f"2026-12-{dice.randint(1, 28):02}"
        try:
            match step:
                case "new":
                    reply = await api.call("POST", "calendars", {"summary": f"C{number}"})
                    calendar = reply.body["id"] if reply.status == 200 else calendar
                case "insert" | "series":
                    rule = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=5"]} if step == "series" else {}
                    known.append(f"{OWN}{number:04}")
                    await api.call("POST", events(calendar or ADA), timed(day, id=known[-1], **rule))
                case "patch":
                    await api.call("PATCH", events(calendar or ADA, some), timed(day), headers=etag)
                case "exception":
                    path = f"{events(calendar or ADA, some)}/instances"
                    items = (await api.call("GET", path)).body.get("items") or [{"id": some}]
                    target = events(calendar or ADA, items[-1]["id"])
                    await api.call(
                        dice.choice(("PATCH", "DELETE")),
                        target,
                        {"summary": "x"} if step == "patch" else None,
                    )
                case "delete":
                    await api.call("DELETE", events(calendar or ADA, some), headers=etag)
                case "list" | "delta":
                    query = {"syncToken": cursor} if step == "delta" and cursor else {"singleEvents": "true"}
                    reply = await api.call("GET", events(calendar or ADA), **query)
                    cursor = reply.body.get("nextSyncToken", cursor)
                case "get":
                    await api.call("GET", events(calendar or ADA, some))
        except (aiohttp.ClientError, ConnectionError, AttributeError, ValueError, TypeError):
            continue  # a fault made the answer unreadable
    report = await lab.control("GET", "faults")
    assert len(report["fired"]) > 35
    assert [item for item in await lab.violations() if item["side"] != "request"] == []
