"""Reads of Graph may lag behind its writes: repeating a create must not take "not shown" for "not there"."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.microsoft import person
from gateway.providers.contract import CalendarLook, Delete, Removed
from gateway.providers.errors import BadAnswer, Rejected, Unavailable
from gateway.providers.samples import SERIES, SINGLE, edited
from plugins.graph.client import GraphClient
from plugins.graph.push import Push
from tests.contract.graph.graph_lab import signed_in
from tests.contract.graph.test_graph_faults import alive
from tests.contract.lab.graph_client import ADA
from tests.contract.remote import everything, ical, put

LATER = "SUMMARY:Later", "DTSTART:20260504T100000Z", "DTEND:20260504T110000Z"


@pytest.mark.parametrize("text", [SINGLE, SERIES], ids=["single", "series"])
async def test_pain_3_a_repeated_create_that_is_not_shown_yet_makes_no_copy_after_copy_graph(
    text: bytes,
) -> None:
    """Found by the storm: the new event was not shown, so the next key was tried, and the next: 17 copies."""
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory, signed_in(laboratory) as signed:
        calendar = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        laboratory.lab.settings.list_lag_s = 60.0
        for _ in range(3):
            with nullcontext() if text == SINGLE else pytest.raises(BadAnswer, match="not show yet"):
                await put(signed.account, calendar, text, is_repeat=True)
            assert len(created(laboratory, calendar)) == 1
        laboratory.lab.settings.list_lag_s = 0.0
        await put(signed.account, calendar, text, is_repeat=True)
        assert len(created(laboratory, calendar)) == alive(laboratory, calendar) == 1


async def test_a_create_that_a_person_has_moved_away_is_made_anew_graph() -> None:
    """The answer to the repeated create is her event, in her calendar: it is left there."""
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory, signed_in(laboratory) as signed:
        calendar = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        other = (await signed.account.create_calendar(CalendarLook(name="Hers"))).id
        made = await put(signed.account, calendar, SINGLE)
        microsoft = laboratory.microsoft
        person.move(microsoft, made.remote_id, person.calendar_of(microsoft, ADA, other))
        again = await put(signed.account, calendar, SINGLE, is_repeat=True)
        assert again.remote_id != made.remote_id
        assert alive(laboratory, calendar) == alive(laboratory, other) == 1


async def test_pain_3_a_create_whose_answer_was_lost_and_whose_object_changed_stays_one_graph() -> None:
    """Its key is refused, since the text is another one; not shown yet, it is no event that was deleted."""
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory, signed_in(laboratory) as signed:
        calendar = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        text = ical(*LATER)
        await put(signed.account, calendar, text)
        laboratory.lab.settings.list_lag_s = 60.0
        for _ in range(3):
            with pytest.raises(Unavailable, match="not show yet"):
                await put(signed.account, calendar, edited(text), is_repeat=True)
        laboratory.lab.settings.list_lag_s = 0.0
        made = await put(signed.account, calendar, edited(text), is_repeat=True)
        assert list((await everything(signed.account, calendar))[0]) == [made.remote_id]
        assert alive(laboratory, calendar) == 1


async def test_pain_3_reads_that_catch_up_in_the_middle_of_a_create_leave_one_event_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The older event was shown by then and the one just made was not: it stayed as a copy."""
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory, signed_in(laboratory) as signed:
        calendar = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        text = ical(*LATER)
        await put(signed.account, calendar, text)
        laboratory.lab.clock.advance(100.0)
        laboratory.lab.settings.list_lag_s = 150.0
        in_place = Push._in_place

        async def catches_up(*more: Any) -> Any:
            laboratory.lab.settings.list_lag_s = 50.0
            return await in_place(*more)

        monkeypatch.setattr(Push, "_in_place", catches_up)
        await put(signed.account, calendar, edited(text), is_repeat=True)
        assert alive(laboratory, calendar) == 1


async def test_an_event_that_is_not_shown_yet_is_not_taken_for_deleted_graph() -> None:
    """A copy just made got 404 by its id: a two-way link would have deleted the booking here."""
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory, signed_in(laboratory) as signed:
        calendar = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        laboratory.lab.settings.list_lag_s = 60.0
        made = await put(signed.account, calendar, SINGLE)
        with pytest.raises(Unavailable, match="not show yet"):
            await signed.account.fetch(calendar, made.remote_id)
        laboratory.lab.settings.list_lag_s = 0.0
        assert (await signed.account.fetch(calendar, made.remote_id)).version == made.version
        await signed.account.push(calendar, Delete(remote_id=made.remote_id, if_version=made.version))
        assert isinstance(await signed.account.fetch(calendar, made.remote_id), Removed)


async def test_a_deletion_is_believed_where_the_question_is_refused_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refusal would otherwise stop the link for every copy that a person deletes."""
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory, signed_in(laboratory) as signed:
        calendar = (await signed.account.create_calendar(CalendarLook(name="Room"))).id
        made = await put(signed.account, calendar, SINGLE)
        await signed.account.push(calendar, Delete(remote_id=made.remote_id, if_version=made.version))
        call = GraphClient.call

        async def refuses(client: GraphClient, method: str, path: str, **more: Any) -> Any:
            if method == "PATCH" and more["json"] == {}:
                raise Rejected("Microsoft does not take this event (ErrorInvalidRequest).")
            return await call(client, method, path, **more)

        monkeypatch.setattr(GraphClient, "call", refuses)
        assert isinstance(await signed.account.fetch(calendar, made.remote_id), Removed)


def created(laboratory: Laboratory, calendar_id: str) -> list[str]:
    """Return every event that was ever made in a calendar."""
    microsoft = laboratory.microsoft
    return list(person.calendar_of(microsoft, ADA, calendar_id).items)
