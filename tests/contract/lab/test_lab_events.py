"""Events at the simulated Google: ids, deletion, etags, text, properties, series and exceptions, mail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.lab.lab_client import ADA, BEN, LabClient, events, timed

OWN = "0123456789abcdefghijklmnopqrstuv"


async def test_own_ids_are_base32hex_and_taken_for_ever(lab: LabClient) -> None:
    api = await lab.api()
    for bad in ("abc", "xyz12", "ABCDE", "ab-cd", "ab_cd", "a" * 1025):
        reply = await api.call("POST", events(), timed(id=bad))
        assert (reply.status, reply.reason) == (400, "invalid")
    made = await api.insert(timed(id=OWN))
    assert made["id"] == OWN
    assert (await api.call("POST", events(), timed(id=OWN))).reason == "duplicate"
    path = events("primary", OWN)
    assert (await api.call("DELETE", path)).status == 204
    twice = await api.call("DELETE", path)
    assert (twice.status, twice.reason) == (410, "deleted")
    gone = await api.call("GET", path)
    assert (gone.status, gone.body["status"]) == (200, "cancelled")
    assert (await api.call("POST", events(), timed(id=OWN))).status == 409
    assert (await api.call("PATCH", path, {"summary": "x"})).status == 410
    assert (await api.call("PATCH", path, {"status": "confirmed"})).body["status"] == "confirmed"
    assert (await api.call("DELETE", events("primary", "never12345"))).status == 404


async def test_revival_can_be_refused(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(allow_revival=False)
    await api.insert(timed(id=OWN))
    await api.call("DELETE", events("primary", OWN))
    assert (await api.call("PATCH", events("primary", OWN), {"status": "confirmed"})).status == 403


async def test_mutation_accept_any_id(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(accept_any_id=True)
    assert (await api.insert(timed(id="NOT-an_id")))["id"] == "NOT-an_id"


async def test_id_and_ical_uid_exclude_each_other(lab: LabClient) -> None:
    api = await lab.api()
    assert (await api.call("POST", events(), timed(id=OWN, iCalUID="u@x"))).status == 400
    assert (await api.insert(timed(iCalUID="u@x")))["iCalUID"] == "u@x"


async def test_etags_change_with_every_write_and_if_match_is_honoured(lab: LabClient) -> None:
    api = await lab.api()
    made = await api.insert(timed())
    path = events("primary", made["id"])
    changed = await api.call("PATCH", path, {"summary": "New"}, headers={"If-Match": made["etag"]})
    assert changed.status == 200
    assert changed.body["etag"] != made["etag"]
    assert changed.headers["ETag"] == changed.body["etag"]
    for verb, body in (("PATCH", {"summary": "x"}), ("PUT", timed()), ("DELETE", None)):
        stale = await api.call(verb, path, body, headers={"If-Match": made["etag"]})
        assert (stale.status, stale.reason) == (412, "conditionNotMet")
    await lab.set(ignore_if_match=True)
    assert (await api.call("DELETE", path, headers={"If-Match": made["etag"]})).status == 204


async def test_reminders_change_the_etag_but_not_updated_and_are_the_account_s_own(lab: LabClient) -> None:
    api, ben = await lab.api(), await lab.api(BEN)
    await lab.control("POST", "google/access", calendar=ADA, account=BEN, role="reader")
    made = await api.insert(timed())
    assert made["reminders"] == {"useDefault": True}
    path = events(ADA, made["id"])
    off = {"reminders": {"useDefault": False, "overrides": []}}
    await lab.advance(60)
    changed = (await api.call("PATCH", path, off)).body
    assert changed["reminders"] == {"useDefault": False}
    assert (changed["updated"], changed["etag"] == made["etag"]) == (made["updated"], False)
    assert (await ben.call("GET", path)).body["reminders"] == {"useDefault": True}
    own = {"reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]}}
    assert (await api.call("PUT", path, timed() | own)).body["reminders"] == own["reminders"]
    for bad in ({"useDefault": False, "overrides": [{"method": "popup", "minutes": 40321}]},
                {"useDefault": False, "overrides": [{"method": "popup", "minutes": 1}] * 6},
                {"useDefault": True, "overrides": [{"method": "popup", "minutes": 1}]}):  # fmt: skip
        assert (await api.call("PATCH", path, {"reminders": bad})).status == 400


async def test_the_server_rewrites_text_and_owns_its_fields(lab: LabClient) -> None:
    api = await lab.api()
    text = "a<br/>b\r\nc&apos;s  \n<script>x</script>"
    made = await api.insert(
        timed(summary="  Two   words ", description=text, etag='"mine"', created="2001-01-01T00:00:00Z")
    )
    assert (made["summary"], made["description"]) == ("Two words", "a<br>b\nc's")
    assert made["etag"] != '"mine"'
    assert not made["created"].startswith("2001")
    assert made["iCalUID"] == f"{made['id']}@google.com"
    assert made["creator"] == {"email": ADA, "self": True}
    assert (made["status"], made["eventType"], "transparency" in made) == ("confirmed", "default", False)
    assert len((await api.insert(timed(description="x" * 9000)))["description"]) == 8192
    await lab.set(rewrite_text=False)
    assert (await api.insert(timed(summary=" a ")))["summary"] == " a "


async def test_extended_properties_are_cut_silently_and_searchable(lab: LabClient) -> None:
    api = await lab.api()
    private = {"k" * 44: "v" * 1025, "l" * 45: "dropped", "ours": "1=2"}
    made = await api.insert(timed(extendedProperties={"private": private}))
    assert made["extendedProperties"]["private"] == {"k" * 44: "v" * 1024, "ours": "1=2"}
    await api.insert(timed())
    found, token, _ = await api.pages(events(), privateExtendedProperty="ours=1=2")
    assert ([item["id"] for item in found], token) == ([made["id"]], "")
    gone = await api.call(
        "PATCH", events("primary", made["id"]), {"extendedProperties": {"private": {"ours": None}}}
    )
    assert set(gone.body["extendedProperties"]["private"]) == {"k" * 44}
    many = {f"k{number}": "v" for number in range(301)}
    assert (await api.call("POST", events(), timed(extendedProperties={"private": many}))).status == 400


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"end": {"dateTime": "2026-12-01T09:00:00+01:00"}}, "timeRangeEmpty"),
        ({"end": {"date": "2026-12-02"}}, "invalid"),
        ({"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-01"}}, "timeRangeEmpty"),
        ({"start": {"dateTime": "2026-12-01T10:00:00Z", "timeZone": "Mars/Base"}}, "invalid"),
        ({"colorId": "12"}, "invalid"),
        ({"visibility": "secret"}, "invalid"),
        ({"source": {"title": "x", "url": "ftp://x"}}, "invalid"),
        ({"recurrence": ["DTSTART:20261201T100000Z"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=SOMETIMES"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=HOURLY"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=DAILY;UNTIL=20261210T100000"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=DAILY;COUNT=2;UNTIL=20261210T100000Z"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=YEARLY;BYDAY=20MO"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=DAILY"], "end": {"dateTime": "2026-12-01T12:00:00+01:00"}}, "required"),
    ],
)
async def test_what_google_refuses_answers_400(lab: LabClient, changes: dict[str, Any], reason: str) -> None:
    api = await lab.api()
    reply = await api.call("POST", events(), timed() | changes)
    assert (reply.status, reply.reason) == (400, reason)


async def test_what_is_only_assumed_to_be_refused_can_be_allowed(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(refuse_sub_daily=False, refuse_local_until=False, revision_bumps=False)
    hourly = await api.insert(timed(recurrence=["RRULE:FREQ=HOURLY;INTERVAL=6;COUNT=5"]))
    items, _, _ = await api.pages(f"{events('primary', hourly['id'])}/instances", timeZone="UTC")
    assert [item["start"]["dateTime"][8:13] for item in items] == [
        "01T09",
        "01T15",
        "01T21",
        "02T03",
        "02T09",
    ]
    until = await api.insert(timed(recurrence=["RRULE:FREQ=DAILY;UNTIL=20261203T100000"]))
    items, _, _ = await api.pages(f"{events('primary', until['id'])}/instances")
    assert len(items) == 3
    moved = await api.call("PATCH", events("primary", until["id"]), timed("2026-12-02"))
    assert moved.body["sequence"] == 0


async def test_an_offset_without_a_zone_gets_the_zone_of_the_calendar(lab: LabClient) -> None:
    api = await lab.api()
    offset = {
        "start": {"dateTime": "2026-12-01T10:00:00-05:00"},
        "end": {"dateTime": "2026-12-01T11:00:00-05:00"},
    }
    made = await api.insert(offset)
    assert made["start"] == {"dateTime": "2026-12-01T16:00:00+01:00", "timeZone": "Europe/Berlin"}


async def test_patch_from_timed_to_all_day_needs_nulls(lab: LabClient) -> None:
    api = await lab.api()
    path = events("primary", (await api.insert(timed()))["id"])
    days = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
    assert (await api.call("PATCH", path, days)).status == 400
    nulls = {name: {**value, "dateTime": None, "timeZone": None} for name, value in days.items()}
    assert (await api.call("PATCH", path, nulls)).body["start"] == {"date": "2026-12-01"}
    await lab.set(patch_needs_null=False)
    assert (await api.call("PATCH", path, {n: timed()[n] for n in days})).body["start"][
        "timeZone"
    ] == "Europe/Berlin"


async def test_times_are_rendered_in_the_zone_of_the_calendar_or_of_the_question(lab: LabClient) -> None:
    ben = await lab.api(BEN)
    made = await ben.insert(timed())
    assert made["start"] == {"dateTime": "2026-12-01T04:00:00-05:00", "timeZone": "Europe/Berlin"}
    path = events("primary", made["id"])
    assert (await ben.call("GET", path, timeZone="UTC")).body["start"]["dateTime"] == "2026-12-01T09:00:00Z"
    assert (await ben.call("GET", path, timeZone="Mars/Base")).status == 400


async def test_a_series_keeps_its_wall_clock_over_a_change_of_time(lab: LabClient) -> None:
    api = await lab.api()
    series = await api.insert(timed("2026-03-27", recurrence=["RRULE:FREQ=DAILY;COUNT=4"]))
    items, _, _ = await api.pages(f"{events('primary', series['id'])}/instances", timeZone="UTC")
    assert [item["start"]["dateTime"][11:16] for item in items] == ["09:00", "09:00", "08:00", "08:00"]
    assert items[0]["id"] == f"{series['id']}_20260327T090000Z"
    days = {"start": {"date": "2026-03-27"}, "end": {"date": "2026-03-28"}}
    whole = await api.insert(days | {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]})
    items, _, _ = await api.pages(f"{events('primary', whole['id'])}/instances")
    assert [item["id"] for item in items] == [f"{whole['id']}_20260327", f"{whole['id']}_20260328"]


async def test_exceptions_are_items_of_their_own_and_new_times_drop_them(lab: LabClient) -> None:
    api = await lab.api()
    series = await api.insert(timed("2026-12-01", recurrence=["RRULE:FREQ=DAILY;COUNT=5"]))
    path = events("primary", series["id"])
    found = await api.call("GET", f"{path}/instances", originalStart="2026-12-02T10:00:00+01:00")
    assert [item["id"] for item in found.body["items"]] == [f"{series['id']}_20261202T090000Z"]
    other = events("primary", f"{series['id']}_20261202T090000Z")
    assert (await api.call("PATCH", other, timed("2026-12-02", "15:00", "16:00"))).status == 200
    third = events("primary", f"{series['id']}_20261203T090000Z")
    assert (await api.call("DELETE", third)).status == 204
    assert (await api.call("DELETE", third)).status == 410
    items, token, _ = await api.pages(events())
    assert {(item["id"][-16:], item["status"]) for item in items if "recurringEventId" in item} == {
        ("20261202T090000Z", "confirmed"),
        ("20261203T090000Z", "cancelled"),
    }
    cancelled = next(item for item in items if item["status"] == "cancelled")
    assert set(cancelled) == {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
    moved = await api.call("PATCH", path, timed("2026-12-01", "11:00", "12:00"))
    assert moved.body["sequence"] == 1
    changes, _, _ = await api.pages(events(), syncToken=token)
    stubs = [item for item in changes if item["status"] == "cancelled"]
    assert [set(item) for item in stubs] == [{"kind", "etag", "id", "status"}] * 2
    items, _, _ = await api.pages(f"{path}/instances")
    assert [item["start"]["dateTime"][8:13] for item in items] == [
        "01T11",
        "02T11",
        "03T11",
        "04T11",
        "05T11",
    ]


async def test_only_rekeyed_exceptions_are_dropped_when_the_switch_says_so(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(drop_exceptions="rekeyed")
    series = await api.insert(timed("2026-12-01", recurrence=["RRULE:FREQ=DAILY;COUNT=5"]))
    for day in ("02", "05"):
        path = events("primary", f"{series['id']}_202612{day}T090000Z")
        assert (await api.call("PATCH", path, {"summary": "Kept?"})).status == 200
    await api.call("PATCH", events("primary", series["id"]), {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})
    items, _, _ = await api.pages(events())
    assert {item["id"][-16:] for item in items if "recurringEventId" in item} == {"20261202T090000Z"}


async def test_tighter_visibility_of_one_instance_tightens_the_series(lab: LabClient) -> None:
    api = await lab.api()
    series = await api.insert(timed(recurrence=["RRULE:FREQ=DAILY;COUNT=2"]))
    path = events("primary", f"{series['id']}_20261201T090000Z")
    await api.call("PATCH", path, {"visibility": "private"})
    assert (await api.call("GET", events("primary", series["id"]))).body["visibility"] == "private"
    assert (await api.call("PATCH", path, {"visibility": "public"})).body["visibility"] == "private"


async def test_import_updates_by_its_uid_and_put_drops_what_is_not_sent(lab: LabClient) -> None:
    api = await lab.api()
    first = (await api.call("POST", f"{events()}/import", timed(iCalUID="u@x", location="Here"))).body
    second = (await api.call("POST", f"{events()}/import", timed(iCalUID="u@x", summary="New"))).body
    assert (second["id"], second["summary"], "location" in second) == (first["id"], "New", False)
    path = events("primary", first["id"])
    await api.call("PATCH", path, {"location": "There"})
    assert "location" not in (await api.call("PUT", path, timed())).body


async def test_move_leaves_a_stub_and_keeps_the_id(lab: LabClient) -> None:
    api = await lab.api()
    other = (await api.call("POST", "calendars", {"summary": "Other"})).body["id"]
    made = await api.insert(timed())
    _, token, _ = await api.pages(events())
    moved = await api.call("POST", f"{events('primary', made['id'])}/move", destination=other)
    assert moved.body["organizer"]["email"] == other
    changes, _, _ = await api.pages(events(), syncToken=token)
    assert [(item["id"], item["status"]) for item in changes] == [(made["id"], "cancelled")]
    assert (await api.call("GET", events(other, made["id"]))).body["status"] == "confirmed"


async def test_the_outbox_shows_who_would_be_mailed(lab: LabClient) -> None:
    api = await lab.api()
    guests = {"attendees": [{"email": BEN}]}
    made = await api.insert(timed(**guests), sendUpdates="none")
    assert await lab.outbox() == []
    await api.insert(timed(), sendUpdates="all")
    assert await lab.outbox() == []
    await api.call("PATCH", events("primary", made["id"]), {"summary": "x"}, sendUpdates="all")
    assert (await lab.outbox())[0]["to"] == [BEN]
    await api.call("DELETE", events("primary", made["id"]))
    assert (await lab.outbox())[1]["why"] == "sendUpdates not given"
    await lab.set(mail_when_unsaid=False)
    await api.call("POST", events(), timed(**guests))
    assert len(await lab.outbox()) == 2


async def test_attendees_count_against_the_invitation_limit_without_mail(lab: LabClient) -> None:
    api = await lab.api()
    await lab.set(invitation_limit=1)
    await api.insert(timed(attendees=[{"email": BEN}]))
    reply = await api.call("POST", events(), timed(attendees=[{"email": "c@x.example"}]), sendUpdates="none")
    assert (reply.status, reply.reason) == (403, "quotaExceeded")
    await lab.set(silent_attendees_count=False)
    await api.insert(timed(attendees=[{"email": "c@x.example"}]))


async def test_readers_see_what_their_role_allows(lab: LabClient) -> None:
    api, ben = await lab.api(), await lab.api(BEN)
    made = await api.insert(timed(visibility="private", source={"title": "t", "url": "https://x.example"}))
    path = events(ADA, made["id"])
    assert (await ben.call("GET", path)).status == 404
    for role, seen in (("freeBusyReader", False), ("reader", False), ("writer", True)):
        await lab.control("POST", "google/access", calendar=ADA, account=BEN, role=role)
        body = (await ben.call("GET", path)).body
        assert ("summary" in body, "source" in body) == (seen, False)
    await lab.control("POST", "google/access", calendar=ADA, account=BEN, role="reader")
    assert (await ben.call("PATCH", path, {"summary": "x"})).reason == "requiredAccessLevel"
