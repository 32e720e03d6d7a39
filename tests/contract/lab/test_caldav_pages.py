"""What a person sees of the simulated CalDAV server, and does there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.caldav import person
from tests.contract.lab.lab_client import LabClient

PAGE = "/lab/caldav/people/ada"


@pytest.fixture
async def calendars() -> AsyncIterator[Laboratory]:
    async with make_lab(providers=frozenset({"caldav"})) as running:
        yield running


@pytest.fixture
async def client(calendars: Laboratory) -> AsyncIterator[LabClient]:
    async with aiohttp.ClientSession() as session:
        yield LabClient(calendars.lab.base_url, session)


async def test_a_series_is_shown_with_its_moved_occurrence(calendars: Laboratory, client: LabClient) -> None:
    calendar = calendars.dav.calendar("ada", "default")
    name = person.add(
        calendars.dav, calendar, "DTSTART:20260302T090000Z", "DTEND:20260302T100000Z", "SUMMARY:Daily",
        "RRULE:FREQ=DAILY;COUNT=5",
    )  # fmt: skip
    body = calendar.resources[name].body
    uid = body.partition("UID:")[2].partition("\r\n")[0]
    moved = (
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20260303T090000Z\r\n"
        "DTSTART:20260303T150000Z\r\nDTEND:20260303T160000Z\r\nSUMMARY:Moved\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    calendars.dav.put(calendar, name, body.replace("END:VCALENDAR", moved), operation="test")
    page = (await client.request("GET", f"{PAGE}?day=2026-03-03")).body
    assert page.count("Daily (series)") == 4
    assert page.count("Moved (series)") == 1
    assert "15:00 Moved" in page


async def test_a_person_adds_edits_and_deletes_on_the_page(calendars: Laboratory, client: LabClient) -> None:
    form = {"act": "add", "calendar": "default", "day": "2026-03-02", "title": "Tea, cake <b>"}
    times = {"start": "2026-03-02T15:00", "end": "2026-03-02T16:00", "busy": "no"}
    assert (await client.request("POST", PAGE, data=form | times)).status == 302
    page = (await client.request("GET", f"{PAGE}?day=2026-03-02")).body
    assert "Tea, cake &lt;b&gt;" in page
    (name,) = calendars.dav.calendar("ada", "default").resources
    edit = {"act": "edit", "calendar": "default", "event": name, "day": "2026-03-02", "title": "Coffee"}
    assert (await client.request("POST", PAGE, data=edit)).status == 302
    assert "Coffee" in (await client.request("GET", f"{PAGE}?day=2026-03-02")).body
    foreign = await client.request(
        "POST", PAGE, data=edit | {"act": "delete"}, headers={"Origin": "http://x"}
    )
    assert foreign.status == 403
    assert (await client.request("POST", PAGE, data=edit | {"act": "delete"})).status == 302
    assert calendars.dav.calendar("ada", "default").resources == {}


async def test_the_front_page_and_the_control_know_the_people(client: LabClient) -> None:
    made = await client.control("POST", "caldav/people", login="eve", zone="Europe/Vienna")
    assert len(made["password"]) > 15
    page = (await client.request("GET", "/lab/")).body
    assert "/lab/caldav/people/eve" in page
    assert (await client.request("GET", "/lab/caldav/people/nobody")).status == 404
    calendar = "/caldav/home/eve/default/"
    lines = ["DTSTART:20260302T090000Z", "SUMMARY:x"]
    name = (await client.control("POST", "caldav/events", calendar=calendar, lines=lines))["name"]
    await client.control(
        "PATCH", "caldav/events", calendar=calendar, name=name, lines={"summary": "SUMMARY:y"}
    )
    dump = await client.control("GET", "caldav/dump")
    (found,) = [one for one in dump["calendars"] if one["href"] == calendar]
    assert "SUMMARY:y" in found["resources"][name]["body"]
    await client.control("POST", "caldav/invite", calendar=calendar, name=name)
    assert await client.outbox() == []
    await client.control("DELETE", "caldav/events", calendar=calendar, name=name)
    assert [entry["why"] for entry in await client.outbox()] == ["CANCEL"]
