"""Foreign judges: Microsoft's own MSAL and Graph SDK accept the simulator as it is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import msal
import pytest
from azure.core.credentials import AccessToken
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.calendar import Calendar
from msgraph.generated.models.calendar_color import CalendarColor
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.day_of_week import DayOfWeek
from msgraph.generated.models.event import Event
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.patterned_recurrence import PatternedRecurrence
from msgraph.generated.models.recurrence_pattern import RecurrencePattern
from msgraph.generated.models.recurrence_pattern_type import RecurrencePatternType
from msgraph.generated.models.recurrence_range import RecurrenceRange
from msgraph.generated.models.recurrence_range_type import RecurrenceRangeType
from msgraph.generated.models.single_value_legacy_extended_property import SingleValueLegacyExtendedProperty
from msgraph.generated.users.item.calendar.get_schedule.get_schedule_post_request_body import (
    GetSchedulePostRequestBody,
)
from msgraph.generated.users.item.calendars.item.calendar_view.delta.delta_request_builder import (
    DeltaRequestBuilder,
)
from msgraph.generated.users.item.events.events_request_builder import EventsRequestBuilder
from msgraph.graph_request_adapter import options
from msgraph_core import GraphClientFactory

from gateway.lab.app import make_lab
from gateway.lab.core.identity import new_key
from tests.contract.lab.graph_client import (
    ADA,
    CLIENT_ID,
    CLIENT_SECRET,
    EXPAND,
    MARKER,
    REDIRECT,
    WRITE,
    Microsoft,
)
from tests.contract.lab.lab_client import query_of


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Microsoft, str]]:
    """A laboratory over TLS, and the file of its authority; MSAL accepts nothing but https."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    async with make_lab(providers=frozenset({"microsoft"}), tls=tmp_path) as running:
        authority = str(tmp_path / "ca.pem")
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=authority))
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Microsoft(running.lab.base_url, session), authority
        assert running.lab.journal.violations == []


def msal_app(lab: Microsoft, ca: str, tenant: str = "common", **more: Any) -> Any:
    return msal.ConfidentialClientApplication(
        CLIENT_ID,
        client_credential=CLIENT_SECRET,
        authority=f"{lab.base}/{tenant}",
        instance_discovery=False,
        verify=ca,
        **more,
    )


async def signed_in(lab: Microsoft, ca: str, cache: Any = None, **more: Any) -> tuple[Any, dict[str, Any]]:
    """Sign in as a gateway does it with MSAL; returns the application and its answer."""
    app = await asyncio.to_thread(msal_app, lab, ca, token_cache=cache)
    flow = await asyncio.to_thread(
        app.initiate_auth_code_flow, ["Calendars.ReadWrite"], redirect_uri=REDIRECT, **more
    )
    if more.get("response_mode") == "form_post":
        _address, values = await lab.posted(flow["auth_uri"])
    else:
        values = query_of(await lab.approve(flow["auth_uri"], account=ADA))
    answer = await asyncio.to_thread(app.acquire_token_by_auth_code_flow, flow, values)
    assert "access_token" in answer, answer
    return app, answer


@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_msal_signs_a_person_in_by_code_with_pkce_state_and_nonce(
    secure: tuple[Microsoft, str], mode: str
) -> None:
    lab, ca = secure
    app, answer = await signed_in(lab, ca, response_mode=mode)
    assert answer["id_token_claims"]["preferred_username"] == ADA
    accounts = app.get_accounts()
    assert [item["username"] for item in accounts] == [ADA]
    oid, tid = answer["id_token_claims"]["oid"], answer["id_token_claims"]["tid"]
    assert accounts[0]["home_account_id"] == f"{oid}.{tid}"
    silent = await asyncio.to_thread(
        app.acquire_token_silent_with_error, ["Calendars.ReadWrite"], account=accounts[0]
    )
    assert silent["access_token"] == answer["access_token"]


async def test_msal_rotates_the_refresh_token_and_a_lost_save_logs_out(secure: tuple[Microsoft, str]) -> None:
    lab, ca = secure
    cache = msal.SerializableTokenCache()
    app, first = await signed_in(lab, ca, cache)
    saved = cache.serialize()
    account = app.get_accounts()[0]

    def renew(program: Any) -> Any:
        return program.acquire_token_silent_with_error(
            ["Calendars.ReadWrite"], account=account, force_refresh=True
        )

    second = await asyncio.to_thread(renew, app)
    assert second["access_token"] != first["access_token"]
    assert "access_token" in await asyncio.to_thread(renew, app)
    old = msal.SerializableTokenCache()
    old.deserialize(saved)
    stale = await asyncio.to_thread(msal_app, lab, ca, token_cache=old)
    refused = await asyncio.to_thread(renew, stale)
    assert refused["error"] == "invalid_grant"
    assert "AADSTS70000" in refused["error_description"]


async def test_msal_signs_a_program_in_and_sees_only_its_mailboxes(secure: tuple[Microsoft, str]) -> None:
    lab, ca = secure
    await lab.control(
        "POST",
        "microsoft/registrations",
        client_id=CLIENT_ID,
        roles=["Calendars.ReadWrite"],
        mailboxes=[ADA],
    )
    app = await asyncio.to_thread(msal_app, lab, ca, await lab.tenant())
    answer = await asyncio.to_thread(app.acquire_token_for_client, ["https://graph.microsoft.com/.default"])
    assert "access_token" in answer, answer
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    for who, status in ((ADA, 200), ("ben@example.org", 403), ("eve@personal.example", 403)):
        reply = await lab.request("GET", f"/v1.0/users/{who}/calendars", headers=headers)
        assert reply.status == status
    assert (await lab.request("GET", "/v1.0/me/calendars", headers=headers)).status == 400


async def test_msal_signs_a_program_in_by_certificate_and_a_foreign_key_is_refused(
    secure: tuple[Microsoft, str],
) -> None:
    lab, ca = secure
    private, public = new_key()
    stranger, _ = new_key()
    await lab.control(
        "POST", "microsoft/registrations", client_id=CLIENT_ID, roles=[WRITE], certificate_key=public
    )
    tenant = await lab.tenant()

    def ask(key: str) -> Any:
        app = msal.ConfidentialClientApplication(
            CLIENT_ID,
            client_credential={"private_key": key, "thumbprint": "A1" * 20},
            authority=f"{lab.base}/{tenant}",
            instance_discovery=False,
            verify=ca,
        )
        return app.acquire_token_for_client(["https://graph.microsoft.com/.default"])

    assert "access_token" in await asyncio.to_thread(ask, private)
    assert (await asyncio.to_thread(ask, stranger))["error"] == "invalid_client"


class _Known:
    """A credential that holds a token already."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def get_token(self, *_scopes: str, **_more: Any) -> AccessToken:
        return AccessToken(self.token, 2**31)

    async def close(self) -> None:
        """Nothing to close."""


def sdk(lab: Microsoft, ca: str, token: str) -> GraphServiceClient:
    """Return Microsoft's SDK with an own base address and authority, else unmodified."""
    client = GraphClientFactory.create_with_default_middleware(
        options=options, client=httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca), timeout=30)
    )
    provider = AzureIdentityAuthenticationProvider(_Known(token), allowed_hosts=["127.0.0.1"])
    adapter = GraphRequestAdapter(provider, client)
    adapter.base_url = f"{lab.base}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def at(day: str, hour: int) -> DateTimeTimeZone:
    return DateTimeTimeZone(date_time=f"{day}T{hour:02}:00:00", time_zone="Europe/Berlin")


async def test_the_official_sdk_works_through_a_calendar_s_life(secure: tuple[Microsoft, str]) -> None:
    lab, ca = secure
    client = sdk(lab, ca, await lab.token(ADA, "Calendars.ReadWrite", "User.Read", "MailboxSettings.Read"))
    assert (await client.me.get()).mail == ADA
    made = await client.me.calendars.post(Calendar(name="Room", color=CalendarColor.LightTeal))
    room = client.me.calendars.by_calendar_id(made.id)
    marker = SingleValueLegacyExtendedProperty(id=MARKER, value="ref-1")
    single = await room.events.post(
        Event(
            subject="Visit",
            start=at("2026-12-02", 10),
            end=at("2026-12-02", 11),
            is_reminder_on=False,
            transaction_id="try-1",
            single_value_extended_properties=[marker],
        )
    )
    assert (single.is_reminder_on, single.start.date_time) == (False, "2026-12-02T09:00:00.0000000")
    pattern = RecurrencePattern(
        type=RecurrencePatternType.Weekly,
        interval=1,
        days_of_week=[DayOfWeek.Tuesday],
        first_day_of_week=DayOfWeek.Monday,
    )
    span = RecurrenceRange(
        type=RecurrenceRangeType.Numbered, start_date=date(2026, 12, 1), number_of_occurrences=3
    )
    series = await room.events.post(
        Event(
            subject="Series",
            start=at("2026-12-01", 14),
            end=at("2026-12-01", 15),
            recurrence=PatternedRecurrence(pattern=pattern, range=span),
        )
    )
    assert series.recurrence.range.number_of_occurrences == 3
    wanted = EventsRequestBuilder.EventsRequestBuilderGetQueryParameters(
        filter=f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER}' and ep/value eq 'ref-1')",
        expand=[EXPAND],
    )
    found = await room.events.get(request_configuration=RequestConfiguration(query_parameters=wanted))
    assert [item.single_value_extended_properties[0].value for item in found.value] == ["ref-1"]

    window = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(
        start_date_time="2026-12-01T00:00:00Z", end_date_time="2027-01-01T00:00:00Z"
    )
    page = await room.calendar_view.delta.get(
        request_configuration=RequestConfiguration(query_parameters=window)
    )
    items = list(page.value)
    while page.odata_next_link:
        page = await room.calendar_view.delta.with_url(page.odata_next_link).get()
        items += page.value
    assert len(items) == 5
    changed = await room.events.by_event_id(single.id).patch(Event(subject="Changed"))
    assert changed.subject == "Changed"
    await room.events.by_event_id(series.id).delete()
    page = await room.calendar_view.delta.with_url(page.odata_delta_link).get()
    items = list(page.value)
    while page.odata_next_link:
        page = await room.calendar_view.delta.with_url(page.odata_next_link).get()
        items += page.value
    gone = {item.id for item in items if "@removed" in item.additional_data}
    assert series.id in gone
    assert "Changed" in {item.subject for item in items}
    with pytest.raises(ODataError) as caught:
        await room.events.by_event_id(series.id).get()
    assert (caught.value.response_status_code, caught.value.error.code) == (404, "ErrorItemNotFound")
    busy = await client.me.calendar.get_schedule.post(
        GetSchedulePostRequestBody(
            schedules=[ADA], start_time=at("2026-12-02", 8), end_time=at("2026-12-02", 18)
        )
    )
    assert busy.value[0].schedule_id == ADA
    settings = await client.me.mailbox_settings.get()
    assert settings.time_zone == "W. Europe Standard Time"
    await room.delete()
    assert [item.name for item in (await client.me.calendars.get()).value] == ["Calendar"]
