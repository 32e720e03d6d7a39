"""The traps of reading Graph, of its calendars and busy times, each provoked at the laboratory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.core.faults import Match
from gateway.lab.microsoft import person
from gateway.providers.contract import (
    Access,
    BusyKind,
    CalendarLook,
    Delete,
    Removed,
    Scope,
    Unreadable,
    Upsert,
    Window,
)
from gateway.providers.errors import BadAnswer, CalendarMissing, CursorExpired, Forbidden, HasGuests
from gateway.providers.samples import SERIES, SINGLE, edited
from plugins.graph.account import GraphAccount
from plugins.graph.provider import GraphProvider
from tests.contract.graph.graph_lab import Signed, by_person, config_for, connect, stored, weekly
from tests.contract.lab.graph_client import ADA, BEN
from tests.contract.remote import KEY, everything, ical, opened, put, requests_of

WRITES = ("graph.events.create", "graph.events.patch", "graph.events.delete")


async def test_pain_11_what_a_delta_calls_removed_is_asked_for_before_it_is_believed(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    inside = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 5, 1, tzinfo=UTC))
    made = await put(account, calendar_id, SINGLE)
    far = by_person(laboratory, calendar_id, start=_at("2031-05-04T10"), end=_at("2031-05-04T11"))
    _, cursor = await everything(account, calendar_id, window=inside)
    # Moved out of the window, and changed outside of it: both come as removed, neither is.
    person.edit(
        laboratory.microsoft, made.remote_id, {"start": _at("2030-01-01T10"), "end": _at("2030-01-01T11")}
    )
    person.edit(laboratory.microsoft, far, {"subject": "Far away"})
    items, cursor = await everything(account, calendar_id, cursor, window=inside)
    assert isinstance(items[made.remote_id], Upsert)
    assert b"DTSTART;TZID=Europe/Berlin:20300101T" in items[made.remote_id].ical
    assert b"Far away" in items[far].ical
    person.delete(laboratory.microsoft, made.remote_id)
    items, _ = await everything(account, calendar_id, cursor, window=inside)
    assert items == {made.remote_id: Removed(remote_id=made.remote_id)}


def _at(text: str) -> dict[str, str]:
    return {"dateTime": f"{text}:00:00", "timeZone": "Europe/Berlin"}


async def test_pain_13_a_long_series_costs_few_requests_to_read_and_to_lose_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    laboratory.lab.settings.page_cap = 500
    text = ical(
        "DTSTART:20260101T090000Z", "DTEND:20260101T093000Z", "RRULE:FREQ=DAILY;COUNT=700", "SUMMARY:Daily"
    )
    _, cursor = await everything(account, calendar_id)
    made = await put(account, calendar_id, text)
    number = len(laboratory.lab.journal.entries)
    items, cursor = await everything(account, calendar_id, cursor)
    assert list(items) == [made.remote_id]
    assert len(laboratory.lab.journal.entries) - number <= 6
    await account.push(calendar_id, Delete(remote_id=made.remote_id))
    number = len(laboratory.lab.journal.entries)
    items, _ = await everything(account, calendar_id, cursor)
    assert items[made.remote_id] == Removed(remote_id=made.remote_id)
    assert len(laboratory.lab.journal.entries) - number <= 6


@pytest.mark.parametrize("code", ["syncStateNotFound", "resyncRequired"])
async def test_pain_10_an_expired_delta_link_says_so(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, code: str
) -> None:
    laboratory.lab.settings.delta_gone_code = code
    await put(account, calendar_id, SERIES)
    _, cursor = await everything(account, calendar_id)
    laboratory.lab.clock.advance(40 * 86_400)
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor)


async def test_a_cursor_belongs_to_its_calendar_scope_window_and_host(
    account: GraphAccount, calendar_id: str
) -> None:
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    _, cursor = await everything(account, calendar_id, window=window)
    other = (await account.create_calendar(CalendarLook(name="Other"))).id
    with pytest.raises(CursorExpired):
        await everything(account, other, cursor)
    with pytest.raises(CursorExpired):
        account.pull(calendar_id, cursor=cursor, window=window, scope=Scope.BUSY)
    # A day later the same window still serves; when it has rolled by more than a month, it does not.
    day = timedelta(days=1)
    moved = Window(start=window.start + day, end=window.end + day)
    await everything(account, calendar_id, cursor, window=moved)
    rolled = Window(start=window.start + 40 * day, end=window.end + 40 * day)
    with pytest.raises(CursorExpired):
        await everything(account, calendar_id, cursor, window=rolled)
    with pytest.raises(CursorExpired):
        await everything(
            account, calendar_id, cursor.replace("http://127.0.0.1", "http://graph.attacker.example")
        )


async def test_links_to_another_host_never_get_the_token(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    for number in range(5):
        await put(account, calendar_id, SINGLE, key=replace(KEY, uid=f"{number}@example.org"))
    laboratory.lab.settings.page_cap = 2
    _, cursor = await everything(account, calendar_id)
    await put(account, calendar_id, SINGLE, key=replace(KEY, uid="new@example.org"))
    for operation, start in (("graph.events.list", None), ("graph.calendarView.delta", cursor)):
        laboratory.lab.faults.script("graph_page_foreign", Match(operation=operation))
        with pytest.raises(BadAnswer) as caught:
            await everything(account, calendar_id, start)
        assert caught.value.code == "foreignLink"


async def test_one_changed_occurrence_brings_the_whole_series_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    laboratory.lab.settings.delta_lost_occurrences = 1.0
    name = by_person(laboratory, calendar_id, **weekly())
    _, cursor = await everything(account, calendar_id)
    found = person.event_of(laboratory.microsoft, name)
    first, second = (
        laboratory.microsoft.ids.item(found.item.key, 0, immutable=True, day=day)
        for day in ("2026-05-11", "2026-05-18")
    )
    person.edit(
        laboratory.microsoft,
        first,
        {"subject": "Moved", "start": _at("2026-05-12T15"), "end": _at("2026-05-12T16")},
    )
    person.delete(laboratory.microsoft, second)
    items, _ = await everything(account, calendar_id, cursor)
    series = items[name]
    assert isinstance(series, Upsert)
    assert b"RECURRENCE-ID;TZID=Europe/Berlin:20260511T100000" in series.ical
    assert b"DTSTART;TZID=Europe/Berlin:20260512T150000" in series.ical
    assert b"EXDATE;TZID=Europe/Berlin:20260518T100000" in series.ical


async def test_outlooks_day_31_is_the_last_day_of_shorter_months(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    recurrence = {
        "pattern": {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31},
        "range": {"type": "endDate", "startDate": "2026-01-31", "endDate": "2026-06-30"},
    }
    name = by_person(
        laboratory, calendar_id, recurrence=recurrence, start=_at("2026-01-31T10"), end=_at("2026-01-31T11")
    )
    items, _ = await everything(account, calendar_id)
    text = items[name].ical.replace(b"\r\n ", b"")
    assert b"RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;UNTIL=20260630T080000Z" in text
    made = await put(account, calendar_id, items[name].ical.replace(b"Theirs", b"Ours"), items[name])
    assert made.remote_id == name
    assert stored(laboratory, name)["recurrence"]["pattern"]["dayOfMonth"] == 31


@pytest.mark.parametrize(
    ("kind", "is_read"),
    [
        ("graph_garbage_zone", False),
        ("graph_garbage_custom_zone", True),
        ("graph_garbage_enum", True),
        ("graph_garbage_types", False),
        ("graph_garbage_no_start", False),
        ("graph_garbage_backwards", False),
        ("graph_garbage_huge", False),
        ("graph_garbage_html", False),
    ],
)
async def test_pain_8_a_broken_event_is_parked_and_never_taken_for_deleted_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, kind: str, is_read: bool
) -> None:
    name = by_person(laboratory, calendar_id)
    _, cursor = await everything(account, calendar_id)
    laboratory.lab.faults.script(kind, Match(), times=-1)
    for start in (None, cursor):
        if start is not None:
            person.edit(laboratory.microsoft, name, {"location": {"displayName": "Here"}})
        items, _ = await everything(account, calendar_id, start)
        item = items[name]
        assert isinstance(item, Upsert if is_read else Unreadable)
        if kind == "graph_garbage_enum":
            # Unknown words are read the strict way: private, and taking time.
            assert b"CLASS:PRIVATE" in item.ical
            assert b"TRANSPARENT" not in item.ical
    laboratory.lab.faults.clear()


async def test_a_declined_or_cancelled_meeting_takes_no_time(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    organizer = {"emailAddress": {"name": "Ben", "address": BEN}}
    name = by_person(laboratory, calendar_id, organizer=organizer)
    items, _ = await everything(account, calendar_id)
    assert items[name].guests
    with pytest.raises(HasGuests):
        await put(account, calendar_id, items[name].ical, items[name])


# ------------------------------------------------------------------------------------------ calendars


async def test_pain_67_a_calendar_that_is_gone_is_missing_graph(
    account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SINGLE)
    _, cursor = await everything(account, calendar_id)
    await account.delete_calendar(calendar_id)
    with pytest.raises(CalendarMissing):
        await everything(account, calendar_id, cursor)
    with pytest.raises(CalendarMissing):
        await account.fetch(calendar_id, made.remote_id)
    with pytest.raises(CalendarMissing):
        await put(account, calendar_id, edited(SINGLE), made)


async def test_only_calendars_that_were_made_here_can_be_deleted_graph(
    laboratory: Laboratory, account: GraphAccount
) -> None:
    theirs = laboratory.microsoft.new_calendar(ADA, "Private")
    for name in (laboratory.microsoft.calendar_id(theirs, ADA), "primary"):
        with pytest.raises(Forbidden):
            await account.delete_calendar(name)


async def test_a_name_that_is_taken_gets_a_number_and_no_calendar_is_taken_over(
    account: GraphAccount,
) -> None:
    look = CalendarLook(name="Atrium", zone="Europe/Berlin", color="#a0d0f0")
    first, second = [await account.create_calendar(look) for _ in range(2)]
    assert (first.name, second.name) == ("Atrium", "Atrium (2)")
    assert first.id != second.id
    assert first.color == "#a6d1f5"
    renamed = await account.change_calendar(second.id, CalendarLook(name="Atrium"))
    assert renamed.name == "Atrium (2)"


async def test_a_shared_calendar_is_written_through_its_own_path(laboratory: Laboratory) -> None:
    shared = laboratory.microsoft.new_calendar(BEN, "Rooms")
    person.share(laboratory.microsoft, shared, ADA, "write")
    config = config_for(laboratory.lab.base_url, shared="1")
    async with opened(GraphProvider(), config, await connect(config)) as signed:
        found = {each.name: each for each in await signed.account.calendars()}
        assert found["Ben Example"].access is Access.WRITE
        made = await put(signed.account, found["Ben Example"].id, SERIES)
        made = await put(signed.account, found["Ben Example"].id, edited(SERIES), made)
        assert len(shared.items) == 1


# ---------------------------------------------------------------------------------------------- busy


async def test_long_spans_and_many_addresses_are_asked_in_parts_graph(
    laboratory: Laboratory, account: GraphAccount
) -> None:
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 7, 1, tzinfo=UTC))
    by_person(laboratory, "", start=_at("2026-03-01T10"), end=_at("2026-03-01T11"))
    names = [ADA, BEN, *(f"{number}@example.org" for number in range(25))]
    found = await account.busy(names, window)
    assert [span.kind for span in found[ADA]] == [BusyKind.BUSY]
    assert found[BEN] == []
    assert [span.kind for span in found["7@example.org"]] == [BusyKind.UNKNOWN]
    assert len(requests_of(laboratory, "graph.getSchedule")) == 8


async def test_what_is_cut_off_or_forbidden_is_unknown_never_free(
    laboratory: Laboratory, account: GraphAccount, signed: Signed
) -> None:
    window = Window(start=datetime(2026, 5, 1, tzinfo=UTC), end=datetime(2026, 6, 1, tzinfo=UTC))
    by_person(laboratory, "")
    laboratory.lab.settings.schedule_items = 0
    for _ in range(2):
        (span,) = (await account.busy([ADA], window))[ADA]
        assert span.kind is BusyKind.UNKNOWN
        laboratory.lab.faults.script("graph_403_access", Match(operation="graph.getSchedule"))
    assert signed.states
