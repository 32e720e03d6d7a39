"""Every room of the simulated Graph once: its answers fit the official description."""

from __future__ import annotations

from urllib.parse import quote

from tests.contract.lab.graph_client import (
    ADA,
    BEN,
    EXPAND,
    MARKER,
    SETTINGS,
    WRITE,
    Graph,
    Microsoft,
    error_of,
    events,
    timed,
    weekly,
)

WINDOW = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
GUEST = {"emailAddress": {"address": "guest@elsewhere.example", "name": "G"}, "type": "required"}


async def calendars(graph: Graph) -> None:
    made = await graph.ok("POST", "me/calendars", {"name": "Room"})
    path = f"me/calendars/{quote(made['id'], safe='')}"
    body = {
        "name": "Hall",
        "color": "lightPink",
        "singleValueExtendedProperties": [{"id": MARKER, "value": "c"}],
    }
    changed = await graph.ok("PATCH", path, body)
    assert (changed["name"], changed["color"]) == ("Hall", "lightPink")
    assert changed["changeKey"] != made["changeKey"]
    shown = await graph.ok("GET", path, S_expand=EXPAND)
    assert shown["singleValueExtendedProperties"][0]["value"] == "c"
    assert (await graph.call("PATCH", "me/calendar", {"name": "Mine"})).status == 400
    assert (await graph.call("PATCH", path, {"color": "maxColor"})).status == 400
    assert (await graph.call("PATCH", path, {"name": "calendar"})).status == 409
    assert len((await graph.pages("me/calendars"))[0]) == 2
    assert (await graph.call("POST", f"{path}/permanentDelete")).status == 204
    other = await graph.ok("POST", "me/calendars", {"name": "Room"})
    assert (await graph.call("DELETE", f"me/calendars/{quote(other['id'], safe='')}")).status == 204


async def groups(graph: Graph) -> None:
    made = await graph.ok("POST", "me/calendarGroups", {"name": "Rooms"})
    path = f"me/calendarGroups/{quote(made['id'], safe='')}"
    await graph.ok("PATCH", path, {"name": "Halls"})
    assert (await graph.ok("GET", path))["name"] == "Halls"
    assert len((await graph.pages("me/calendarGroups"))[0]) == 2
    assert (await graph.call("DELETE", path)).status == 204


async def single_events(ms: Microsoft, graph: Graph) -> None:
    made = await graph.create(weekly())
    path = events("", made["id"])
    assert (await graph.ok("GET", path, S_expand="calendar"))["calendar"]["isDefaultCalendar"] is True
    assert len((await graph.pages(f"{path}/instances", **WINDOW))[0]) == 4
    await graph.ok("PATCH", path, {"subject": "New"})
    assert (await graph.pages("me/events"))[0]
    assert (await graph.pages("me/calendarView", **WINDOW))[0]
    for name in ("calendarView", "events"):
        _, link, _ = await graph.pages(f"me/{name}/delta", **WINDOW)
        assert link
    assert (await graph.call("POST", f"{path}/permanentDelete")).status == 204
    gone = await graph.create()
    assert (await graph.call("DELETE", events("", gone["id"]))).status == 204
    for answer in ("accept", "decline", "tentativelyAccept"):
        event = timed(organizer={"emailAddress": {"address": BEN, "name": "Ben"}})
        asked = await ms.control("POST", "microsoft/events", account=ADA, event=event)
        reply = await graph.call("POST", f"{events('', asked['id'])}/{answer}", {"sendResponse": True})
        assert reply.status == 202
    meeting = await graph.create(timed(attendees=[GUEST]))
    assert (await graph.call("POST", f"{events('', meeting['id'])}/cancel", {"comment": "no"})).status == 202
    lonely = await graph.create()
    assert (await graph.call("POST", f"{events('', lonely['id'])}/cancel", {})).status == 400
    assert [entry["why"] for entry in await ms.outbox()] == [
        *["answer to an invitation"] * 3,
        "created with attendees",
        "cancelled",
    ]


async def mailbox(graph: Graph) -> None:
    assert (await graph.ok("GET", "me", S_select="mail"))["mail"] == ADA
    changed = await graph.ok("PATCH", "me/mailboxSettings", {"timeZone": "Tokyo Standard Time"})
    assert changed["timeZone"] == "Tokyo Standard Time"
    assert (await graph.ok("GET", "me/mailboxSettings"))["workingHours"]["timeZone"][
        "name"
    ] == "Tokyo Standard Time"
    assert (await graph.call("PATCH", "me/mailboxSettings", {"timeZone": "Mars"})).status == 400
    assert (await graph.ok("GET", "me/outlook/supportedTimeZones"))["value"]
    made = await graph.ok("POST", "me/outlook/masterCategories", {"displayName": "Rooms"})
    path = f"me/outlook/masterCategories/{made['id']}"
    assert (await graph.ok("GET", path))["color"] == "none"
    assert (await graph.call("PATCH", path, {"displayName": "Halls"})).status == 400
    await graph.ok("PATCH", path, {"color": "preset1"})
    assert len((await graph.pages("me/outlook/masterCategories"))[0]) == 1
    assert (await graph.call("DELETE", path)).status == 204
    assert (await graph.call("GET", path)).status == 404
    at = {"dateTime": "2026-12-01T09:00:00", "timeZone": "UTC"}
    end = {"dateTime": "2026-12-01T10:00:00", "timeZone": "UTC"}
    body = {"schedules": [ADA], "startTime": at, "endTime": end}
    assert (await graph.ok("POST", "me/calendar/getSchedule", body))["value"][0]["scheduleId"] == ADA


async def subscriptions(ms: Microsoft, graph: Graph) -> None:
    await ms.set(webhook_http=True, skip_handshake=True)
    await ms.control("POST", "clock", set="2026-11-21T12:00:00Z", freeze=True)
    graph = await ms.graph()
    body = {
        "changeType": "created",
        "resource": "me/calendar/events",
        "notificationUrl": "http://127.0.0.1:1/x",
        "expirationDateTime": "2026-11-23T00:00:00Z",
    }
    made = await graph.ok("POST", "subscriptions", body)
    path = f"subscriptions/{made['id']}"
    await graph.ok("PATCH", path, {"expirationDateTime": "2026-11-24T00:00:00Z"})
    assert (await graph.call("POST", f"{path}/reauthorize")).status == 200
    assert (await graph.ok("GET", path))["expirationDateTime"] == "2026-11-24T00:00:00.0000000Z"
    assert len((await graph.pages("subscriptions"))[0]) == 1
    assert (await graph.call("DELETE", path)).status == 204
    await graph.ok("POST", "$batch", {"requests": [{"id": "1", "method": "GET", "url": "/me/calendar"}]})


async def test_every_room_answers_as_the_description_says(ms: Microsoft) -> None:
    graph = await ms.graph(ADA, WRITE, SETTINGS, "User.Read")
    await calendars(graph)
    await groups(graph)
    await single_events(ms, graph)
    await mailbox(graph)
    await subscriptions(ms, graph)
    report = await ms.control("GET", "microsoft/coverage")
    assert report["methods_never"] == [
        "graph.events.dismissReminder",
        "graph.events.forward",
        "graph.events.snoozeReminder",
        "graph.findMeetingTimes",
    ]


async def test_a_person_s_answer_may_stay_unsent(ms: Microsoft, graph: Graph) -> None:
    event = timed(organizer={"emailAddress": {"address": BEN, "name": "Ben"}})
    asked = await ms.control("POST", "microsoft/events", account=ADA, event=event)
    reply = await graph.call("POST", f"{events('', asked['id'])}/decline", {"sendResponse": False})
    assert (reply.status, await ms.outbox()) == (202, [])
    own = await graph.create()
    reply = await graph.call("POST", f"{events('', own['id'])}/accept", {})
    assert (reply.status, error_of(reply)) == (400, "ErrorInvalidRequest")
