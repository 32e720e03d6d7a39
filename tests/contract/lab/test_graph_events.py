"""Events at the simulated Graph: times, zones, all-day rules, bodies, markers, ids, change keys, mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.lab.graph_client import (
    ADA,
    BEN,
    EXPAND,
    GUID,
    IMMUTABLE,
    MARKER,
    SHARED,
    WRITE,
    Graph,
    Microsoft,
    all_day,
    error_of,
    events,
    timed,
    weekly,
)


def marked(value: str, **more: Any) -> dict[str, Any]:
    return timed(singleValueExtendedProperties=[{"id": MARKER, "value": value}], **more)


async def test_times_come_back_in_utc_with_seven_digits_and_the_windows_name_of_the_zone(
    graph: Graph,
) -> None:
    made = await graph.create()
    assert made["start"] == {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": "UTC"}
    assert made["originalStartTimeZone"] == "W. Europe Standard Time"
    assert made["type"] == "singleInstance"
    assert made["isReminderOn"] is True
    assert made["reminderMinutesBeforeStart"] == 15
    assert made["@odata.etag"] == f'W/"{made["changeKey"]}"'


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Tokyo Standard Time", "2026-12-01T18:00:00.0000000"),
        ("America/New_York", "2026-12-01T04:00:00.0000000"),
        ("UTC", "2026-12-01T09:00:00.0000000"),
    ],
)
async def test_the_preferred_zone_renders_times_and_is_named_as_it_was_asked(
    graph: Graph, name: str, expected: str
) -> None:
    made = await graph.create()
    reply = await graph.call("GET", events("", made["id"]), headers={"Prefer": f'outlook.timezone="{name}"'})
    assert reply.body["start"] == {"dateTime": expected, "timeZone": name}
    assert reply.headers["Preference-Applied"] == f'outlook.timezone="{name}"'


async def test_windows_names_are_accepted_and_unknown_zones_refused(graph: Graph) -> None:
    made = await graph.create(timed(zone="Eastern Standard Time"))
    assert made["start"]["dateTime"] == "2026-12-01T15:00:00.0000000"
    reply = await graph.call("POST", "me/events", timed(zone="Mars/Olympus"))
    assert (reply.status, error_of(reply)) == (400, "TimeZoneNotSupportedException")
    reply = await graph.call("GET", "me/events", headers={"Prefer": 'outlook.timezone="Nowhere"'})
    assert reply.status == 400


async def test_all_day_events_are_midnight_utc_whatever_the_view(graph: Graph) -> None:
    made = await graph.create(all_day())
    headers = {"Prefer": 'outlook.timezone="Tokyo Standard Time"'}
    shown = await graph.ok("GET", events("", made["id"]), headers=headers)
    assert shown["start"] == {"dateTime": "2026-12-01T00:00:00.0000000", "timeZone": "UTC"}
    assert shown["end"] == {"dateTime": "2026-12-02T00:00:00.0000000", "timeZone": "UTC"}


@pytest.mark.parametrize(
    "change",
    [
        {"end": {"dateTime": "2026-12-02T10:00:00", "timeZone": "Europe/Berlin"}},
        {"end": {"dateTime": "2026-12-02T00:00:00", "timeZone": "UTC"}},
        {"end": {"dateTime": "2026-12-01T00:00:00", "timeZone": "Europe/Berlin"}},
    ],
)
async def test_all_day_events_need_midnight_one_zone_and_a_whole_day(
    graph: Graph, change: dict[str, Any]
) -> None:
    assert (await graph.call("POST", "me/events", {**all_day(), **change})).status == 400


async def test_an_event_that_ends_before_it_starts_is_refused(graph: Graph) -> None:
    assert (await graph.call("POST", "me/events", timed(start="11:00", end="10:00"))).status == 400


async def test_bodies_become_html_and_lose_what_is_active(graph: Graph) -> None:
    content = '<p onclick="x()">Hello</p><script>evil()</script>'
    made = await graph.create(timed(body={"contentType": "html", "content": content}))
    assert made["body"]["contentType"] == "html"
    assert made["body"]["content"].startswith("<html>")
    assert "script" not in made["body"]["content"]
    assert "onclick" not in made["body"]["content"]
    assert made["bodyPreview"] == "Hello"
    shown = await graph.ok(
        "GET", events("", made["id"]), headers={"Prefer": 'outlook.body-content-type="text"'}
    )
    assert shown["body"] == {"contentType": "text", "content": "Hello"}
    plain = await graph.create(timed(body={"contentType": "text", "content": "a < b\nc"}))
    assert plain["bodyPreview"] == "a < b\r\nc"


async def test_extended_properties_show_only_when_they_are_expanded(graph: Graph) -> None:
    made = await graph.create(marked("ref-1"))
    assert "singleValueExtendedProperties" not in made
    path = events("", made["id"])
    assert "singleValueExtendedProperties" not in await graph.ok("GET", path)
    shown = await graph.ok("GET", path, S_expand=EXPAND)
    assert shown["singleValueExtendedProperties"] == [
        {"id": MARKER.replace(GUID, GUID.lower()), "value": "ref-1"}
    ]
    other = EXPAND.replace("gatewayRef", "other")
    assert "singleValueExtendedProperties" not in await graph.ok("GET", path, S_expand=other)
    reply = await graph.call("GET", path, S_expand="singleValueExtendedProperties")
    assert reply.status == 400


async def test_events_are_found_by_their_marker_in_lists_but_not_in_views(graph: Graph) -> None:
    first = await graph.create(marked("ref-1"))
    await graph.create(marked("ref-2"))
    wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER}' and ep/value eq 'ref-1')"
    found, _link, _pages = await graph.pages("me/events", S_filter=wanted, S_expand=EXPAND)
    assert [item["id"] for item in found] == [first["id"]]
    upper = wanted.replace(GUID, GUID.upper())
    assert len((await graph.pages("me/events", S_filter=upper))[0]) == 1
    window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2026-12-05T00:00:00Z"}
    reply = await graph.call("GET", "me/calendarView", S_filter=wanted, **window)
    assert reply.status == 400
    await graph.lab.set(view_marker_filter=True)
    reply = await graph.call("GET", "me/calendarView", S_filter=wanted, **window)
    assert [item["id"] for item in reply.body["value"]] == [first["id"]]


async def test_a_patch_keeps_other_extended_properties_and_null_removes(graph: Graph) -> None:
    other = f"String {GUID} Name hash"
    made = await graph.create(marked("ref-1"))
    path = events("", made["id"])
    await graph.ok("PATCH", path, {"singleValueExtendedProperties": [{"id": other, "value": "h"}]})
    both = f"singleValueExtendedProperties($filter=id eq '{MARKER}' or id eq '{other}')"
    shown = await graph.ok("GET", path, S_expand=both)
    assert sorted(item["value"] for item in shown["singleValueExtendedProperties"]) == ["h", "ref-1"]
    await graph.ok("PATCH", path, {"singleValueExtendedProperties": [{"id": other, "value": None}]})
    shown = await graph.ok("GET", path, S_expand=both)
    assert [item["value"] for item in shown["singleValueExtendedProperties"]] == ["ref-1"]


async def test_lists_filter_select_and_order(graph: Graph) -> None:
    for number, subject in enumerate(["Beta", "Alpha", "Gamma"], start=1):
        await graph.create(timed(f"2026-12-0{number}", subject=subject))
    items, _, _ = await graph.pages("me/events", S_orderby="subject desc", S_select="subject")
    assert [item["subject"] for item in items] == ["Gamma", "Beta", "Alpha"]
    assert set(items[0]) == {"@odata.etag", "id", "subject"}
    items, _, _ = await graph.pages(
        "me/events", S_filter="start/dateTime ge '2026-12-02T00:00' and startswith(subject,'G')"
    )
    assert [item["subject"] for item in items] == ["Gamma"]
    assert (await graph.call("GET", "me/events", S_filter="subject eq")).status == 400


@pytest.mark.provokes_violations
async def test_unknown_parameters_fields_and_paths_are_loud(ms: Microsoft, graph: Graph) -> None:
    assert (await graph.call("GET", "me/events", pageSize="3")).status == 400
    assert (await graph.call("POST", "me/events", timed(title="x"))).status == 400
    assert (await graph.call("GET", "me/eventz")).status == 400
    assert len(await ms.violations()) == 3


async def test_the_same_transaction_gives_the_same_event_and_another_body_is_refused(graph: Graph) -> None:
    body = timed(transactionId="try-1")
    first = await graph.create(body)
    again = await graph.call("POST", "me/events", body)
    assert (again.status, again.body["id"], again.body["transactionId"]) == (201, first["id"], "try-1")
    reply = await graph.call("POST", "me/events", timed(transactionId="try-1", subject="Other"))
    assert (reply.status, error_of(reply)) == (409, "ErrorDuplicateTransactionId")
    await graph.ok("DELETE", events("", first["id"]))
    reply = await graph.call("POST", "me/events", body)
    assert (reply.status, error_of(reply)) == (409, "ErrorDuplicateTransactionId")
    await graph.lab.set(transaction_memory_s=60.0)
    await graph.lab.advance(61)
    assert (await graph.call("POST", "me/events", body)).status == 201


async def test_every_write_moves_the_change_key_and_a_stale_one_is_412(graph: Graph) -> None:
    made = await graph.create()
    path = events("", made["id"])
    old = {"If-Match": made["@odata.etag"]}
    changed = await graph.ok("PATCH", path, {"subject": "New"}, headers=old)
    assert changed["changeKey"] != made["changeKey"]
    for verb, body in (("PATCH", {"subject": "Newer"}), ("DELETE", None)):
        reply = await graph.call(verb, path, body, headers=old)
        assert (reply.status, error_of(reply)) == (412, "ErrorIrresolvableConflict")
    assert (await graph.call("DELETE", path, headers={"If-Match": changed["@odata.etag"]})).status == 204
    reply = await graph.call("DELETE", path)
    assert (reply.status, error_of(reply)) == (404, "ErrorItemNotFound")


async def test_a_default_id_changes_with_a_move_and_an_immutable_one_does_not(
    ms: Microsoft, graph: Graph
) -> None:
    calendar = await graph.ok("POST", "me/calendars", {"name": "Room"})
    made = await graph.create(headers=IMMUTABLE)
    default = (await graph.ok("GET", events("", made["id"])))["id"]
    assert default != made["id"]
    assert any(sign in made["id"] for sign in "/+=")
    moved = await ms.control("POST", "microsoft/move", account=ADA, event_id=made["id"], to="Room")
    assert (await graph.call("GET", events("", default))).status == 404
    assert (await graph.call("GET", events("", moved["id"]))).status == 200
    shown = await graph.ok("GET", events(calendar["id"], made["id"]), headers=IMMUTABLE)
    assert shown["id"] == made["id"]
    reply = await graph.call("GET", events("", made["id"].swapcase()))
    assert (reply.status, error_of(reply)) == (400, "ErrorInvalidIdMalformed")


async def test_attendees_fill_the_invitation_outbox_and_nothing_else_does(
    ms: Microsoft, graph: Graph
) -> None:
    plain = await graph.create()
    await graph.ok("PATCH", events("", plain["id"]), {"subject": "x"})
    await graph.ok("DELETE", events("", plain["id"]))
    assert await ms.outbox() == []
    guest = {"emailAddress": {"address": "guest@elsewhere.example", "name": "G"}, "type": "required"}
    made = await graph.create(timed(attendees=[guest]))
    await graph.ok("PATCH", events("", made["id"]), {"subject": "y"})
    await graph.ok("DELETE", events("", made["id"]))
    assert [entry["to"] for entry in await ms.outbox()] == [["guest@elsewhere.example"]] * 3


async def test_an_invitation_belongs_to_its_organizer(ms: Microsoft, graph: Graph) -> None:
    event = timed(organizer={"emailAddress": {"address": BEN, "name": "Ben"}})
    made = await ms.control("POST", "microsoft/events", account=ADA, event=event)
    shown = await graph.ok("GET", events("", made["id"]))
    assert shown["isOrganizer"] is False
    reply = await graph.call("PATCH", events("", made["id"]), {"subject": "Mine now"})
    assert (reply.status, error_of(reply)) == (403, "ErrorAccessDenied")
    reply = await graph.call("POST", f"{events('', made['id'])}/accept", {"sendResponse": False})
    assert reply.status == 202
    assert await ms.outbox() == []


async def test_read_only_fields_are_ignored_and_noted(ms: Microsoft, graph: Graph) -> None:
    made = await graph.create(timed(iCalUId="mine", webLink="https://x.example/"))
    assert made["iCalUId"] != "mine"
    assert made["webLink"].startswith(ms.base)
    assert len((await ms.control("GET", "warnings"))["warnings"]) == 2


async def test_location_replaces_locations(graph: Graph) -> None:
    made = await graph.create(timed(locations=[{"displayName": "A"}, {"displayName": "B"}]))
    assert made["location"]["displayName"] == "A"
    changed = await graph.ok("PATCH", events("", made["id"]), {"location": {"displayName": " C "}})
    assert [place["displayName"] for place in changed["locations"]] == ["C"]


async def test_calendars_have_unique_names_fixed_colours_and_a_default_that_stays(graph: Graph) -> None:
    made = await graph.ok(
        "POST", "me/calendars", {"name": "Room", "color": "lightTeal", "hexColor": "#123456"}
    )
    assert (made["color"], made["hexColor"]) == ("lightTeal", "#4adacc")
    reply = await graph.call("POST", "me/calendars", {"name": "ROOM"})
    assert (reply.status, error_of(reply)) == (409, "ErrorFolderExists")
    default = await graph.ok("GET", "me/calendar")
    assert (default["isDefaultCalendar"], default["isRemovable"]) == (True, False)
    assert (await graph.call("DELETE", f"me/calendars/{quote(default['id'], safe='')}")).status == 400
    path = f"me/calendars/{quote(made['id'], safe='')}"
    await graph.create(calendar=made["id"])
    assert (await graph.call("DELETE", path)).status == 204
    assert (await graph.call("GET", path)).status == 404
    assert len((await graph.pages("me/calendars"))[0]) == 1


async def test_a_calendar_carries_a_marker_of_its_own(graph: Graph) -> None:
    body = {"name": "Room", "singleValueExtendedProperties": [{"id": MARKER, "value": "cal-1"}]}
    made = await graph.ok("POST", "me/calendars", body)
    assert "singleValueExtendedProperties" not in made
    items, _, _ = await graph.pages("me/calendars", S_expand=EXPAND)
    values = [item.get("singleValueExtendedProperties", [{}])[0].get("value") for item in items]
    assert sorted(map(str, values)) == ["None", "cal-1"]


async def test_a_shared_calendar_is_reached_through_its_own_path_only(ms: Microsoft, graph: Graph) -> None:
    ben = await ms.graph(BEN, WRITE, SHARED)
    made = await ben.create()
    shared = await ms.control(
        "POST", "microsoft/access", account=BEN, calendar="", role="read", **{"with": ADA}
    )
    assert (await graph.call("GET", events(shared["id"]))).status == 403
    ada = await ms.graph(ADA, WRITE, SHARED)
    seen = await ada.ok("GET", events(shared["id"], made["id"]))
    assert seen["subject"] == "Visit"
    assert (await ada.call("GET", events("", made["id"]))).status == 404
    assert (await ada.call("PATCH", events(shared["id"], made["id"]), {"subject": "x"})).status == 403
    listed, _, _ = await ada.pages("me/calendars")
    assert {item["canEdit"] for item in listed} == {True, False}
    await ms.control("POST", "microsoft/access", account=BEN, calendar="", role="none", **{"with": ADA})
    assert (await ada.call("GET", events(shared["id"], made["id"]))).status == 404


async def test_scopes_are_enforced_and_short_of_one_is_403(ms: Microsoft) -> None:
    reader = await ms.graph(ADA, "Calendars.Read")
    assert (await reader.call("GET", "me/events")).status == 200
    reply = await reader.call("POST", "me/events", timed())
    assert (reply.status, error_of(reply)) == (403, "ErrorAccessDenied")
    assert (await reader.call("GET", "me/mailboxSettings")).status == 403
    settings = await ms.graph(ADA, "MailboxSettings.Read")
    assert (await settings.ok("GET", "me/mailboxSettings"))["timeZone"] == "W. Europe Standard Time"
    iana = await settings.ok("GET", "me/outlook/supportedTimeZones(TimeZoneStandard='Iana')")
    assert "Europe/Berlin" in {item["alias"] for item in iana["value"]}
    names = {item["alias"] for item in (await settings.ok("GET", "me/outlook/supportedTimeZones"))["value"]}
    assert "W. Europe Standard Time" in names


async def test_a_person_without_a_mailbox_is_404(ms: Microsoft, graph: Graph) -> None:
    await ms.control("POST", "microsoft/accounts", email=ADA, without_mailbox=True)
    reply = await graph.call("GET", "me/calendars")
    assert (reply.status, error_of(reply)) == (404, "MailboxNotEnabledForRESTAPI")


async def test_categories_are_kept_and_names_taken_once(ms: Microsoft) -> None:
    graph = await ms.graph(ADA, WRITE, "MailboxSettings.ReadWrite")
    made = await graph.ok("POST", "me/outlook/masterCategories", {"displayName": "Rooms", "color": "preset3"})
    assert (await graph.call("POST", "me/outlook/masterCategories", {"displayName": "rooms"})).status == 409
    await graph.ok("PATCH", f"me/outlook/masterCategories/{made['id']}", {"color": "preset4"})
    listed, _, _ = await graph.pages("me/outlook/masterCategories")
    assert [item["color"] for item in listed] == ["preset4"]
    assert (await graph.call("DELETE", f"me/outlook/masterCategories/{made['id']}")).status == 204
    assert (await graph.create(weekly(categories=["Rooms", "Rooms"])))["categories"] == ["Rooms"]


async def test_calendar_groups_hold_calendars(graph: Graph) -> None:
    made = await graph.ok("POST", "me/calendarGroups", {"name": "Rooms"})
    path = f"me/calendarGroups/{quote(made['id'], safe='')}"
    await graph.ok("POST", f"{path}/calendars", {"name": "Blue room"})
    assert [item["name"] for item in (await graph.pages(f"{path}/calendars"))[0]] == ["Blue room"]
    assert len((await graph.pages("me/calendarGroups"))[0]) == 2
    assert (await graph.call("DELETE", path)).status == 400
