"""Times as they go to Outlook and come back: floating, several days, days that do not block, headers that ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import text_of
from gateway.domain.recurrence import iter_instances
from gateway.lab.app import Laboratory
from gateway.lab.microsoft import event_reads, items, person, times
from gateway.providers.contract import Delete, Removed, Upsert
from gateway.providers.errors import Rejected
from gateway.providers.samples import SAMPLES, SERIES
from plugins.graph.account import GraphAccount
from plugins.graph.expand import MAX_DATES
from plugins.graph.instances import window_at
from tests.contract.graph.graph_lab import by_person, stored
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


def unnamed_weekly(laboratory: Laboratory, calendar_id: str, first: datetime) -> str:
    """Let a person make a weekly series whose zone Outlook shows without a name: its rules are told nowhere."""
    day = f"{first:%Y-%m-%d}"
    name = by_person(
        laboratory,
        calendar_id,
        start={"dateTime": f"{day}T10:00:00", "timeZone": "Europe/Berlin"},
        end={"dateTime": f"{day}T11:00:00", "timeZone": "Europe/Berlin"},
        recurrence={
            "pattern": {"type": "daily", "interval": 7},
            "range": {"type": "numbered", "startDate": day, "numberOfOccurrences": 90},
        },
    )
    master = person.event_of(laboratory.microsoft, name)
    body = dict(master.item.now.body)
    span = {**body["recurrence"]["range"], "recurrenceTimeZone": "tzone://Microsoft/Custom"}
    body["recurrence"] = {**body["recurrence"], "range": span}
    laboratory.microsoft.put(master.calendar, master.item.key, body)
    return name


async def test_pain_22_a_series_in_a_zone_without_a_name_is_read_by_its_occurrences_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    microsoft, now = laboratory.microsoft, datetime.now(UTC)
    name = unnamed_weekly(laboratory, calendar_id, now - timedelta(days=20))
    calendar = person.event_of(microsoft, name).calendar
    soon = event_reads.rows_between(microsoft, calendar, now, now + timedelta(days=40))
    ids = [items.event_id(microsoft, item, key, immutable=True) for item, _, _, key in soon]
    person.edit(microsoft, ids[2], {"subject": "Another"})
    person.delete(microsoft, ids[4])

    pulled, _ = await everything(account, calendar_id)
    one = pulled[name]
    assert isinstance(one, Upsert)
    assert one == await account.fetch(calendar_id, name)
    window = window_at(now)
    rows = event_reads.rows_between(microsoft, calendar, window.start, window.end)
    wanted = {(times.instant(row["start"]), row["subject"]) for _, _, row, _ in rows}
    obj = parse_object(one.ical, max_bytes=len(one.ical))
    seen = iter_instances(obj, zone=ZoneInfo("UTC"), window=window, limit=1000)
    assert {(each.start, text_of(each.component, "SUMMARY")) for each in seen} == wanted
    # Both offsets of Berlin are in it: nobody has taken the zone for UTC.
    assert {moment.hour for moment, _ in wanted} == {8, 9}
    assert {title for _, title in wanted} == {"Theirs", "Another"}
    # What Outlook cannot be told is refused with its reason; it can be deleted.
    with pytest.raises(Rejected, match="person's own"):
        await put(account, calendar_id, one.ical.replace(b"SUMMARY:Theirs", b"SUMMARY:Ours"), one)
    gone = await account.push(calendar_id, Delete(remote_id=name, if_version=one.version))
    assert isinstance(gone, Removed)


def test_the_months_of_which_occurrences_are_listed_hold_no_more_days_than_a_list_may_have() -> None:
    for day in range(0, 1500, 5):
        window = window_at(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))
        assert (window.end - window.start).days < MAX_DATES


@pytest.mark.parametrize("days", [-950, 950])
async def test_pain_22_of_a_series_without_a_named_zone_outside_the_months_the_first_is_told_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, days: int
) -> None:
    name = unnamed_weekly(laboratory, calendar_id, first := datetime.now(UTC) + timedelta(days=days))
    pulled, _ = await everything(account, calendar_id)
    one = pulled[name]
    assert isinstance(one, Upsert)
    begins = datetime(first.year, first.month, first.day, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    assert f"DTSTART:{begins.astimezone(UTC):%Y%m%dT%H%M%SZ}".encode() in one.ical
    assert (b"RDATE" in one.ical, b"RRULE" in one.ical) == (False, False)


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
