"""The traps of series at Graph: exceptions, and rules that Outlook cannot repeat, each provoked at the laboratory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.lab.app import Laboratory
from gateway.lab.core.faults import Match
from gateway.lab.microsoft import person
from gateway.providers.compare import comparable
from gateway.providers.contract import Delete, Removed, Upsert, Window
from gateway.providers.errors import Rejected, VersionConflict
from gateway.providers.samples import SAMPLES, SERIES
from plugins.graph.account import GraphAccount
from plugins.graph.mapping import project
from tests.contract.graph.graph_lab import stored
from tests.contract.remote import KEY, LOOK, everything, ical, put, requests_of

WRITES = ("graph.events.create", "graph.events.patch", "graph.events.delete")


@pytest.mark.parametrize("keep", [False, True])
async def test_pain_17_new_times_of_a_series_keep_its_exceptions_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str, keep: bool
) -> None:
    laboratory.lab.settings.wipe_exceptions = not keep
    made = await put(account, calendar_id, SERIES)
    shifted = SERIES.replace(b"T100000", b"T110000").replace(b"T113000", b"T123000")
    made = await put(account, calendar_id, shifted, made)
    assert comparable(made.ical) == comparable(project(shifted, LOOK))
    body = stored(laboratory, made.remote_id)
    assert sorted(body["exceptions"]) == ["2026-03-27"]
    assert sorted(body["cancelled"]) == ["2026-04-03", "2026-04-10"]


async def test_pain_9_new_times_that_were_interrupted_are_no_edit_and_are_finished_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    shifted = SERIES.replace(b"T100000", b"T110000").replace(b"T113000", b"T123000")
    for skip in range(6):
        key = replace(KEY, uid=f"{skip}@example.org")
        made = await put(account, calendar_id, SERIES, key=key)
        _, cursor = await everything(account, calendar_id)
        laboratory.lab.faults.script("503_before", Match(), skip=skip + 1)
        with pytest.raises(Exception, match="not well"):
            await put(account, calendar_id, shifted, made, key=key)
        laboratory.lab.faults.clear()
        items, _ = await everything(account, calendar_id, cursor)
        found = items.get(made.remote_id, made)
        is_whole = comparable(found.ical) in {comparable(project(text, LOOK)) for text in (SERIES, shifted)}
        assert is_whole or found.is_unfinished, skip
        done = await put(account, calendar_id, shifted, found, key=key)
        assert comparable(done.ical) == comparable(project(shifted, LOOK))
        assert not done.is_unfinished


async def test_a_title_alone_does_not_touch_the_times_of_a_series_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SERIES)
    number = len(requests_of(laboratory, "graph.events.patch"))
    renamed = SERIES.replace(
        b"SUMMARY:Weekly\r\nEND:VEVENT\r\nBEGIN", b"SUMMARY:New\r\nEND:VEVENT\r\nBEGIN", 1
    )
    await put(account, calendar_id, renamed, made)
    patches = requests_of(laboratory, "graph.events.patch")[number:]
    assert len(patches) == 1
    assert not {"start", "end", "recurrence", "isAllDay"} & set(patches[0]["body"])


async def test_an_occurrence_that_was_left_out_can_take_place_again(
    account: GraphAccount, calendar_id: str
) -> None:
    made = await put(account, calendar_id, SERIES)
    lines = [line for line in SERIES.split(b"\r\n") if not line.startswith(b"EXDATE")]
    restored = b"\r\n".join(lines)
    made = await put(account, calendar_id, restored, made)
    assert comparable(made.ical) == comparable(project(restored, LOOK))
    assert b"20260403" not in made.ical


async def test_many_exceptions_are_written_with_few_questions_graph(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    exdates = ",".join(f"202604{day:02}T090000Z" for day in range(1, 21))
    text = ical("DTSTART:20260401T090000Z", "DTEND:20260401T100000Z", "RRULE:FREQ=DAILY;COUNT=60")
    await put(
        account, calendar_id, text.replace(b"\r\nEND:VEVENT", f"\r\nEXDATE:{exdates}\r\nEND:VEVENT".encode())
    )
    assert len(requests_of(laboratory, "graph.events.delete")) == 20
    assert len(requests_of(laboratory, "graph.events.instances")) <= 10  # pages of three


async def test_occurrences_that_follow_each_other_are_moved_in_an_order_that_works(
    account: GraphAccount, calendar_id: str
) -> None:
    """Each occurrence moves onto the day of the next one, which moves on as well."""
    lines = ["DTSTART:20260401T090000Z", "DTEND:20260401T100000Z", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=4"]
    text = ical(*lines, "SUMMARY:Chain")
    for day in (3, 5, 7):
        override = [
            "BEGIN:VEVENT", "UID:sample@example.org", "DTSTAMP:20260101T000000Z",
            f"RECURRENCE-ID:202604{day:02}T090000Z", f"DTSTART:202604{day + 2:02}T080000Z",
            f"DTEND:202604{day + 2:02}T090000Z", "SUMMARY:Chain", "END:VEVENT", "END:VCALENDAR", "",
        ]  # fmt: skip
        text = text.replace(b"END:VCALENDAR\r\n", "\r\n".join(override).encode())
    made = await put(account, calendar_id, text)
    assert made.remote_id.startswith("AAkALg")
    assert comparable(made.ical) == comparable(project(text, LOOK))


# ----------------------------------------------------------------------------------- what is expanded


async def test_pain_20_what_outlook_cannot_repeat_like_is_single_events_and_changes_as_one(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = ical(
        "DTSTART;TZID=Europe/Berlin:20260331T100000", "DTEND;TZID=Europe/Berlin:20260331T110000",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", "SUMMARY:Closing",
    )  # fmt: skip
    made = await put(account, calendar_id, text)
    assert made.remote_id.startswith("expanded:")
    assert made.ical.count(b"RDATE") == 3
    items, cursor = await everything(account, calendar_id)
    assert list(items) == [made.remote_id]
    shorter = text.replace(b"COUNT=4", b"COUNT=3").replace(b"Closing", b"Stocktaking")
    changed = await put(account, calendar_id, shorter, made)
    assert changed.remote_id == made.remote_id
    assert len(laboratory.microsoft.state.where) == 3
    items, cursor = await everything(account, calendar_id, cursor)
    assert items[made.remote_id].version == changed.version
    # One of its events is deleted by the person: the object has changed, it is not gone.
    (_, second, _) = sorted(_living(laboratory))
    person.delete(laboratory.microsoft, second)
    items, cursor = await everything(account, calendar_id, cursor)
    found = items[made.remote_id]
    assert isinstance(found, Upsert)
    assert found.ical.count(b"RDATE") == 1
    with pytest.raises(VersionConflict):
        await put(account, calendar_id, text, changed)
    gone = await account.push(calendar_id, Delete(remote_id=made.remote_id, if_version=found.version))
    assert gone == Removed(remote_id=made.remote_id)
    items, cursor = await everything(account, calendar_id, cursor)
    assert items[made.remote_id] == Removed(remote_id=made.remote_id)
    assert await account.fetch(calendar_id, made.remote_id) == Removed(remote_id=made.remote_id)


def _living(laboratory: Laboratory) -> list[str]:
    microsoft = laboratory.microsoft
    return [microsoft.ids.item(key, 0, immutable=True) for key in microsoft.state.where]


async def test_pain_20_an_endless_rule_is_written_out_inside_the_horizon_which_rolls(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = ical("DTSTART:20260131T100000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY", "SUMMARY:Month's end")
    with pytest.raises(Rejected, match="500 dates"):
        await put(account, calendar_id, text)
    months = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 9, 1, tzinfo=UTC))
    made = await put(account, calendar_id, text, look=replace(LOOK, horizon=months))
    assert len(laboratory.microsoft.state.where) == 4
    later = Window(start=datetime(2026, 4, 1, tzinfo=UTC), end=datetime(2026, 11, 1, tzinfo=UTC))
    number = len(requests_of(laboratory, "graph.events.create"))
    made = await put(account, calendar_id, text, made, look=replace(LOOK, horizon=later))
    assert len(laboratory.microsoft.state.where) == 4
    assert len(requests_of(laboratory, "graph.events.create")) - number == 1
    assert b"20261031T100000Z" in made.ical


async def test_a_crash_in_the_middle_of_an_expanded_series_is_mended_by_the_same_call(
    laboratory: Laboratory, account: GraphAccount, calendar_id: str
) -> None:
    text = SAMPLES["dates"]
    laboratory.lab.faults.script("503_before", Match(operation="graph.events.create"), skip=1)
    with pytest.raises(Exception, match="not well"):
        await put(account, calendar_id, text)
    made = await put(account, calendar_id, text, is_repeat=True)
    assert len(laboratory.microsoft.state.where) == 3
    assert comparable(made.ical) == comparable(project(text, LOOK))
