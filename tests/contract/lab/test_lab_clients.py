"""Foreign judges: Google's own client library and gcal-sync accept the simulator as it is."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Any

import aiohttp
import pytest
from gcal_sync.api import GoogleCalendarService
from gcal_sync.auth import AbstractAuth
from gcal_sync.sync import CalendarEventSyncManager, CalendarListSyncManager
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.contract.lab.lab_client import ADA, CLIENT_ID, CLIENT_SECRET, FULL, LabClient, events, timed


def google_service(lab: LabClient, token: str, **more: Any) -> Any:
    credentials = Credentials(
        token, token_uri=f"{lab.base}/token", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **more
    )
    return build(
        "calendar",
        "v3",
        credentials=credentials,
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": f"{lab.base}/calendar/v3/"},
    )


def all_pages(collection: Any, **query: Any) -> tuple[list[Any], str]:
    items: list[Any] = []
    request = collection.list(**query)
    while True:
        answer = request.execute()
        items += answer["items"]
        following = collection.list_next(request, answer)
        if following is None:
            return items, answer["nextSyncToken"]
        request = following


async def test_the_official_client_works_through_a_calendar_s_life(lab: LabClient) -> None:
    token = await lab.token()

    def work() -> None:
        service = google_service(lab, token)
        made = service.calendars().insert(body={"summary": "Pushed", "timeZone": "Europe/Berlin"}).execute()
        colours = {"backgroundColor": "#aa0000", "foregroundColor": "#ffffff"}
        entry = (
            service.calendarList().patch(calendarId=made["id"], colorRgbFormat=True, body=colours).execute()
        )
        assert entry["backgroundColor"] == "#aa0000"
        for number in range(5):
            service.events().insert(calendarId=made["id"], body=timed(f"2026-12-0{number + 1}")).execute()
        series = timed("2026-12-10", recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
        master = service.events().insert(calendarId=made["id"], body=series).execute()
        items, cursor = all_pages(service.events(), calendarId=made["id"])
        assert len(items) == 6
        instances = service.events().instances(calendarId=made["id"], eventId=master["id"]).execute()["items"]
        service.events().patch(
            calendarId=made["id"], eventId=instances[1]["id"], body={"summary": "Other"}
        ).execute()
        service.events().delete(calendarId=made["id"], eventId=items[0]["id"]).execute()
        changes, _ = all_pages(service.events(), calendarId=made["id"], syncToken=cursor)
        assert {(item["id"], item["status"]) for item in changes} >= {(instances[1]["id"], "confirmed")}
        with pytest.raises(HttpError) as caught:
            service.events().delete(calendarId=made["id"], eventId=items[0]["id"]).execute()
        assert caught.value.resp.status == 410 or items[0]["id"] == master["id"]
        query = {
            "timeMin": "2026-12-01T00:00:00Z",
            "timeMax": "2026-12-31T00:00:00Z",
            "items": [{"id": made["id"]}],
        }
        assert service.freebusy().query(body=query).execute()["calendars"][made["id"]]["busy"]
        assert len(service.colors().get().execute()["event"]) == 11
        service.calendars().delete(calendarId=made["id"]).execute()

    await asyncio.to_thread(work)


async def test_google_auth_refreshes_at_the_simulator_by_itself(lab: LabClient) -> None:
    tokens = await lab.control("POST", "google/tokens", account=ADA, client_id=CLIENT_ID, scopes=[FULL])
    await lab.control("POST", "expire-tokens")

    def work() -> Any:
        service = google_service(lab, tokens["access_token"], refresh_token=tokens["refresh_token"])
        return service.calendars().get(calendarId="primary").execute()

    assert (await asyncio.to_thread(work))["id"] == ADA


class _Auth(AbstractAuth):
    def __init__(self, session: aiohttp.ClientSession, lab: LabClient, token: str) -> None:
        super().__init__(session, f"{lab.base}/calendar/v3")
        self.token = token

    async def async_get_access_token(self) -> str:
        return self.token


async def test_gcal_sync_follows_changes_by_its_sync_manager(lab: LabClient) -> None:
    api = await lab.api()
    first = await api.insert(timed("2026-12-01"))
    for day in ("2026-12-02", "2026-12-03", "2026-12-04"):
        await api.insert(timed(day))
    series = await api.insert(timed("2026-12-07", recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"]))
    service = GoogleCalendarService(_Auth(lab.session, lab, api.token))
    calendars = CalendarListSyncManager(service)
    await calendars.run()
    assert [item.id for item in (await calendars.store_service.async_list_calendars()).calendars] == [ADA]
    manager = CalendarEventSyncManager(service, ADA)
    await manager.run()

    async def seen() -> list[str]:
        timeline = await manager.store_service.async_get_timeline(UTC)
        return sorted(event.start.value.isoformat()[:10] for event in timeline)

    assert await seen() == [
        "2026-12-01",
        "2026-12-02",
        "2026-12-03",
        "2026-12-04",
        "2026-12-07",
        "2026-12-14",
        "2026-12-21",
    ]
    await api.call("DELETE", events("primary", first["id"]))
    key = f"{series['id']}_20261214T090000Z"
    moved = timed("2026-12-15")
    assert (await api.call("PATCH", events("primary", key), moved, sendUpdates="none")).status == 200
    await manager.run()
    assert await seen() == [
        "2026-12-02",
        "2026-12-03",
        "2026-12-04",
        "2026-12-07",
        "2026-12-15",
        "2026-12-21",
    ]
    await lab.control("POST", "google/expire-sync-tokens")
    await manager.run()
    assert len(await seen()) == 6
