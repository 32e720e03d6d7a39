"""Times as they go to Outlook and come back: floating, several days, days that do not block, headers that ask."""

from __future__ import annotations

from dataclasses import replace

from gateway.lab.app import Laboratory
from gateway.providers.contract import Upsert
from gateway.providers.samples import SAMPLES, SERIES
from plugins.graph.account import GraphAccount
from tests.contract.graph.graph_lab import stored
from tests.contract.remote import KEY, LOOK, everything, put, requests_of


async def test_pain_25_floating_times_get_the_zone_of_the_resource_graph(
    account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SAMPLES["floating"], look=replace(LOOK, zone="America/New_York"))
    assert b"DTSTART;TZID=America/New_York:20260327T090000" in made.ical


async def test_pain_27_days_block_or_not_as_they_say_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    for name, show_as in (("days", "free"), ("all-day", "busy")):
        made = await put(account, calendar_id, SAMPLES[name], key=replace(KEY, uid=f"{name}@example.org"))
        body = stored(laboratory, made.remote_id)
        assert (body["isAllDay"], body["showAs"]) == (True, show_as)
        found = await account.fetch(calendar_id, made.remote_id)
        assert isinstance(found, Upsert)
        assert (b"TRANSP:TRANSPARENT" in found.ical) == (show_as == "free")


async def test_every_call_asks_for_immutable_ids_utc_and_plain_text(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    await put(account, calendar_id, SERIES)
    await everything(account, calendar_id)
    calls = [entry for entry in requests_of(laboratory) if entry["path"].startswith("/v1.0/")]
    assert len(calls) > 8
    for entry in calls:
        prefer = entry["headers"]["prefer"]
        assert 'IdType="ImmutableId"' in prefer
        assert 'outlook.timezone="UTC"' in prefer
        assert 'outlook.body-content-type="text"' in prefer
        assert entry["headers"]["client-request-id"]
