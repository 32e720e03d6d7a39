"""Reading at the simulated Google: pages, sync tokens, windows, expansion, lag, calendars, quotas."""

from __future__ import annotations

import pytest

from tests.contract.lab.lab_client import ADA, APP_CREATED, BEN, FULL, LabClient, events, timed


async def test_lists_come_in_small_pages_some_of_them_empty(lab: LabClient) -> None:
    api = await lab.api()
    made = [(await api.insert(timed(f"2026-12-{day:02}")))["id"] for day in range(1, 9)]
    await lab.set(empty_page_chance=1.0)
    first = (await api.call("GET", events(), maxResults=2500)).body
    assert (first["items"], "nextPageToken" in first, "nextSyncToken" in first) == ([], True, False)
    items, token, pages = await api.pages(events())
    assert sorted(item["id"] for item in items) == sorted(made)
    assert pages == 5
    assert token
    assert any(mark in token for mark in "+/=")
    other = await api.call("GET", events(), pageToken=first["nextPageToken"], showDeleted="true")
    assert other.status == 400


async def test_a_sync_token_brings_what_changed_since_the_first_page(lab: LabClient) -> None:
    api = await lab.api()
    made = [await api.insert(timed(f"2026-12-{day:02}")) for day in range(1, 6)]
    await lab.set(empty_page_chance=0.0)
    page = (await api.call("GET", events())).body
    late = await api.insert(timed("2026-12-20"))
    rest = (await api.call("GET", events(), pageToken=page["nextPageToken"])).body
    changes, token, _ = await api.pages(events(), syncToken=rest["nextSyncToken"])
    assert [item["id"] for item in changes] == [late["id"]]
    await api.call("DELETE", events("primary", made[0]["id"]))
    changes, token, _ = await api.pages(events(), syncToken=token)
    assert [set(item) for item in changes] == [{"kind", "etag", "id", "status"}]
    assert (await api.pages(events(), syncToken=token))[0] == []
    assert (await api.pages(events(), showDeleted="true"))[0] != (await api.pages(events()))[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iCalUID", "x"),
        ("orderBy", "updated"),
        ("privateExtendedProperty", "a=b"),
        ("q", "x"),
        ("sharedExtendedProperty", "a=b"),
        ("timeMin", "2026-01-01T00:00:00Z"),
        ("timeMax", "2026-01-01T00:00:00Z"),
        ("updatedMin", "2026-01-01T00:00:00Z"),
        ("showDeleted", "false"),
        ("singleEvents", "true"),
        ("eventTypes", "default"),
    ],
)
async def test_a_sync_token_refuses_other_parameters(lab: LabClient, name: str, value: str) -> None:
    api = await lab.api()
    _, token, _ = await api.pages(events())
    reply = await api.call("GET", events(), syncToken=token, **{name: value})
    assert (reply.status, reply.reason) == (400, "invalid")


async def test_sync_tokens_are_bound_and_other_parameters_can_be_allowed(lab: LabClient) -> None:
    api = await lab.api()
    other = (await api.call("POST", "calendars", {"summary": "Other"})).body["id"]
    _, token, _ = await api.pages(events())
    assert (await api.call("GET", events(other), syncToken=token)).status == 400
    assert (await api.call("GET", events(), syncToken=token[:-4])).status == 400
    await lab.set(strict_sync_parameters=False)
    assert (await api.call("GET", events(), syncToken=token, eventTypes="default")).status == 200


async def test_sync_tokens_end_by_age_by_count_on_demand_and_with_access(lab: LabClient) -> None:
    api = await lab.api()

    async def status() -> tuple[int, str]:
        reply = await api.call("GET", events(), syncToken=token)
        return reply.status, reply.reason if reply.status != 200 else ""

    gone = (410, "fullSyncRequired")
    _, token, _ = await api.pages(events())
    await lab.control("POST", "google/expire-sync-tokens", calendar=ADA)
    assert await status() == gone
    _, token, _ = await api.pages(events())
    await lab.control("POST", "google/access", calendar=ADA, account=BEN, role="reader")
    assert await status() == gone
    await lab.set(sync_token_changes=1, access_token_life_s=1e9)
    _, token, _ = await api.pages(events())
    await api.insert(timed())
    assert await status() == (200, "")
    await api.insert(timed())
    assert await status() == gone
    await lab.set(sync_token_changes=1000)
    _, token, _ = await api.pages(events())
    await lab.advance(2_592_001)
    api.token = await lab.token()
    assert await status() == gone
    await lab.set(never_expire_tokens=True)
    assert await status() == (200, "")


async def test_time_min_stays_in_force_for_its_token_and_filters_on_the_end(lab: LabClient) -> None:
    api = await lab.api()
    await api.insert(timed("2026-12-01"))
    await api.insert(timed("2026-12-10"))
    window = {"timeMin": "2026-12-01T10:00:00Z", "timeMax": "2026-12-10T09:00:00Z"}
    items, _, _ = await api.pages(events(), **window)
    assert items == []
    window = {"timeMin": "2026-12-01T09:59:59Z", "timeMax": "2026-12-10T09:00:01Z"}
    items, token, _ = await api.pages(events(), **window)
    assert len(items) == 2
    assert (await api.call("GET", events(), syncToken=token)).status == 200
    assert (
        await api.call("GET", events(), timeMin="2026-12-02T00:00:00Z", timeMax="2026-12-01T00:00:00Z")
    ).reason == "timeRangeEmpty"


async def test_a_series_that_began_before_the_window_is_listed(lab: LabClient) -> None:
    api = await lab.api()
    await api.insert(timed("2020-01-06", recurrence=["RRULE:FREQ=WEEKLY"]))
    window = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-15T00:00:00Z"}
    masters, _, _ = await api.pages(events(), **window)
    assert [item["recurrence"] for item in masters] == [["RRULE:FREQ=WEEKLY"]]
    single, _, _ = await api.pages(events(), **window, singleEvents="true", orderBy="startTime")
    assert [item["start"]["dateTime"][:10] for item in single] == ["2026-12-07", "2026-12-14"]
    assert (await api.call("GET", events(), orderBy="startTime")).status == 400


async def test_a_shorter_series_cancels_its_lost_instances_in_an_expanded_delta(lab: LabClient) -> None:
    api = await lab.api()
    series = await api.insert(timed("2026-12-01", recurrence=["RRULE:FREQ=DAILY;COUNT=3"]))
    items, token, _ = await api.pages(events(), singleEvents="true")
    assert len(items) == 3
    await api.call("PATCH", events("primary", series["id"]), {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]})
    changes, _, _ = await api.pages(events(), singleEvents="true", syncToken=token)
    assert sorted((item["id"][-16:-8], item["status"]) for item in changes) == [
        ("20261201", "confirmed"), ("20261202", "confirmed"), ("20261203", "cancelled"),
    ]  # fmt: skip


async def test_lists_may_lag_behind_writes(lab: LabClient) -> None:
    api = await lab.api()
    await lab.control("POST", "clock", freeze=True)
    _, token, _ = await api.pages(events())
    await lab.set(list_lag_s=5.0)
    made = await api.insert(timed())
    changes, token, _ = await api.pages(events(), syncToken=token)
    assert changes == []
    assert (await api.call("GET", events("primary", made["id"]))).status == 200
    await lab.advance(6)
    changes, _, _ = await api.pages(events(), syncToken=token)
    assert [item["id"] for item in changes] == [made["id"]]


async def test_filters_by_type_text_and_uid(lab: LabClient) -> None:
    api = await lab.api()
    birthday = {
        "summary": "Ben",
        "eventType": "birthday",
        "start": {"date": "2026-12-01"},
        "end": {"date": "2026-12-02"},
    }
    await lab.control("POST", "google/events", account=ADA, calendar=ADA, event=birthday)
    made = await api.insert(timed(summary="Dentist"))
    for query in ({"eventTypes": ["default", "focusTime"]}, {"q": "DENT"}, {"iCalUID": made["iCalUID"]}):
        assert [item["id"] for item in (await api.pages(events(), **query))[0]] == [made["id"]]


async def test_partial_answers_by_fields(lab: LabClient) -> None:
    api = await lab.api()
    await api.insert(timed())
    reply = await api.call("GET", events(), fields="nextSyncToken,items(id,start/dateTime)")
    assert set(reply.body) == {"nextSyncToken", "items"}
    assert [set(item) for item in reply.body["items"]] == [{"id", "start"}]
    assert set(reply.body["items"][0]["start"]) == {"dateTime"}


async def test_free_busy_merges_and_names_errors_inside_a_200(lab: LabClient) -> None:
    api = await lab.api()
    await api.insert(timed("2026-12-01", "10:00", "11:00"))
    await api.insert(timed("2026-12-01", "10:30", "12:00", status="tentative"))
    await api.insert(timed("2026-12-01", "15:00", "16:00", transparency="transparent"))
    gone = await api.insert(timed("2026-12-01", "17:00", "18:00"))
    await api.call("DELETE", events("primary", gone["id"]))
    await api.insert(timed("2026-12-02", recurrence=["RRULE:FREQ=DAILY;COUNT=2"]))
    ask = {
        "timeMin": "2026-12-01T00:00:00Z",
        "timeMax": "2026-12-03T00:00:00Z",
        "items": [{"id": ADA}, {"id": BEN}],
    }
    answer = (await api.call("POST", "freeBusy", ask)).body["calendars"]
    assert answer[ADA]["busy"] == [
        {"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T11:00:00Z"},
        {"start": "2026-12-02T09:00:00Z", "end": "2026-12-02T10:00:00Z"},
    ]
    assert answer[BEN]["errors"] == [{"domain": "global", "reason": "notFound"}]
    long = await api.call("POST", "freeBusy", ask | {"timeMax": "2027-03-02T00:00:01Z"})
    assert (long.status, long.reason) == (400, "timeRangeTooLong")
    many = ask | {"items": [{"id": f"{number}@x.example"} for number in range(51)]}
    answer = (await api.call("POST", "freeBusy", many)).body["calendars"]
    assert answer["50@x.example"]["errors"][0]["reason"] == "tooManyCalendarsRequested"


async def test_calendars_and_their_list_are_two_things(lab: LabClient) -> None:
    api = await lab.api()
    _, token, _ = await api.pages("users/me/calendarList")
    made = (await api.call("POST", "calendars", {"summary": "Room", "timeZone": "Europe/Berlin"})).body
    path = f"users/me/calendarList/{made['id']}"
    colours = {"backgroundColor": "#ff0000", "foregroundColor": "#ffffff"}
    before = (await api.call("GET", path)).body
    assert (await api.call("PATCH", path, colours)).body["backgroundColor"] == before["backgroundColor"]
    assert (await api.call("PATCH", path, colours, colorRgbFormat="true")).body[
        "backgroundColor"
    ] == "#ff0000"
    half = await api.call("PATCH", path, {"backgroundColor": "#00ff00"}, colorRgbFormat="true")
    assert half.status == 400
    assert (await api.call("PATCH", f"calendars/{made['id']}", {"description": "D"})).body[
        "description"
    ] == "D"
    changes, token, _ = await api.pages("users/me/calendarList", syncToken=token)
    assert [item["id"] for item in changes] == [made["id"]]
    assert (await api.call("DELETE", f"calendars/{made['id']}")).status == 204
    changes, _, _ = await api.pages("users/me/calendarList", syncToken=token)
    assert changes[0]["deleted"] is True
    assert (await api.call("GET", events(made["id"]))).status == 404
    assert (await api.call("DELETE", "calendars/primary")).status == 400


async def test_new_calendars_are_limited(lab: LabClient) -> None:
    api = await lab.api(ADA, APP_CREATED)
    await lab.set(new_calendars=2)
    statuses = [await api.call("POST", "calendars", {"summary": "x"}) for _ in range(3)]
    assert [reply.status for reply in statuses] == [200, 200, 403]
    assert statuses[2].reason == "quotaExceeded"


async def test_quotas_are_token_buckets_in_the_laboratory_s_time(lab: LabClient) -> None:
    api, ben = await lab.api(), await lab.api(BEN)
    await lab.control("POST", "clock", freeze=True)
    await lab.set(user_per_minute=3.0)
    replies = [await api.call("GET", "colors") for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 403]
    assert replies[3].reason == "userRateLimitExceeded"
    assert (await ben.call("GET", "colors")).status == 200
    assert (await api.call("GET", "colors", quotaUser="somebody")).status == 200
    await lab.advance(20)
    assert (await api.call("GET", "colors")).status == 200
    await lab.set(user_per_minute=0.0, calendar_writes_burst=1.0, quota_status=429)
    await api.insert(timed())
    assert (await api.call("POST", events(), timed())).reason == "rateLimitExceeded"


@pytest.mark.provokes_violations
async def test_what_the_description_does_not_know_is_loud(lab: LabClient) -> None:
    api = await lab.api()
    for verb, path, body, query, status in (
        ("GET", "calendars/primary/evnts", None, {}, 404),
        ("GET", events(), None, {"singleevents": "true"}, 400),
        ("GET", events(), None, {"maxResults": "many"}, 400),
        ("POST", events(), timed(subject="x"), {}, 400),
        ("POST", events(), {"start": timed()["start"]}, {}, 400),
        ("POST", events(), timed(sequence="1"), {}, 400),
        ("GET", "users/me/settings", None, {"sendUpdates": "none"}, 400),
    ):
        assert (await api.call(verb, path, body, **query)).status == status, path
    assert (await lab.request("GET", "/nowhere")).status == 404
    assert [item["side"] for item in await lab.violations()] == ["request"] * 8


async def test_settings_have_the_account_s_zone(lab: LabClient) -> None:
    api = await lab.api(ADA, FULL)
    assert (await api.call("GET", "users/me/settings/timezone")).body["value"] == "Europe/Berlin"
    items, _, _ = await api.pages("users/me/settings")
    assert len(items) == 5
